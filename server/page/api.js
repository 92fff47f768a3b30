/* api.js - requests to the server that gave us this page: the key, stale requests, errors, and the same as curl. */

const base = new URL('.', document.baseURI);
export const events = new EventTarget();    /* 'key', 'refused', 'calibrations' */
export const settings = { model: '', attention: '', calibration: '' };
export const state = { models: [], calibrations: [] };

export function tell(name) {
  events.dispatchEvent(new Event(name));
}

let key = '';
try { key = sessionStorage.getItem('api-key') ?? ''; } catch { /* then for as long as the page is open */ }

export const hasKey = () => key !== '';

export function setKey(value) {
  key = value;
  try { sessionStorage.setItem('api-key', value); } catch { /* as above */ }
  tell('key');
}

/* The message in whichever dialect the route speaks. */
async function refusal(response) {
  let message = `${response.status} ${response.statusText}`;
  try {
    const { error } = await response.json();
    message = error?.message ?? error ?? message;
  } catch { /* not JSON: the status says it */ }
  return Object.assign(new Error(message),
                       { status: response.status, retryAfter: Number(response.headers.get('Retry-After')) || 0 });
}

async function send(path, body, signal) {
  const headers = {}, used = key;
  if (key)
    headers.Authorization = `Bearer ${key}`;
  if (body)
    headers['Content-Type'] = 'application/json';
  const response = await fetch(new URL(path, base), { method: body ? 'POST' : 'GET', headers, signal,
                                                      body: body && JSON.stringify(body) });
  if (response.status === 401 && used === key)
    tell('refused');
  if (!response.ok)
    throw await refusal(response);
  return response;
}

/* The answer, with the time until it was whole as `ms`. */
export async function post(path, body, signal) {
  const began = performance.now();
  const answer = await (await send(path, body, signal)).json();
  return { answer, ms: performance.now() - began };
}

export const get = async (path) => (await send(path)).json();
export const getText = async (path) => (await send(path)).text();

/* Runs one request at a time: a newer one aborts the older, whose outcome is then dropped. A server that is too busy
 * is asked again when it said. */
export function channel(act, failed) {
  let controller, again;
  const stop = () => { controller?.abort(); clearTimeout(again); };
  return Object.assign(run, { stop });

  async function run() {
    stop();
    const mine = controller = new AbortController();
    try {
      await act(mine.signal);
    } catch (error) {
      if (mine.signal.aborted)
        return;
      failed(error);
      if (error.retryAfter)
        again = setTimeout(run, error.retryAfter * 1000);
    }
  }
}

export function explain(error) {
  if (!error.status)
    return 'The server cannot be reached.';
  if (error.status === 401)
    return 'This needs an API key.';
  return error.retryAfter ? `${error.message}; trying again in ${error.retryAfter} s` : error.message;
}

/* ---- what every request of the views has in common ---- */

export function chosen(body) {
  const full = { ...body };
  if (state.models.length > 1)
    full.model = settings.model;
  if (settings.attention)
    full.attention = settings.attention;
  const calibration = state.calibrations.find((c) => c.id === settings.calibration);
  if (calibration) {
    full.calibration = calibration.id;
    if (calibration.adapter)
      full.adapter = calibration.adapter;
  }
  return full;
}

/* ---- curl ---- */

const quoted = (text) => `'${text.replaceAll('\'', '\'\\\'\'')}'`;

/* The key is never in it: the reader's shell has it, or has not. */
export function curl({ path, body }) {
  const parts = [`curl -s ${quoted(new URL(path, base).href)}`];
  if (key)
    parts.push('-H "Authorization: Bearer $ROSIM_API_KEY"');
  if (body)
    parts.push('-H \'Content-Type: application/json\'', `-d ${quoted(JSON.stringify(body))}`);
  return parts.join(' \\\n     ');
}
