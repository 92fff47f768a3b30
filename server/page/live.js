/* live.js - queue and latency now, out of /metrics: what changed between two looks. Looks only while the page is seen. */

import { events, getText } from './api.js';
import { $, duration, svg } from './dom.js';

const EVERY_MS = 3000, KEPT = 40;
const history = { queue: [], median: [] };
let before = null, timer = 0, wanted = true;

/* The few series that the page shows, of the many lines. */
export function parse(text) {
  const now = { at: performance.now(), queue: 0, count: 0, buckets: [] };
  for (const line of text.split('\n')) {
    if (!line.startsWith('rosim_queue_tokens') && !line.startsWith('rosim_request_seconds'))
      continue;
    const [, name, le, value] = /^(\w+)(?:\{le="([^"]+)"\})? (\S+)/.exec(line) ?? [];
    if (name === 'rosim_queue_tokens')
      now.queue = Number(value);
    else if (name === 'rosim_request_seconds_count')
      now.count = Number(value);
    else if (name === 'rosim_request_seconds_bucket')
      now.buckets.push([le === '+Inf' ? Infinity : Number(le), Number(value)]);
  }
  return now;
}

/* In milliseconds, linear inside its bucket; of the requests between two looks. */
export function quantile(q, then, now) {
  const seen = now.buckets.map(([le, n], i) => [le, n - (then.buckets[i]?.[1] ?? 0)]);
  const wantedCount = q * (seen.at(-1)?.[1] ?? 0);
  const i = seen.findIndex(([, n]) => n >= wantedCount && n > 0);
  if (i < 0)
    return NaN;
  const [low, below] = i ? seen[i - 1] : [0, 0], [high, upTo] = seen[i];
  const share = upTo > below ? (wantedCount - below) / (upTo - below) : 1;
  return 1000 * (Number.isFinite(high) ? low + (high - low) * share : low);
}

function spark(node, values, value) {
  values.push(value);
  values.splice(0, values.length - KEPT);
  const most = Math.max(1e-9, ...values);
  const points = values.map((v, i) => `${(60 * i / (KEPT - 1)).toFixed(1)},${(15 - 14 * v / most).toFixed(1)}`);
  node.setAttribute('viewBox', '0 0 60 16');
  node.replaceChildren(values.length < 4 ? '' : svg('polyline', { points: points.join(' ') }));
}

function paint(now) {
  $('live-queue').textContent = `${now.queue.toLocaleString('en')} tokens`;
  spark($('spark-queue'), history.queue, now.queue);
  if (before) {
    const n = now.count - before.count, seconds = (now.at - before.at) / 1000;
    $('live-rate').textContent = n < 0 ? '–' : `${(n / seconds).toFixed(1)} / s`;
    if (n > 0) {
      const median = quantile(0.5, before, now);
      spark($('spark-median'), history.median, median);
      $('live-median').textContent = duration(median);
      $('live-tail').textContent = duration(quantile(0.99, before, now));
    }
  }
  before = now;
}

function say(text, kind) {
  $('live-state').textContent = text;
  $('live-state').className = `state ${kind}`;
}

/* A server may keep its metrics for others, or on a port of their own; then only its readiness is shown. */
async function look() {
  clearTimeout(timer);
  try {
    await getText('readyz');
    say('ready', 'good');
  } catch (error) {
    say(error.status ? 'not ready' : 'cannot be reached', 'bad');
  }
  if (wanted) {
    try {
      paint(parse(await getText('metrics')));
    } catch (error) {
      wanted = !(error.status >= 400 && error.status < 500);
      before = null;
    }
    document.body.classList.toggle('no-metrics', !wanted);
  }
  clearTimeout(timer);
  timer = document.hidden ? 0 : setTimeout(look, EVERY_MS);
}

export function start() {
  document.addEventListener('visibilitychange', () => { before = null; if (!document.hidden) look(); });
  events.addEventListener('key', () => { wanted = true; look(); });
  look();
}
