/* compare.js - two texts, their score as one types; how it comes about (explanation) and what the model reads (tokens).
 *
 * The score comes first and alone; explanation and tokens follow when the typist rests. A server without `explain` or
 * without /tokenize has no such cards. */

import { channel, chosen, explain, post, settings, state } from './api.js';
import { $, announcer, complaint, duration, el, examples, fixed, later, onTyping, percent, plural, show } from './dom.js';
import { pairs } from './examples.js';
import { heatGrid } from './grid.js';

const fail = complaint($('compare-error'));
const speak = announcer($('spoken'));
const given = () => [$('a').value, $('b').value];
const complete = () => given().every((text) => text.trim() !== '');

export function request() {
  return { path: 'v1/similarity', body: chosen({ pairs: [given()] }) };
}

/* ---- the score ---- */

function facts(answer, ms) {
  const parts = [duration(ms), plural(answer.usage.tokens, 'token'), `${answer.attention} attention`];
  for (const cut of answer.usage.truncated ?? [])
    parts.push(`${side(cut.input)} text cut to ${cut.kept} of ${cut.tokens} tokens`);
  for (const odd of answer.usage.unknown ?? [])
    parts.push(`${plural(odd.unknown, 'unknown token')} in the ${side(odd.input).toLowerCase()} text`);
  if (answer.warning)
    parts.push(answer.warning);
  return parts.join(' · ');
}

const side = (name) => (name.endsWith('.a') ? 'First' : 'Second');

function showScore(answer, ms) {
  const score = answer.scores[0], p = answer.probabilities?.[0];
  $('score').textContent = fixed(score);
  $('score').classList.remove('stale');
  $('angle').textContent = `${Math.round(180 / Math.PI * Math.acos(Math.max(-1, Math.min(1, score))))}\u00b0`;
  $('cosine-bar').style.setProperty('--w', Math.max(0, Math.min(1, score)));
  show($('probability'), p !== undefined);
  if (p !== undefined) {
    $('probability-bar').style.setProperty('--w', p);
    $('probability-value').textContent = percent(p);
  }
  $('facts').textContent = facts(answer, ms);
  speak(`Similarity ${fixed(score)}${p === undefined ? '' : `, probability ${percent(p)}`}`);
}

function clear(text) {
  $('score').textContent = '–';
  $('angle').textContent = '';
  $('score').classList.remove('stale');
  $('cosine-bar').style.setProperty('--w', 0);
  $('facts').textContent = text;
  for (const id of ['probability', 'explanation', 'tokens'])
    show($(id), false);
}

const score = channel(async (signal) => {
  const { path, body } = request();
  const { answer, ms } = await post(path, body, signal);
  fail();
  showScore(answer, ms);
}, (error) => {
  clear('');
  fail(explain(error));
});

/* ---- the explanation ---- */

let explains = true;    /* until the server says otherwise; asked again with other settings */

function showExplanation(e, score) {
  const { a, b, contributions: share } = e;
  const most = Math.max(1e-9, ...share.flat().map(Math.abs)), add = (list) => list.reduce((x, y) => x + y, 0);
  const sums = [share.map(add), b.map((_, c) => add(share.map((row) => row[c])))], sum = add(sums[0]);
  const thousandths = (x) => fixed(1000 * x, 0);
  $('explanation-sum').textContent =
    `How much each token of the second text adds for each of the first, in thousandths; all together ${fixed(sum)}, the score ${fixed(score)}.`;
  $('explanation-method').textContent = e.method ? `Method: ${e.method}.` : '';
  heatGrid($('explanation-grid'), {
    label: 'Contribution of every pair of tokens', compact: true,
    rows: a.map((t) => t.token), columns: b.map((t) => t.token),
    notes: sums.map((side) => side.map(thousandths)),
    value: (r, c) => share[r][c], strength: (x) => x * Math.abs(x) / most ** 2, text: thousandths,
    say: (r, c) => `${a[r].token} × ${b[c].token} adds ${fixed(share[r][c], 4)}`,
  });
  show($('explanation'), true);
}

/* Of two long texts it would be megabytes, and a picture nobody can read. */
const isShort = () => given().reduce((cells, text) => cells * text.length, 1) <= 2e4;

const explanation = channel(async (signal) => {
  const { path, body } = request();
  const { answer } = await post(path, { ...body, explain: true }, signal);
  explains = answer.explanations?.[0] !== undefined;
  if (explains)
    showExplanation(answer.explanations[0], answer.scores[0]);
  else
    show($('explanation'), false);
}, (error) => {
  explains = !(error.status >= 400 && error.status < 500);
  show($('explanation'), false);
});

/* ---- the tokens ---- */

function chip(token, unknown) {
  const place = token.special ? 'no bytes' : `bytes ${token.start} to ${token.stop}`;
  const odd = unknown ? ', not in the vocabulary' : '';
  const kind = token.special ? 'special' : unknown ? 'unknown' : '';
  return el('li', { class: kind, title: place + odd },
            el('b', { text: token.text }), el('small', { text: token.id }),
            el('span', { class: 'sr', text: `, ${place}${odd}` }));
}

const TOKENS_MAX = 300;

/* The id of the unknown token is a model's own; llama.cpp's form of /tokenize names the pieces. */
let unknownId;
async function learnUnknown(text, signal) {
  const { answer } = await post('tokenize', { content: text, with_pieces: true }, signal);
  unknownId = answer.tokens.find((t) => /^[[<]unk[\]>]$/i.test(t.piece))?.id;
}

const tokens = channel(async (signal) => {
  const { answer } = await post('tokenize', { inputs: given() }, signal);
  if (unknownId === undefined && $('facts').textContent.includes('unknown'))
    await learnUnknown(given().join(' '), signal);
  ['tokens-a', 'tokens-b'].forEach((id, i) =>
      $(id).replaceChildren(...answer[i].slice(0, TOKENS_MAX).map((t) => chip(t, !t.special && t.id === unknownId)),
                          answer[i].length > TOKENS_MAX ? `… ${answer[i].length - TOKENS_MAX} more` : ''));
  show($('tokens'), true);
}, () => show($('tokens'), false));

/* /tokenize is of text-embeddings-inference, which knows one model: the first. */
const isFirstModel = () => state.models.length < 2 || settings.model === state.models[0].id;

const details = later(250, () => {
  if (!complete())
    return;
  if (explains && isShort())
    explanation();
  else
    show($('explanation'), false);
  if (isFirstModel())
    tokens();
  else
    show($('tokens'), false);
});

export function refresh() {
  if (!complete()) {
    [score, explanation, tokens].forEach((c) => c.stop());
    clear('Type two texts: the score follows.');
    return;
  }
  $('score').classList.add('stale');
  score();
  details();
}

export function changed() {
  explains = true;
  $('probability-name').textContent = `probability (${settings.calibration})`;
  refresh();
}

export function open(a, b) {
  $('a').value = a;
  $('b').value = b;
}

export function start(touched) {
  const soon = later(120, () => { touched(); refresh(); });
  onTyping([$('a'), $('b')], () => { $('score').classList.add('stale'); soon(); });
  examples($('compare-examples'), pairs, (e) => { open(e.a, e.b); touched(); refresh(); });
  open(pairs[0].a, pairs[0].b);
}
