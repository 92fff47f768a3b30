/* app.js - the views behind their tabs, the settings that they share, the key, the colours, curl.
 *
 * Plain modules, no framework, nothing from another host. Text reaches the page as text, never as HTML. */

import { curl, events, get, hasKey, setKey, settings, state } from './api.js';
import * as compare from './compare.js';
import { $, el, show } from './dom.js';
import * as live from './live.js';
import * as matrix from './matrix.js';
import * as rank from './rank.js';
import * as trust from './trust.js';

const views = { compare, rank, matrix, trust };
let current = 'compare';

/* ---- tabs ---- */

function choose(name, focus) {
  current = name;
  for (const view of Object.keys(views)) {
    const tab = $(`tab-${view}`), chosen = view === name;
    tab.setAttribute('aria-selected', chosen);
    tab.tabIndex = chosen ? 0 : -1;
    show($(view), chosen);
    if (chosen && focus)
      tab.focus();
  }
  history.replaceState(null, '', name === 'compare' ? location.pathname : `#${name}`);
  show($('settings'), name !== 'trust');
  views[name].refresh();
  touched();
}

function startTabs() {
  const names = Object.keys(views);
  for (const name of names)
    $(`tab-${name}`).addEventListener('click', () => choose(name));
  document.querySelector('[role=tablist]').addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const to = step ? names.at((names.indexOf(current) + step) % names.length)
            : { Home: names[0], End: names.at(-1) }[event.key];
    if (!to)
      return;
    event.preventDefault();
    choose(to, true);
  });
}

/* ---- settings ---- */

function radio(kind) {
  return el('label', {}, el('input', { type: 'radio', name: 'attention', value: kind, checked: kind === settings.attention,
                                       onchange: () => { settings.attention = kind; settingsChanged(); } }),
            el('span', { text: kind }));
}

const model = () => state.models.find((m) => m.id === settings.model);

function showAttention() {
  const kinds = model()?.attention ?? [];
  const choices = kinds.length > 1 ? [...kinds, 'auto'] : [];
  if (!choices.includes(settings.attention))
    settings.attention = choices.length ? model().default_attention : '';
  $('attention').replaceChildren($('attention').firstElementChild, ...choices.map(radio));
  show($('attention'), choices.length > 0);
}

/* A calibration holds for one model and one attention; others are not offered. */
function showCalibrations() {
  const attention = ['', 'auto'].includes(settings.attention) ? model()?.default_attention : settings.attention;
  const fit = state.calibrations.filter((c) => c.model === settings.model && c.attention === attention);
  if (!fit.some((c) => c.id === settings.calibration))
    settings.calibration = '';
  $('calibration').replaceChildren(el('option', { value: '', text: 'none' }),
                                   ...fit.map((c) => el('option', { value: c.id, text: c.id })));
  $('calibration').value = settings.calibration;
  show($('calibration-field'), fit.length > 0);
}

function settingsChanged() {
  showCalibrations();
  (views[current].changed ?? views[current].refresh)();
  touched();
}

function startSettings() {
  $('model').addEventListener('change', () => { settings.model = $('model').value; showAttention(); settingsChanged(); });
  $('calibration').addEventListener('change', () => { settings.calibration = $('calibration').value; settingsChanged(); });
  events.addEventListener('calibrations', () => { showCalibrations(); touched(); });
}

/* ---- what the server has ---- */

async function load() {
  try {
    state.models = (await get('v1/models')).data;
  } catch {
    return;    /* the views say why */
  }
  show($('key-notice'), false);
  settings.model = model() ? settings.model : state.models[0]?.id ?? '';
  $('model').replaceChildren(...state.models.map((m) => el('option', { value: m.id, text: m.id })));
  $('model').value = settings.model;
  show($('model-field'), state.models.length > 1);
  $('about').textContent = state.models.map((m) => `${m.id}: ${m.dimensions} dimensions, up to ${m.max_length} tokens`).join('; ');
  showAttention();
  await trust.loadCalibrations().catch(() => {});
  showCalibrations();
}

/* ---- the key ---- */

function startKey() {
  const dialog = $('key');
  const ask = () => { $('key-value').value = ''; show($('key-forget'), hasKey()); dialog.showModal(); };
  const use = (value) => { setKey(value); dialog.close(); load().then(() => settingsChanged()); };
  $('key-open').addEventListener('click', ask);
  $('key-enter').addEventListener('click', ask);
  $('key-cancel').addEventListener('click', () => dialog.close());
  $('key-forget').addEventListener('click', () => use(''));
  $('key-form').addEventListener('submit', (event) => { event.preventDefault(); use($('key-value').value.trim()); });
  events.addEventListener('refused', () => {
    $('key-notice').firstElementChild.textContent =
      hasKey() ? 'This server does not know the API key.' : 'This server wants an API key.';
    show($('key-notice'), true);
  });
}

/* ---- colours ---- */

/* The system's, or one of two. */
function startTheme() {
  const root = document.documentElement.dataset, next = { undefined: 'light', light: 'dark' };
  const name = () => { $('theme').textContent = `Theme: ${root.theme ?? 'auto'}`; };
  $('theme').addEventListener('click', () => {
    const theme = next[root.theme];
    if (theme)
      root.theme = theme;
    else
      delete root.theme;
    try { localStorage.setItem('theme', theme ?? ''); } catch { /* for this page only, then */ }
    name();
  });
  name();
}

/* ---- curl ---- */

/* Called when the request of the view in front is another one. */
function touched() {
  $('curl-text').textContent = curl(views[current].request());
}

/* navigator.clipboard is missing where the page came over plain HTTP from another machine. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren($('curl-text'));
    return document.execCommand('copy');
  }
}

function startCurl() {
  $('curl-copy').addEventListener('click', async () => {
    const good = await copy($('curl-text').textContent);
    $('copied').textContent = $('curl-copy').textContent = good ? 'Copied' : 'Selected: copy it by hand';
    setTimeout(() => { $('curl-copy').textContent = 'Copy as curl'; $('copied').textContent = ''; }, 2000);
  });
  events.addEventListener('key', touched);
}

/* ---- everything ---- */

startTheme();
startTabs();
startSettings();
startKey();
startCurl();
compare.start(touched);
rank.start(touched);
matrix.start(touched, (a, b) => { compare.open(a, b); choose('compare', true); });
trust.start(touched);
await load();
const follow = () => choose(location.hash.slice(1) in views ? location.hash.slice(1) : 'compare');
addEventListener('hashchange', follow);
follow();
live.start();
