/* grid.js - a heat map that is a table: one tab stop, arrow keys inside it, and a line below that says in words what is
 * under the pointer or the focus. Text keeps its contrast on every colour: style.css mixes no further than that. */

import { el } from './dom.js';

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/* box: where it goes. rows, columns: the names, with a note each if there are such. value(r, c); strength(value): -1 to
 * 1; text(value): in the cell; say(r, c): for the line below; open(r, c): on a click or Enter, if there is such. */
export function heatGrid(box, { label, rows, columns, notes, value, strength, text, say, open, compact }) {
  const readout = el('p', { class: 'readout', text: '\u00a0' });
  const cells = rows.map((_, r) => columns.map((_, c) => cell(r, c)));
  let at = [0, 0];

  function cell(r, c) {
    const x = value(r, c), s = strength(x);
    return el('td', { text: text(x), tabindex: r + c ? -1 : 0, 'data-minus': s < 0,
                      vars: { '--v': Math.min(1, Math.abs(s)).toFixed(3) },
                      onfocus: () => enter(r, c), onmouseenter: () => { readout.textContent = say(r, c); },
                      onclick: open && (() => open(r, c)) });
  }

  function enter(r, c) {
    cells[at[0]][at[1]].tabIndex = -1;
    at = [r, c];
    cells[r][c].tabIndex = 0;
    readout.textContent = say(r, c);
  }

  function press(event) {
    const move = MOVES[event.key];
    if (event.key === 'Enter' && open)
      return open(...at);
    if (event.key === 'Home')
      cells[at[0]][0].focus();
    else if (event.key === 'End')
      cells[at[0]].at(-1).focus();
    else if (move)
      cells[at[0] + move[0]]?.[at[1] + move[1]]?.focus();
    else
      return undefined;
    return event.preventDefault();
  }

  const th = (scope, name, note) =>
    el('th', { scope }, el('span', { text: name }), note && el('small', { text: note }));
  const head = el('tr', {}, el('td'), ...columns.map((name, c) => th('col', name, notes?.[1][c])));
  const body = rows.map((name, r) => el('tr', {}, th('row', name, notes?.[0][r]), ...cells[r]));
  const table = el('table', { role: 'grid', 'aria-label': label, class: compact ? 'heat compact' : 'heat',
                              onkeydown: press }, el('thead', {}, head), el('tbody', {}, ...body));
  box.replaceChildren(el('div', { class: 'scroll' }, table), readout);
}
