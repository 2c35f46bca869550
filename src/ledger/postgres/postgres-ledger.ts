/** The Ledger on Postgres. Each operation has its own file beside this one. */
import type { Pool } from 'pg';
import type { JsonObject } from '../../core/json';
import { DEFAULT_MAX_LOST_TRIES } from '../../core/retry';
import type { Logger } from '../../telemetry/logger';
import type * as port from '../ledger';
import { attention } from './attention';
import { openPool } from './connections';
import type { LedgerContext } from './context';
import { createRuns } from './create-runs';
import { deleteDag, deleteRun, deleteTask } from './delete';
import { insertWakes } from './lock-runs';
import { hopPastPoison } from './poison';
import { RunCache } from './run-cache';
import { closeSession, openSession, Reaper, renewSession } from './sessions';
import { startQueuedRuns } from './start-runs';
import { clearRun, clearTasks, markRun, markTasks } from './verdicts';
import { VersionCache } from './versions';
import { expandTasks } from './expand';
import { retryRuns } from './retry-runs';
import { timeOutRuns } from './time-out-runs';
import { fireWaits } from './waits';

export interface PostgresLedgerOptions {
  readonly url: string;
  /** Default 'thence-ledger'. */
  readonly applicationName?: string;
  /** A hop uses one connection at a time. Default 4. */
  readonly maxConnections?: number;
  /** THENCE_MAX_LOST_TRIES. Default 2. */
  readonly maxLostTries?: number;
  /** The first name in THENCE_EXECUTOR: tasks that ask for it by name share the lane `default`. */
  readonly defaultExecutor?: string;
  readonly logger?: Logger;
}

export class PostgresLedger implements port.Ledger {
  private readonly pool: Pool;
  private readonly context: LedgerContext;
  private readonly reaper = new Reaper();
  private hops: Promise<unknown> = Promise.resolve();

  constructor({
    url,
    applicationName = 'thence-ledger',
    maxConnections = 4,
    maxLostTries = DEFAULT_MAX_LOST_TRIES,
    defaultExecutor,
    logger,
  }: PostgresLedgerOptions) {
    this.pool = openPool({ url, applicationName, maxConnections, logger: logger ?? null });
    this.context = {
      pool: this.pool,
      versions: new VersionCache(),
      runs: new RunCache(),
      live: new Map(),
      unanswered: false,
      maxLostTries,
      defaultExecutor: defaultExecutor ?? null,
    };
  }

  createRuns(runs: readonly port.NewRun[], also?: port.AlsoCommit<readonly port.CreateRunResult[]>) {
    return createRuns(this.context, runs, also);
  }

  startQueuedRuns(limit: number) {
    return startQueuedRuns(this.context, limit);
  }

  /** One at a time: they share the cache of runs. */
  hop(request: port.HopRequest, decide: port.Decide): Promise<port.HopResult> {
    const hop = this.hops.then(() => hopPastPoison(this.context, request, decide));
    this.hops = hop.catch(() => undefined);
    return hop;
  }

  attention(session: port.SessionId, lanes: readonly string[], limit: number) {
    return attention(this.context, session, lanes, limit);
  }

  fireWaits(events: readonly port.WaitEvent[]) {
    return fireWaits(this.context, events);
  }

  expandTasks(limit: number) {
    return expandTasks(this.context, limit);
  }

  timeOutRuns(limit: number) {
    return timeOutRuns(this.context, limit);
  }

  retryRuns(limit: number) {
    return retryRuns(this.context, limit);
  }

  async wake(runs: readonly port.RunPk[], cause: string): Promise<void> {
    if (runs.length > 0) await insertWakes(this.pool, runs, cause);
  }

  openSession(info: port.SessionInfo) {
    return openSession(this.context, info);
  }

  renewSession(session: port.SessionId, leaseMs: number, details: JsonObject) {
    return renewSession(this.context, session, leaseMs, details);
  }

  closeSession(session: port.SessionId) {
    return closeSession(this.context, session);
  }

  reapSessions(request: port.ReapRequest) {
    return this.reaper.run(this.context, request);
  }

  markRun(run: port.RunPk, state: 'success' | 'failed', also?: port.AlsoCommit<boolean>) {
    return markRun(this.context, run, state, also);
  }

  clearRun(run: port.RunPk, also?: port.AlsoCommit<boolean>) {
    return clearRun(this.context, run, also);
  }

  clearTasks(request: port.ClearRequest, also?: port.AlsoCommit<port.TaskVerdict | null>) {
    return clearTasks(this.context, request, also);
  }

  markTasks(request: port.MarkRequest, also?: port.AlsoCommit<port.TaskVerdict | null>) {
    return markTasks(this.context, request, also);
  }

  deleteRun(run: port.RunPk, also?: port.AlsoCommit<port.DeleteResult>) {
    return deleteRun(this.context, run, also);
  }

  deleteTask(run: port.RunPk, taskId: string, mapIndex: number, also?: port.AlsoCommit<port.DeleteResult>) {
    return deleteTask(this.context, run, taskId, mapIndex, also);
  }

  deleteDag(dagId: string, also?: port.AlsoCommit<port.DeleteResult>) {
    return deleteDag(this.context, dagId, also);
  }

  /** After the last operation. */
  async close(): Promise<void> {
    await this.hops;
    await this.pool.end();
  }
}
