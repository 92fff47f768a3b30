/* dom.js - making elements, waiting for a typist to pause, and saying things to those who listen. */

export const $ = (id) => document.getElementById(id);

/* el('td', { class: 'x', text: '…', vars: { '--v': 1 } }, child, …); on* are listeners, the rest attributes. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false)
      continue;
    if (name === 'text')
      node.textContent = value;
    else if (name === 'vars')
      Object.entries(value).forEach(([key, v]) => node.style.setProperty(key, v));
    else if (name.startsWith('on'))
      node.addEventListener(name.slice(2), value);
    else
      node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

export function show(node, visible) {
  node.hidden = !visible;
}

export function later(ms, act) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(act, ms, ...given);
  };
}

/* Calls act when one of the fields has changed, but not while an input method composes a character. */
export function onTyping(fields, act) {
  for (const field of fields) {
    field.addEventListener('input', (event) => event.isComposing || act());
    field.addEventListener('compositionend', act);
  }
}

/* What changes as one types is read aloud only once it rests. */
export function announcer(node) {
  return later(900, (text) => { node.textContent = text; });
}

export const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);
export const fixed = (x, digits = 3) => (Object.is(x, -0) ? 0 : x).toFixed(digits).replace('-', '\u2212');
export const percent = (p) => `${(100 * Math.min(p, 0.9994)).toFixed(p > 0.0995 && p < 0.9905 ? 0 : 1)} %`;
export const plural = (n, word) => `${n.toLocaleString('en')} ${word}${n === 1 ? '' : 's'}`;

export function duration(ms) {
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/* A line for what went wrong; without a message it is gone. */
export const complaint = (node) => (message = '') => {
  node.textContent = message;
  show(node, message !== '');
};

/* Chips that fill the fields in. */
export function examples(box, list, use) {
  box.append(el('span', { class: 'caption', text: 'Try' }),
             ...list.map((e) => el('button', { type: 'button', class: 'chip', text: e.name, lang: e.lang,
                                               onclick: () => use(e) })));
}
