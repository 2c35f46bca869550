/** Glues the pure resolution to the Ledger: under the lock, between the two flushes. */
import { resolve } from '../core/resolve';
import type { Decide } from '../ledger/ledger';

export function createDecide(): Decide {
  return (runs, now) =>
    runs
      .filter((run) => run.state === 'running')
      .map((run) => {
        // A backfill goes on while its DAG is paused: the range was asked for explicitly.
        const held = run.isPaused && run.runType !== 'backfill';
        return { run: run.pk, ...resolve(run.dag, { ...run.view, held }, run.changed, now) };
      });
}
