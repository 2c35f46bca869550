import type { Config } from '../config/config';
import type { JsonObject } from '../core/json';
import type { RunType } from '../core/states';
import type { AttemptOutcome, ErrorInfo, RunCallback } from '../core/workload';
import type { Database } from '../db/database';
import type { RunEvent, TaskEvent } from '../dag-spec/spec';
import type { SessionId } from '../ledger/ledger';
import type { LogStore } from '../logs/log-store';
import type { Service } from '../service/service';
import type { Logger } from '../telemetry/logger';
import type { Lanes } from './lanes';

export interface RunCallbacksDeps {
  readonly database: Database;
  readonly session: () => SessionId;
  readonly lanes: Pick<Lanes, 'hasRoomForCallback' | 'runCallback'>;
  readonly logs: Pick<LogStore, 'pathOf'>;
  readonly config: Pick<Config, 'dagsFolder'>;
  readonly logger: Logger;
}

/** A callback whose process was lost so often is given up. */
const MOST_TRIES = 5;
/** All callbacks of one event together. */
const TIMEOUT_MS = 300_000;

interface CallbackRow {
  id: string;
  event: TaskEvent | RunEvent | 'deadline';
  deadline: number | null;
  deadline_at: Date | null;
  tries: number;
  try_number: number;
  reason: string | null;
  error: ErrorInfo | null;
  task_id: string | null;
  map_index: number | null;
  max_tries: number;
  bundle_hash: string;
  file_path: string;
  dag_id: string;
  run_id: string;
  run_type: RunType;
  logical_date: Date | null;
  interval_start: Date | null;
  interval_end: Date | null;
  run_after: Date;
  start_date: Date | null;
  conf: JsonObject;
}

/**
 * Runs the callbacks that the hop wrote down with their causes. A row belongs to the session that took it, as long as that session lives:
 * when it dies, another takes the row again. So a callback runs at least once, and again only if its process was lost. One that threw has
 * run: its log says what it threw.
 */
export class RunCallbacks implements Service {
  readonly name = 'run-callbacks';
  readonly intervalMs = 1_000;

  constructor(private readonly deps: RunCallbacksDeps) {}

  async runOnce(): Promise<boolean> {
    const { database, lanes, session } = this.deps;
    const owner = session();
    let ran = false;
    while (await this.isAnyDue()) {
      if (!lanes.hasRoomForCallback()) return ran;
      const { rows } = await database.pool.query<CallbackRow>(TAKE, [owner]);
      if (!rows[0]) return ran;
      ran = true;
      const row = rows[0];
      const work = this.toWork(row);
      lanes.runCallback(work, (outcome) => void this.record(row, owner, work.logPath, outcome));
    }
    return ran;
  }

  private async isAnyDue(): Promise<boolean> {
    const { rows } = await this.deps.database.pool.query<{ due: boolean }>(`SELECT EXISTS (${DUE}) AS due`);
    return rows[0]!.due;
  }

  private toWork(row: CallbackRow): RunCallback {
    const { id, event, dag_id: dagId, run_id: runId, task_id: taskId, map_index: mapIndex } = row;
    const millis = (date: Date | null) => date?.getTime() ?? null;
    return {
      kind: 'run-callback',
      attemptId: id,
      bundleHash: row.bundle_hash,
      filePath: row.file_path,
      dagsFolder: this.deps.config.dagsFolder,
      run: {
        dagId,
        runId,
        runType: row.run_type,
        logicalDate: millis(row.logical_date),
        dataIntervalStart: millis(row.interval_start),
        dataIntervalEnd: millis(row.interval_end),
        runAfter: row.run_after.getTime(),
        startDate: millis(row.start_date),
        conf: row.conf,
      },
      event,
      ...(row.deadline !== null && { deadline: { number: row.deadline, at: row.deadline_at!.getTime() } }),
      task: taskId === null ? null : { taskId, mapIndex: mapIndex!, tryNumber: row.try_number, maxTries: row.max_tries },
      reason: row.reason,
      error: row.error,
      executionTimeoutMs: TIMEOUT_MS,
      // One that ended its process may do so again: it takes nobody else along.
      isolation: row.tries > 1 ? 'fresh' : 'warm',
      memoryMb: null,
      logPath: this.deps.logs.pathOf({ dagId, runId, taskId, mapIndex: mapIndex ?? -1, event, callback: id }),
    };
  }

  /** Kept trying while the database is away: a row that stays taken is run once more when this session ends. */
  private async record(row: CallbackRow, owner: SessionId, logPath: string, { outcome }: AttemptOutcome): Promise<void> {
    const { database, logger } = this.deps;
    const lost = outcome.kind === 'lost' || outcome.kind === 'not-started';
    const again = lost && row.tries < MOST_TRIES;
    if (outcome.kind !== 'success') {
      const what = `the ${row.event} callback of ${row.task_id === null ? 'DAG' : `task "${row.task_id}" of DAG`} "${row.dag_id}" in run ${row.run_id}`;
      logger.warn(`${what} ${lost ? `was lost${again ? ' and is run again' : ' too often'}` : 'failed'}; see ${logPath}`);
    }
    try {
      await database.pool.query(RECORD, [row.id, owner, row.tries, again, outcome.kind, again ? 2 ** row.tries : 0]);
    } catch (error) {
      logger.warn(`what came of a callback could not be recorded: ${(error as Error).message}`);
    }
  }
}

const DUE = `SELECT FROM callback WHERE done_at IS NULL AND due_at <= clock_timestamp()
  AND (session IS NULL OR NOT EXISTS (SELECT FROM session s WHERE s.id = callback.session AND s.state IN ('alive', 'draining')))`;

/** One at a time, as slots are free; of several schedulers each takes another row. */
const TAKE = `WITH due AS (
    SELECT id FROM callback WHERE done_at IS NULL AND due_at <= clock_timestamp()
      AND (session IS NULL OR NOT EXISTS (SELECT FROM session s WHERE s.id = callback.session AND s.state IN ('alive', 'draining')))
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED),
  taken AS (
    UPDATE callback c SET session = $1::uuid, tries = c.tries + 1 FROM due WHERE c.id = due.id
      AND EXISTS (SELECT FROM session WHERE id = $1::uuid AND state = 'alive') RETURNING c.*)
  SELECT c.id, c.event, c.deadline, (SELECT e.due_at FROM deadline e WHERE e.run = c.run AND e.number = c.deadline) AS deadline_at, c.tries, c.try_number, c.reason, c.error, t.task_id, t.map_index,
    greatest(c.try_number, c.try_number + coalesce((SELECT (e->>'retries')::int FROM json_array_elements(v.spec->'tasks') e WHERE e->>'id' = t.task_id), 0) - coalesce(t.retries_used, 0)) AS max_tries,
    v.bundle_hash, v.file_path, r.dag_id, r.run_id, r.run_type, r.logical_date, r.interval_start, r.interval_end, r.run_after, r.start_date, r.conf
  FROM taken c JOIN dag_run r ON r.pk = c.run JOIN dag_version v ON v.id = c.version LEFT JOIN task_instance t ON t.pk = c.ti`;

const RECORD = `UPDATE callback SET session = CASE WHEN $4 THEN NULL ELSE session END, done_at = CASE WHEN $4 THEN NULL ELSE clock_timestamp() END,
    outcome = $5, due_at = clock_timestamp() + $6::int * interval '1 second'
  WHERE id = $1::uuid AND session = $2::uuid AND tries = $3 AND done_at IS NULL`;
