/**
 * What a run does next: the one place that decides it. Pure: states in, transitions out.
 *
 * Only tasks at or below what changed are looked at, in topological order (apply-rules). Then one pass over the run finds the tasks
 * whose waiting time is over and lets as many tasks through the gate as there is room for (gate), and tells whether the run has
 * ended (run-end). The instances of an expanded task are known by their tally only, except inside mapped groups; so the cost is
 * proportional to what changed, plus one look at each task.
 */
import type { CompiledDag } from '../dag-spec/compiled-dag';
import { applyRules } from './resolution/apply-rules';
import { passGate, takeCensus } from './resolution/gate';
import { endOf, failsFast } from './resolution/run-end';
import { Work } from './resolution/work';
import type { Change, Resolution, RunView } from './run-view';
import type { Instant } from './time';

export type { RunView, TaskSnapshot, Transition, Resolution } from './run-view';

const NOTHING: Resolution = {
  transitions: [],
  sweeps: [],
  gates: [],
  withdraw: [],
  expand: [],
  failFast: false,
  wants: [],
  waitsForPast: false,
  ends: null,
};

/** @param changed the task instances whose state changed since the last resolution; null: look at all. */
export function resolve(dag: CompiledDag, run: RunView, changed: readonly Change[] | null, now: Instant): Resolution {
  const work = new Work(dag, run);
  if (failsFast(work)) return { ...NOTHING, failFast: true };
  applyRules(work, changed);
  if (work.wants.size > 0) return { ...NOTHING, wants: [...work.wants] };
  const census = takeCensus(work, now);
  if (!run.held) passGate(work, census);
  const { sweeps, gates, withdraw, expand } = work;
  return { ...NOTHING, transitions: work.transitions(), sweeps, gates, withdraw, expand: [...expand], ...endOf(work, census) };
}
