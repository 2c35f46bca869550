import { setTimeout as sleep } from 'node:timers/promises';
import { isFinished } from '../core/states';
import type { TaskState } from '../core/states';
import { instanceName } from '../core/workload';
import type { Database } from '../db/database';
import type { LogStore } from '../logs/log-store';
import { readFollowedTask } from '../read-model/cli/runs';
import type { FollowedTask } from '../read-model/cli/runs';
import { isSchedulerAlive } from '../read-model/cli/sessions';
import { blockerLine } from '../read-model/why/blocker';
import { findTaskBlockers } from '../read-model/why/find-blockers';
import { paintLine, paintState, print } from './output';
import { patient } from './patient';
import { note } from './report-error';

export interface TaskToFollow {
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string;
  /** -1: not mapped. */
  readonly mapIndex: number;
  /** Only tries behind this one are shown. */
  readonly lastTry: number;
}

const POLL_MS = 300;
/** So long nothing has to happen before it is asked why. */
const QUIET_MS = 3_000;

/**
 * Prints the log of a task instance as it comes, and what it waits for, until it has ended.
 * Resolves to the exit code: 0 when it succeeded or was skipped, 1 otherwise, 130 after Ctrl-C.
 */
export async function followTask(db: Database, logs: LogStore, task: TaskToFollow): Promise<number> {
  const name = `task "${instanceName(task)}" of run "${task.runId}"`;
  const detach = new AbortController();
  const onInterrupt = () => detach.abort();
  process.once('SIGINT', onInterrupt);
  const log = new FollowedLog(logs, task);
  const read = patient(() => readFollowedTask(db, task));
  const readBlockers = patient(() => findTaskBlockers(db.pool, task));
  let state: TaskState = null;
  let [told, askAt] = ['', (await isSchedulerAlive(db)) ? performance.now() + QUIET_MS : 0];
  try {
    while (!detach.signal.aborted) {
      const found = await read();
      // A try that has ended by then has written all its lines by now.
      const hasMore = await log.print(found?.try_number ?? 0);
      const end = found && endOf(found);
      if (end) {
        note(`${name} ${end.text}`);
        return end.exitCode;
      }
      if (hasMore || (found && found.state !== state)) askAt = performance.now() + QUIET_MS;
      state = found?.state ?? state;
      if (performance.now() >= askAt) {
        const { blockers = [] } = (await readBlockers()) ?? {};
        const text = blockers.filter(({ kind }) => kind !== 'next').map(blockerLine);
        if (text.length > 0 && text.join('\n') !== told) note(`it waits: ${text.join('\n          ')}`);
        told = text.join('\n');
        askAt = performance.now() + QUIET_MS;
      }
      await sleep(POLL_MS, undefined, { signal: detach.signal }).catch(() => undefined);
    }
    note(`detached: ${name} goes on. "thence tasks state" shows what it comes to.`);
    return 130;
  } finally {
    process.removeListener('SIGINT', onInterrupt);
  }
}

/** Null: it goes on. */
function endOf({ exists, state, run_state: run }: FollowedTask): { readonly text: string; readonly exitCode: number } | null {
  if (!exists && run !== 'queued')
    return { text: 'does not exist: the version that the run uses does not have it, or has it mapped', exitCode: 1 };
  if (state === 'removed') {
    return { text: 'is not in the run any more: it was expanded into its instances, or the file does not have it now', exitCode: 1 };
  }
  if (isFinished(state)) return { text: `is ${paintState(state)}`, exitCode: state === 'success' || state === 'skipped' ? 0 : 1 };
  if (run === 'success' || run === 'failed') return { text: `is ${state ?? 'none'}, and its run has ended (${run})`, exitCode: 1 };
  return null;
}

/** The logs of the tries from `lastTry` on, one after the other. */
class FollowedLog {
  private shownTry: number;
  private position = 0;

  constructor(
    private readonly logs: LogStore,
    private readonly task: TaskToFollow,
  ) {
    this.shownTry = task.lastTry;
  }

  /** What has come of the tries up to this one. Resolves to whether anything has. */
  async print(upTo: number): Promise<boolean> {
    let hasMore = false;
    for (;;) {
      if (this.shownTry > this.task.lastTry) hasMore = (await this.printTry()) || hasMore;
      if (this.shownTry >= upTo) return hasMore;
      this.shownTry += 1;
      this.position = 0;
      if (this.shownTry > this.task.lastTry + 1) note(`try ${this.shownTry}`);
    }
  }

  private async printTry(): Promise<boolean> {
    const from = this.position;
    for (;;) {
      const page = await this.logs.read({ ...this.task, tryNumber: this.shownTry }, this.position);
      for (const line of page.lines) print(paintLine(line));
      if (page.next === this.position) return page.next !== from;
      this.position = page.next;
    }
  }
}
