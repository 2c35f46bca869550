import { setTimeout as sleep } from 'node:timers/promises';
import { SingleBar } from 'cli-progress';
import type { ListedBackfill } from '../read-model/cli/backfills';
import { showDuration } from './arguments';
import { colors, print } from './output';
import { patient } from './patient';
import { note } from './report-error';

const POLL_MS = 300;
/** Without a terminal: a line when so much has changed, or after so long if anything has. */
const LINE_EVERY_PERCENT = 10;
const LINE_EVERY_MS = 10_000;

/** Shows the progress until the backfill is complete. Resolves to the exit code: 0, 1 when runs failed or it was cancelled, 130 after Ctrl-C. */
export async function followBackfill(read: () => Promise<ListedBackfill>): Promise<number> {
  const started = Date.now();
  const detach = new AbortController();
  const onInterrupt = () => detach.abort();
  process.once('SIGINT', onInterrupt);
  const show = process.stderr.isTTY ? bar() : lines();
  try {
    let current = await read();
    const readAgain = patient(read);
    while (current.completed_at === null && !detach.signal.aborted) {
      show.update(current);
      await sleep(POLL_MS, undefined, { signal: detach.signal }).catch(() => undefined);
      current = (await readAgain()) ?? current;
    }
    show.update(current);
    show.stop();
    if (current.completed_at === null) {
      note(`detached: backfill ${current.id} goes on. "thence backfill list" shows it, "thence backfill cancel ${current.id}" stops it.`);
      return 130;
    }
    print(summary(current, Date.now() - started));
    return current.failed > 0 || current.state === 'cancelled' ? 1 : 0;
  } finally {
    show.stop();
    process.removeListener('SIGINT', onInterrupt);
  }
}

export function doneOf({ success, failed, skipped }: ListedBackfill): number {
  return success + failed + skipped;
}

export function summary(backfill: ListedBackfill, ms: number): string {
  const { id, dag_id, state, total, success, failed, skipped } = backfill;
  const parts = [
    `${success} successful`,
    failed > 0 ? colors.red(`${failed} failed`) : null,
    skipped > 0 ? `${skipped} left as they were` : null,
  ];
  const outcome = state === 'cancelled' ? 'cancelled' : 'complete';
  return `backfill ${id} of "${dag_id}" is ${outcome} after ${showDuration(ms)}: ${total} intervals, ${parts.filter((part) => part !== null).join(', ')}`;
}

interface Progress {
  update(backfill: ListedBackfill): void;
  stop(): void;
}

function bar(): Progress {
  const drawn = new SingleBar({
    format: '{bar} {percentage}% | {value}/{total} | {running} running | {failed} failed | {duration_formatted} | ETA {eta_formatted}',
    stream: process.stderr,
    hideCursor: true,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    etaBuffer: 60,
    gracefulExit: false, // Ctrl-C is ours
    formatTime: (seconds) => (Number.isFinite(seconds) ? showDuration(seconds * 1000) : '–'),
  });
  let running = false;
  return {
    update: (backfill) => {
      const payload = { running: backfill.running, failed: backfill.failed };
      if (!running) drawn.start(backfill.total, doneOf(backfill), payload);
      else drawn.update(doneOf(backfill), payload);
      running = true;
    },
    stop: () => {
      if (running) drawn.stop();
      running = false;
    },
  };
}

function lines(): Progress {
  let [shown, shownAt] = [-1, 0];
  return {
    update: (backfill) => {
      const done = doneOf(backfill);
      const step = Math.max(1, Math.ceil((backfill.total * LINE_EVERY_PERCENT) / 100));
      const due =
        shown < 0 || done >= shown + step || (done !== shown && (Date.now() - shownAt > LINE_EVERY_MS || done === backfill.total));
      if (!due) return;
      [shown, shownAt] = [done, Date.now()];
      print(`${done}/${backfill.total} done, ${backfill.running} running, ${backfill.failed} failed${leftOf(backfill)}`);
    },
    stop: () => undefined,
  };
}

function leftOf({ eta_ms: left }: ListedBackfill): string {
  return left === null || left === 0 ? '' : `, about ${showDuration(left)} left`;
}
