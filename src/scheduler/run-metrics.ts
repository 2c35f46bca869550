import type { JsonObject } from '../core/json';
import type { Database } from '../db/database';
import type { ClaimedAttempt, EndedRun, HopResult, RunPk } from '../ledger/ledger';
import { createSchedulerMetrics } from '../telemetry/metrics';
import type { Lanes } from './lanes';

/** Of the delays of ended runs that are read with the next renewal. */
const MOST_REMEMBERED = 1_000;

/** Turns what the engine did into figures. Reading the delays of runs is left to the renewal of the session: it is not worth a hop's time. */
export class RunMetrics {
  readonly scheduler = createSchedulerMetrics();
  private ended: RunPk[] = [];

  constructor(private readonly database: Database) {}

  claimed(attempts: readonly ClaimedAttempt[]): void {
    for (const { dagId } of attempts) this.scheduler.tiStart.inc({ dag_id: dagId });
  }

  hop({ finished, ended }: HopResult, tookMs: number): void {
    const { loopDuration, tiFinish, tiSuccesses, tiFailures, taskDuration } = this.scheduler;
    loopDuration.observe(tookMs / 1000);
    for (const { dagId, state, startDate, endDate } of finished) {
      tiFinish.inc({ dag_id: dagId, state: state ?? 'none' });
      if (state === 'success') tiSuccesses.inc();
      if (state === 'failed') tiFailures.inc();
      if (startDate !== null && endDate !== null) taskDuration.observe({ dag_id: dagId }, (endDate - startDate) / 1000);
    }
    this.runsEnded(ended);
  }

  runsEnded(ended: readonly EndedRun[]): void {
    const { dagrunSuccess, dagrunFailed } = this.scheduler;
    for (const { run, dagId, state, startDate, endDate } of ended) {
      if (startDate !== null) (state === 'success' ? dagrunSuccess : dagrunFailed).observe({ dag_id: dagId }, (endDate - startDate) / 1000);
      if (this.ended.length < MOST_REMEMBERED) this.ended.push(run);
    }
  }

  async toDetails(lanes: Lanes): Promise<JsonObject> {
    const { heartbeat, executorOpen, executorQueued, executorRunning } = this.scheduler;
    heartbeat.inc();
    for (const { lane, open, queued, running } of lanes.stats()) {
      executorOpen.set({ executor: lane }, open);
      executorQueued.set({ executor: lane }, queued);
      executorRunning.set({ executor: lane }, running);
    }
    await this.readDelays();
    return this.scheduler.toDetails();
  }

  private async readDelays(): Promise<void> {
    const runs = this.ended;
    this.ended = [];
    if (runs.length === 0) return;
    const { rows } = await this.database.pool.query<{ dag_id: string; schedule_delay: number; first_task_delay: number | null }>(
      `SELECT r.dag_id, extract(epoch FROM r.start_date - r.run_after)::float8 AS schedule_delay,
              extract(epoch FROM min(t.start_date) - r.run_after)::float8 AS first_task_delay
         FROM dag_run r LEFT JOIN task_instance t ON t.run = r.pk
        WHERE r.pk = ANY($1) AND r.run_type = 'scheduled' AND r.start_date IS NOT NULL GROUP BY r.pk`,
      [runs],
    );
    for (const { dag_id, schedule_delay, first_task_delay } of rows) {
      this.scheduler.scheduleDelay.observe({ dag_id }, Math.max(0, schedule_delay));
      if (first_task_delay !== null) this.scheduler.firstTaskDelay.observe({ dag_id }, Math.max(0, first_task_delay));
    }
  }
}
