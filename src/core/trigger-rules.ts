/**
 * Trigger rules: may a task run, given how its upstreams ended? Airflow's table, except that `removed` upstreams count nowhere
 * (Airflow subtracts them for mapped tasks only, and deadlocks the others).
 *
 * A verdict is final for the states it is given: `upstream_failed` and `skipped` are set at once, even while other upstreams run.
 */
import type { TriggerRule } from '../dag-spec/spec';
import type { Tally } from './run-view';
import { isFinished } from './states';
import type { TaskState } from './states';

export interface UpstreamCounts {
  readonly total: number;
  readonly success: number;
  readonly failed: number;
  readonly skipped: number;
  readonly upstreamFailed: number;
  readonly removed: number;
  /** Finished, whatever the state; removed ones included. */
  readonly done: number;
  /** Among them, the setup tasks; only `all_done_setup_success` looks. */
  readonly setups: { readonly total: number; readonly success: number; readonly skipped: number };
}

export type RuleVerdict = 'ready' | 'upstream_failed' | 'skipped' | 'wait';

type Counts = { -readonly [key in keyof Omit<UpstreamCounts, 'setups'>]: number } & {
  readonly setups: { total: number; success: number; skipped: number };
};

/** Upstreams, counted one by one; each instance of an expanded task is one. */
export class UpstreamCounter {
  readonly counts: Counts = {
    total: 0,
    success: 0,
    failed: 0,
    skipped: 0,
    upstreamFailed: 0,
    removed: 0,
    done: 0,
    setups: { total: 0, success: 0, skipped: 0 },
  };

  add(state: TaskState, isSetup = false): void {
    const { counts } = this;
    counts.total++;
    if (isFinished(state)) {
      counts.done++;
      counts[state === 'upstream_failed' ? 'upstreamFailed' : state]++;
    }
    if (!isSetup || state === 'removed') return;
    counts.setups.total++;
    if (state === 'success' || state === 'skipped') counts.setups[state]++;
  }

  addTally({ length, success, failed, skipped, upstreamFailed }: Tally, isSetup = false): void {
    const { counts } = this;
    counts.total += length;
    counts.success += success;
    counts.failed += failed;
    counts.skipped += skipped;
    counts.upstreamFailed += upstreamFailed;
    counts.done += success + failed + skipped + upstreamFailed;
    if (!isSetup) return;
    counts.setups.total += length;
    counts.setups.success += success;
    counts.setups.skipped += skipped;
  }
}

export function countUpstreams(states: Iterable<TaskState>): UpstreamCounts {
  const counter = new UpstreamCounter();
  for (const state of states) counter.add(state);
  return counter.counts;
}

/** A task without (remaining) upstreams passes every rule. A rule that this version does not know is never ready. */
export function evaluateRule(rule: TriggerRule, counts: UpstreamCounts): RuleVerdict {
  const { success, failed, skipped, upstreamFailed, setups } = counts;
  const total = counts.total - counts.removed;
  const done = counts.done - counts.removed;
  if (total === 0) return 'ready';

  const allDone = done >= total;
  const anyFailed = failed + upstreamFailed > 0;

  switch (rule) {
    case 'all_success':
      if (anyFailed) return 'upstream_failed';
      if (skipped > 0) return 'skipped';
      return readyIf(success >= total);

    case 'all_failed':
      if (success + skipped > 0) return 'skipped';
      return readyIf(failed + upstreamFailed >= total);

    case 'all_done':
      return readyIf(allDone);

    case 'all_done_min_one_success':
      if (skipped > 0) return 'skipped';
      if (!allDone) return 'wait';
      return success > 0 ? 'ready' : 'upstream_failed';

    case 'all_done_setup_success':
      if (!allDone) return 'wait';
      if (setups.total === 0 || setups.success > 0) return 'ready';
      return setups.skipped === setups.total ? 'skipped' : 'upstream_failed';

    case 'all_skipped':
      if (success > 0 || anyFailed) return 'skipped';
      return readyIf(skipped >= total);

    case 'one_success':
      if (success > 0) return 'ready';
      if (!allDone) return 'wait';
      return skipped === done ? 'skipped' : 'upstream_failed';

    case 'one_failed':
      if (anyFailed) return 'ready';
      return allDone ? 'skipped' : 'wait';

    case 'one_done':
      if (success + failed > 0) return 'ready';
      return allDone ? 'skipped' : 'wait';

    case 'none_failed':
      if (anyFailed) return 'upstream_failed';
      return readyIf(success + skipped >= total);

    case 'none_failed_min_one_success':
      if (anyFailed) return 'upstream_failed';
      if (skipped === total) return 'skipped';
      return readyIf(success + skipped >= total);

    case 'none_skipped':
      if (skipped > 0) return 'skipped';
      return readyIf(allDone);

    case 'always':
      return 'ready';

    default:
      return neverReady(rule);
  }
}

const readyIf = (condition: boolean): RuleVerdict => (condition ? 'ready' : 'wait');
const neverReady = (_rule: never): RuleVerdict => 'wait';
