/** One reason why a task instance or a run does not go on, in words, with the names and numbers that it comes from. */
import type { Blocker as AdmissionBlocker } from '../../core/admission';

export interface Blocker {
  readonly kind:
    | 'scheduler' // none is alive
    | 'triggerer' // none is alive, and the task waits for one
    | 'inactive' // no file makes the DAG
    | 'paused'
    | 'backfill' // is paused
    | 'run-after' // its time has not come
    | 'run-queued' // maxActiveRuns
    | 'run-retry' // the run failed and is tried again
    | 'retry'
    | 'deferred'
    | 'stopping' // the try before it is being stopped
    | 'expanding'
    | 'upstream'
    | 'sources' // what it is mapped over
    | 'setup'
    | 'past' // the run before
    | 'limit'
    | AdmissionBlocker['kind']
    | 'next';
  readonly text: string;
  /** Tasks that it waits for. */
  readonly tasks?: readonly { readonly taskId: string; readonly state: string }[];
  /** Other runs of the DAG that it waits for. */
  readonly runs?: readonly string[];
  readonly at?: Date | null;
  /** It waits no longer than until then. */
  readonly until?: Date | null;
}

/** "a, b and 3 more" */
export function named(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** All of it in one line, for those who read no pages. */
export function blockerLine({ text, tasks = [], at, until }: Omit<Blocker, 'kind'>): string {
  const parts = [text, ...tasks.map(({ taskId, state }) => `${taskId} (${state})`)];
  if (at) parts.push(`${at.toISOString()}${until ? '.' : ''}`);
  if (until) parts.push(`It waits until ${until.toISOString()} at most.`);
  return parts.join(' ');
}
