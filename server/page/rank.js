/* rank.js - one text against many, and how sure the first place is. */

import { channel, chosen, explain, post } from './api.js';
import { $, announcer, complaint, duration, el, examples, fixed, later, lines, onTyping, percent, plural, show } from './dom.js';
import { rankings } from './examples.js';

const fail = complaint($('rank-error'));
const speak = announcer($('rank-spoken'));
const given = () => ({ query: $('query').value.trim(), candidates: lines($('candidates').value) });
let last = null;

export function request() {
  return { path: 'v1/rank', body: chosen({ ...given(), abstain_below: Number($('abstain').value) }) };
}

function meter(name, share, text, kind = '') {
  return el('div', { class: `meter ${kind}` }, el('span', { text: name }),
            el('div', { class: 'track' }, el('i', { vars: { '--w': Math.max(0, Math.min(1, share)) } })),
            el('b', { text }));
}

function place(result, texts) {
  return el('li', {}, el('p', { text: texts[result.index] }, el('span', { text: `margin ${result.margin === null ? '\u2013' : fixed(result.margin, 2)}` })),
            el('div', { class: 'bars' }, meter('cosine', result.cosine, fixed(result.cosine)),
               meter('share', result.softmax, percent(result.softmax)),
               result.probability === undefined ? null
                   : meter('probability', result.probability, percent(result.probability), 'warm')));
}

/* ---- how sure: margins from -4 to 12, where one abstains, and where the best one is ---- */

const LEAST = -4, MOST = 12;
const along = (margin) => (Math.max(LEAST, Math.min(MOST, margin)) - LEAST) / (MOST - LEAST);

function drawGauge(best, bar) {
  const gauge = $('gauge');
  gauge.style.setProperty('--x', along(bar));
  gauge.classList.toggle('out', best < bar);
  gauge.setAttribute('aria-label', `Margin of the best candidate ${fixed(best, 2)}; abstain below ${fixed(bar, 1)}`);
  gauge.firstElementChild.style.setProperty('--x', along(0));
  $('gauge-best').style.setProperty('--x', along(best));
}

function judge() {
  const bar = Number($('abstain').value);
  $('abstain-value').textContent = fixed(bar, 1);
  if (!last)
    return;
  const best = last.results[0], alone = best.margin === null, sure = alone || best.margin >= bar;
  const verdict = sure ? `Best: ${last.texts[best.index]}` : 'Not sure enough to answer';
  $('verdict').textContent = verdict;
  drawGauge(alone ? MOST : best.margin, bar);
  speak(`${verdict}, cosine ${fixed(best.cosine)}`);
}

const rank = channel(async (signal) => {
  const { path, body } = request();
  const { answer, ms } = await post(path, body, signal);
  fail();
  last = { results: answer.results, texts: body.candidates };
  $('ranked').replaceChildren(...answer.results.map((r) => place(r, body.candidates)));
  $('rank-facts').textContent = [duration(ms), plural(answer.usage.tokens, 'token'), answer.attention].join(' · ');
  show($('ranking'), true);
  judge();
}, (error) => {
  show($('ranking'), false);
  fail(explain(error));
});

export function refresh() {
  const { query, candidates } = given();
  if (query && candidates.length) {
    rank();
    return;
  }
  rank.stop();
  last = null;
  show($('ranking'), false);
}

function open(e) {
  $('query').value = e.query;
  $('candidates').value = e.candidates.join('\n');
}

export function start(touched) {
  const typed = later(180, () => { touched(); refresh(); });
  onTyping([$('query'), $('candidates')], typed);
  $('abstain').addEventListener('input', () => { judge(); touched(); });
  examples($('rank-examples'), rankings, (e) => { open(e); touched(); refresh(); });
  open(rankings[0]);
}
