/** Turns what the scheduler did into events for listeners, after it was committed. Costs nothing when there are none. */
import type { ListenerEvent, RunStateEvent, TaskStateEvent } from '../core/listener';
import type { RunType } from '../core/states';
import type { Instant } from '../core/time';
import type { Database } from '../db/database';
import type { ClaimedAttempt, EndedRun, HopResult, RunPk, TaskNow } from '../ledger/ledger';
import type { Logger } from '../telemetry/logger';

/** A listener as the scheduler knows it: it runs elsewhere. */
export interface ListenerSink {
  /** Never waits, never throws. */
  tell(events: readonly ListenerEvent[]): void;
  stop(graceMs: number): Promise<void>;
}

export class TellListeners {
  /** So that a run's start is told before what follows it. */
  private before: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly listeners: readonly ListenerSink[],
    private readonly logger: Logger,
  ) {}

  /** Their ids are looked up, beside the engine. */
  runsStarted(runs: readonly RunPk[]): void {
    if (this.listeners.length > 0) this.inTurn(() => this.readStarted(runs));
  }

  runsEnded(ended: readonly EndedRun[]): void {
    if (this.listeners.length > 0 && ended.length > 0) this.inTurn(() => ended.map(runEnded));
  }

  hop({ finished, suspended, claimed, ended }: HopResult): void {
    if (this.listeners.length === 0 || finished.length + suspended.length + claimed.length + ended.length === 0) return;
    const now = Date.now();
    this.inTurn(() => [
      ...[...finished, ...suspended].map(taskEvent),
      ...ended.map(runEnded),
      ...claimed.map((attempt) => taskRunning(attempt, now)),
    ]);
  }

  async stop(graceMs: number): Promise<void> {
    await this.before;
    await Promise.all(this.listeners.map((listener) => listener.stop(graceMs)));
  }

  private inTurn(make: () => readonly ListenerEvent[] | Promise<readonly ListenerEvent[]>): void {
    this.before = this.before.then(async () => {
      try {
        const events = await make();
        for (const listener of this.listeners) listener.tell(events);
      } catch (error) {
        this.logger.warn(`listeners were not told of runs that started: ${(error as Error).message}`);
      }
    });
  }

  private async readStarted(runs: readonly RunPk[]): Promise<ListenerEvent[]> {
    const { rows } = await this.database.pool.query<StartedRun>(
      'SELECT dag_id, run_id, run_type, logical_date, start_date FROM dag_run WHERE pk = ANY($1::bigint[]) ORDER BY pk',
      [runs],
    );
    return rows.map((row) => {
      const dates = { logicalDate: row.logical_date?.toISOString() ?? null, startDate: row.start_date?.toISOString() ?? null };
      const event = {
        dagId: row.dag_id,
        runId: row.run_id,
        runType: row.run_type,
        ...dates,
        state: 'running',
        reason: null,
        endDate: null,
      } as const;
      return { kind: 'run', event };
    });
  }
}

interface StartedRun {
  readonly dag_id: string;
  readonly run_id: string;
  readonly run_type: RunType;
  readonly logical_date: Date | null;
  readonly start_date: Date | null;
}

const iso = (at: Instant | null) => (at === null ? null : new Date(at).toISOString());

function runEnded({ dagId, runId, runType, logicalDate, state, reason, startDate, endDate }: EndedRun): ListenerEvent {
  const dates = { logicalDate: iso(logicalDate), startDate: iso(startDate), endDate: iso(endDate) };
  return { kind: 'run', event: { dagId, runId, runType, state, reason, ...dates } satisfies RunStateEvent };
}

function taskEvent({ dag, dagId, runId, runType, taskId, mapIndex, tryNumber, state, reason, ...at }: TaskNow): ListenerEvent {
  const { operator, inlets = [], outlets = [] } = dag.tasks.get(taskId)!.spec;
  const dates = { logicalDate: iso(at.logicalDate), startDate: iso(at.startDate), endDate: iso(at.endDate) };
  const event = { dagId, runId, runType, taskId, mapIndex, tryNumber, operator, state, reason, ...dates, inlets, outlets };
  return { kind: 'task', event: event satisfies TaskStateEvent };
}

/** Its code is about to begin. A try that goes on after a wait keeps its start. */
function taskRunning({ tryStartedAt, ...attempt }: ClaimedAttempt, now: Instant): ListenerEvent {
  return taskEvent({ ...attempt, state: 'running', reason: null, startDate: tryStartedAt ?? now, endDate: null });
}
