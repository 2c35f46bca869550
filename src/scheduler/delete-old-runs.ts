import { setTimeout as sleep } from 'node:timers/promises';
import { deleteOldRuns } from '../commands/delete-old-runs';
import type { Clock } from '../core/time';
import type { Database } from '../db/database';
import type { LogStore } from '../logs/log-store';
import type { Logger } from '../telemetry/logger';

export interface DeleteOldRunsDeps {
  readonly database: Database;
  readonly logs: LogStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** null: everything is kept. */
  readonly retentionMs: number | null;
}

const BATCH = 100;
/** Between two batches, so that the runs that are going on notice nothing. */
const PAUSE_MS = 200;

/** Retention: runs that ended long ago go, with their task instances, XComs and logs. */
export class DeleteOldRuns {
  readonly name = 'delete-old-runs';

  constructor(private readonly deps: DeleteOldRunsDeps) {}

  async runOnce(signal: AbortSignal): Promise<void> {
    const { database, logs, clock, logger, retentionMs } = this.deps;
    if (retentionMs === null) return;
    const before = clock.now() - retentionMs;
    let deleted = 0;
    while (!signal.aborted) {
      const runs = await deleteOldRuns(database, { before, dagIds: null }, BATCH);
      deleted += runs.length;
      for (const run of runs) await logs.deleteRun(run.dag_id, run.run_id);
      if (runs.length < BATCH) break;
      await sleep(PAUSE_MS);
    }
    if (deleted > 0) logger.info(`retention: ${deleted} run(s) that ended before ${new Date(before).toISOString()} are gone`);
  }
}
