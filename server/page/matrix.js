/* matrix.js - every text of one list against every text of another, as a heat map. */

import { channel, chosen, explain, post } from './api.js';
import { $, announcer, complaint, duration, examples, fixed, later, lines, onTyping, plural, show } from './dom.js';
import { matrices } from './examples.js';
import { heatGrid } from './grid.js';

const CELLS_MAX = 2500;    /* more would be a picture nobody can read */
const fail = complaint($('matrix-error'));
const speak = announcer($('matrix-spoken'));
const given = () => ({ left: lines($('left').value), right: lines($('right').value) });
let last = null, openPair;

export function request() {
  return { path: 'v1/similarity', body: chosen(given()) };
}

function draw() {
  if (!last)
    return;
  const { left, right, scores } = last, all = scores.flat(), stretch = $('stretch').checked;
  const low = stretch ? Math.min(...all) : 0, high = stretch ? Math.max(...all) : 1, range = high - low || 1;
  $('matrix-low').textContent = fixed(low, 2);
  $('matrix-high').textContent = fixed(high, 2);
  heatGrid($('matrix-grid'), {
    label: 'Scores, rows against columns', rows: left, columns: right,
    value: (r, c) => scores[r][c], strength: (x) => Math.max(0, (x - low) / range), text: (x) => fixed(x, 2),
    say: (r, c) => `${left[r]} × ${right[c]}: ${fixed(scores[r][c])}`,
    open: (r, c) => openPair(left[r], right[c]),
  });
}

const compute = channel(async (signal) => {
  const { path, body } = request();
  const { answer, ms } = await post(path, body, signal);
  fail();
  last = { left: body.left, right: body.right, scores: answer.scores };
  $('matrix-facts').textContent =
    [duration(ms), plural(answer.usage.tokens, 'token'), 'a cell opens its pair in Compare'].join(' · ');
  show($('matrix-card'), true);
  draw();
  speak(plural(answer.scores.flat().length, 'score'));
}, (error) => {
  show($('matrix-card'), false);
  fail(explain(error));
});

export function refresh() {
  const { left, right } = given(), cells = left.length * right.length;
  if (cells > CELLS_MAX)
    fail(`${plural(cells, 'cell')}: this page draws at most ${CELLS_MAX}, the route takes more`);
  else if (cells)
    compute();
  else {
    compute.stop();
    show($('matrix-card'), false);
  }
}

function open(e) {
  $('left').value = e.left.join('\n');
  $('right').value = e.right.join('\n');
}

export function start(touched, openInCompare) {
  openPair = openInCompare;
  onTyping([$('left'), $('right')], later(220, () => { touched(); refresh(); }));
  $('stretch').addEventListener('change', draw);
  examples($('matrix-examples'), matrices, (e) => { open(e); touched(); refresh(); });
  open(matrices[0]);
}
