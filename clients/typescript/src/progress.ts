// How far a stream is: told to a function, or drawn on the terminal of a Node program.

export interface Progress {
  done: number;
  /** Unknown for what is not an array. */
  total: number | undefined;
  perSecond: number;
}

interface Terminal {
  write(text: string): unknown;
  isTTY?: boolean;
}

const WIDTH = 24;
const REDRAW_MS = 100;

/** The standard error of Node; undefined in a browser. */
function terminal(): Terminal | undefined {
  return (globalThis as { process?: { stderr?: Terminal } }).process?.stderr;
}

function draw(progress: Progress): string {
  const line = `${progress.done} pairs  ${Math.round(progress.perSecond)}/s`;
  if (!progress.total) return line;
  const share = Math.min(progress.done / progress.total, 1);
  const filled = Math.floor(share * WIDTH);
  return `${"█".repeat(filled)}${"░".repeat(WIDTH - filled)} ${Math.floor(share * 100)}%  ${line}`;
}

/** What a stream calls after each batch, and at the end. */
export function reporter(
  wanted: boolean | ((progress: Progress) => void),
  total: number | undefined,
): (done: number, last?: boolean) => void {
  const begun = Date.now();
  const out = wanted === true ? terminal() : undefined;
  let drawn = begun;
  return (done, last = false) => {
    const progress = { done, total, perSecond: (done * 1000) / Math.max(Date.now() - begun, 1) };
    if (typeof wanted === "function") wanted(progress);
    if (!out || (!last && Date.now() - drawn < REDRAW_MS)) return;
    drawn = Date.now();
    out.write(`\r${draw(progress)}\x1b[K${last ? "\n" : ""}`);
  };
}
