/* trust.js - what calibrations are worth and whether the texts have drifted, to look at rather than to read. */

import { channel, explain, get, state, tell } from './api.js';
import { $, complaint, el, fixed, percent, plural, svg } from './dom.js';

export function request() {
  return { path: 'v1/drift' };
}

/* ---- calibrations: said against seen, each dot a tenth of the pairs (those left out of the fit) ---- */

const SIDE = 150, EDGE = 10;
const at = (p) => EDGE + SIDE * p;

function reliability(c) {
  const bins = c.leave_one_out.bins.filter((b) => b.count > 0), all = bins.reduce((n, b) => n + b.count, 0);
  const whole = SIDE + 2 * EDGE, up = (p) => whole - at(p);
  return svg('svg', { class: 'plot', viewBox: `0 0 ${whole} ${whole}`, role: 'img',
                      'aria-label': `Probability said against share seen, expected error ${percent(c.leave_one_out.ece)}` },
             svg('rect', { x: EDGE, y: EDGE, width: SIDE, height: SIDE }),
             svg('line', { x1: at(0), y1: up(0), x2: at(1), y2: up(1) }),
             svg('text', { x: at(1) - 4, y: up(0) - 5, 'text-anchor': 'end' }, 'probability said'),
             svg('text', { x: at(0) + 4, y: up(1) + 12 }, 'share seen'),
             ...bins.map((b) => svg('circle', { cx: at(b.probability), cy: up(b.matches),
                                                r: (3 + 9 * Math.sqrt(b.count / all)).toFixed(1) })));
}

const fact = (name, value) => el('div', {}, el('dt', { text: name }), el('dd', { text: value }));

function calibration(c) {
  const out = c.leave_one_out, t = c.threshold;
  return el('article', { class: 'calibration' }, reliability(c),
            el('div', {}, el('h3', { text: c.id }),
               el('p', { class: 'hint', text: `${c.model}, ${c.attention} attention${c.adapter ? `, adapter ${c.adapter}` : ''}` }),
               el('dl', { class: 'pairs' }, fact('pairs that match', c.matches), fact('that do not', c.others),
                  fact('expected error', `${percent(out.ece)}, by chance ${percent(out.ece_floor)}`),
                  fact('log loss', fixed(out.log_loss)), fact('Brier', fixed(out.brier)),
                  t?.found ? fact(`${percent(t.wanted_precision)} right from`, percent(t.probability)) : null)));
}

function fill(box, list, none) {
  box.replaceChildren(...(list.length ? list : [el('p', { class: 'claim', text: none })]));
}

/* ---- drift: eight distances, each where it lies among what chance would do ---- */

const words = (name) => name.replaceAll('_', ' ').replace('kl', 'KL').replace(/\b(bh|wa)/, (s) => s[0].toUpperCase() + s[1]);

function distance([name, s], alarm) {
  return el('div', { class: s.percentile >= alarm ? 'lane out' : 'lane' }, el('span', { text: words(name) }),
            el('div', { class: 'track dot' }, el('i', { vars: { '--x': s.percentile / 100 } }),
               el('u', { vars: { '--x': alarm / 100 } })),
            el('b', { text: fixed(s.percentile, 1) }));
}

function baseline(b, alarm) {
  const known = b.statistics !== undefined;
  const said = !known ? 'too few texts yet' : b.drifted ? 'drifted' : 'steady';
  const list = known ? Object.entries(b.statistics).sort(([x], [y]) => (y === 'combined') - (x === 'combined')) : [];
  return el('article', {},
            el('h3', {}, b.baseline, ' ', el('span', { class: b.drifted ? 'badge out' : 'badge', text: said })),
            el('p', { class: 'hint', text: `${plural(b.texts, 'text')} in the window, ${b.model}${b.tag ? `, tag ${b.tag}` : ''}` }),
            ...list.map((one) => distance(one, alarm)));
}

/* ---- asking ---- */

export async function loadCalibrations() {
  state.calibrations = (await get('v1/calibrations')).data;
  tell('calibrations');
}

const fail = complaint($('trust-error'));
const load = channel(async () => {
  await loadCalibrations();
  fill($('calibrations'), state.calibrations.map(calibration),
       'None yet: POST /v1/calibrations makes one from some pairs, labelled 1 (they match) or 0.');
  const { data, alarm_percentile: alarm } = await get('v1/drift');
  fill($('drift'), data.map((b) => baseline(b, alarm)),
       'None yet: POST /v1/drift/baselines freezes what your texts look like; it takes 64 of them or more.');
  fail();
}, (error) => fail(explain(error)));

export const refresh = load;

export function start(touched) {
  $('trust-again').addEventListener('click', () => { load(); touched(); });
}
