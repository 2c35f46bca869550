import type { Pool } from 'pg';
import type { AttemptId } from '../ledger';
import type { LiveAttempt } from './endings';
import type { RunCache } from './run-cache';
import type { VersionCache } from './versions';

/** What every operation of the Postgres ledger works with. */
export interface LedgerContext {
  readonly pool: Pool;
  readonly versions: VersionCache;
  readonly runs: RunCache;
  /** Attempts that this process claimed and whose end is not recorded. */
  readonly live: Map<AttemptId, LiveAttempt>;
  /** The answer to a COMMIT may have been lost: this session may own claims that `live` does not know. */
  unanswered: boolean;
  readonly maxLostTries: number;
  /** The name by which a task may ask for the executor of the lane `default`. */
  readonly defaultExecutor: string | null;
}

/** The lane of a task that asks for this executor, or (null) for none in particular. */
export function laneOf({ defaultExecutor }: LedgerContext, executor: string | null): string {
  return executor === null || executor === defaultExecutor ? 'default' : executor;
}
