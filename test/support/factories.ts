/** Rows in any state, put straight into the tables, with every column that a test does not care about filled in. */
import { createHash, randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { RunState, RunType, TaskReason, TaskState } from '../../src/core/states';
import { isFinished, isRunFinished } from '../../src/core/states';
import { SPEC_FORMAT, type DagSpec, type EdgeSpec, type TaskSpec } from '../../src/dag-spec/spec';

type Time = Date | string | number;
const date = (time: Time | null | undefined) => (time === null || time === undefined ? null : new Date(time));

export function taskSpec(task: string | (Partial<TaskSpec> & { id: string })): TaskSpec {
  return {
    group: null,
    operator: 'FunctionOperator',
    kind: 'task',
    triggerRule: 'all_success',
    retries: 0,
    retryDelaysMs: [300_000],
    retryExponentialBackoff: false,
    maxRetryDelayMs: null,
    executionTimeoutMs: null,
    pool: 'default_pool',
    poolSlots: 1,
    priorityWeight: 1,
    weightRule: 'downstream',
    queue: 'default',
    executor: null,
    isolation: 'warm',
    memoryMb: null,
    rerunWhenLost: true,
    inputs: {},
    templateFields: [],
    options: {},
    owner: null,
    doc: null,
    ...(typeof task === 'string' ? { id: task } : task),
  };
}

export type DagSpecInput = Partial<Omit<DagSpec, 'tasks' | 'edges'>> & {
  readonly dagId: string;
  readonly tasks?: readonly (string | (Partial<TaskSpec> & { id: string }))[];
  /** `['a', 'b']`: b after a. */
  readonly edges?: readonly (EdgeSpec | readonly [from: string, to: string])[];
};

export function dagSpec({ tasks = ['a'], edges = [], ...rest }: DagSpecInput): DagSpec {
  return {
    format: SPEC_FORMAT,
    description: null,
    docMd: null,
    owner: null,
    tags: [],
    timezone: 'UTC',
    timetable: { kind: 'null' },
    startDate: null,
    endDate: null,
    catchup: false,
    maxActiveRuns: 16,
    maxActiveTasks: 16,
    pausedUponCreation: null,
    rerunWithLatestVersion: true,
    params: null,
    groups: [],
    ...rest,
    tasks: tasks.map(taskSpec),
    edges: edges.map((edge) => ('from' in edge ? edge : { from: edge[0], to: edge[1], label: null })),
  };
}

export interface InsertedDag {
  readonly dagId: string;
  /** uuid of the current version */
  readonly version: string;
  readonly number: number;
  readonly bundleHash: string;
  readonly spec: DagSpec;
}

/** A DAG with its current version; called again for the same id, it adds a version and makes that the current one. */
export async function insertDag(
  pool: Pool,
  input: DagSpecInput & {
    isPaused?: boolean;
    isActive?: boolean;
    filePath?: string;
    code?: string;
    sources?: Record<string, string>;
    next?: { runAfter: Time; logicalDate?: Time | null; start?: Time | null; end?: Time | null } | null;
  },
): Promise<InsertedDag> {
  const {
    isPaused = false,
    isActive = true,
    filePath = `${input.dagId}.ts`,
    code = `// ${randomUUID()}`,
    sources,
    next = null,
    ...rest
  } = input;
  const spec = dagSpec(rest);
  const bundleHash = sha(code);
  await pool.query(`INSERT INTO bundle (hash, format, code, sources) VALUES ($1, 'cjs', $2, $3) ON CONFLICT DO NOTHING`, [
    bundleHash,
    code,
    JSON.stringify(sources ?? { [filePath]: code }),
  ]);
  await pool.query(
    `INSERT INTO dag (dag_id, file_path, is_active, is_paused, description, owner, tags, timetable_summary, timezone, max_active_runs, max_active_tasks,
       next_run_after, next_logical_date, next_interval_start, next_interval_end, last_parsed_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, clock_timestamp())
     ON CONFLICT (dag_id) DO UPDATE SET file_path = excluded.file_path, is_active = excluded.is_active, is_paused = excluded.is_paused`,
    [
      spec.dagId,
      filePath,
      isActive,
      isPaused,
      spec.description,
      spec.owner,
      spec.tags,
      timetableSummary(spec),
      spec.timezone,
      spec.maxActiveRuns,
      spec.maxActiveTasks,
      date(next?.runAfter),
      date(next?.logicalDate),
      date(next?.start),
      date(next?.end),
    ],
  );
  const { rows } = await pool.query<{ id: string; number: number }>(
    `INSERT INTO dag_version (dag_id, number, spec_hash, bundle_hash, file_path, spec)
     SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5 FROM dag_version WHERE dag_id = $1 RETURNING id, number`,
    [spec.dagId, sha(JSON.stringify(spec)), bundleHash, filePath, JSON.stringify(spec)],
  );
  const version = rows[0]!;
  await pool.query('UPDATE dag SET current_version = $2 WHERE dag_id = $1', [spec.dagId, version.id]);
  return { dagId: spec.dagId, version: version.id, number: version.number, bundleHash, spec };
}

export interface RunInput {
  readonly dagId: string;
  readonly runId?: string;
  /** 'running' */
  readonly state?: RunState;
  readonly runType?: RunType;
  readonly logicalDate?: Time | null;
  readonly interval?: readonly [start: Time, end: Time] | null;
  readonly runAfter?: Time;
  /** The DAG's current version, unless the run is queued. */
  readonly version?: string | null;
  readonly conf?: object;
  readonly backfill?: { readonly id: number; readonly ordinal: number };
  readonly queuedAt?: Time;
  readonly startDate?: Time | null;
  readonly endDate?: Time | null;
  readonly note?: string | null;
  readonly triggeredBy?: string;
  readonly triggeringUser?: string | null;
}

/** Returns the run's pk. Makes no task instances. */
export async function insertRun(pool: Pool, run: RunInput): Promise<number> {
  const { state = 'running', runType = 'manual', logicalDate = null } = run;
  const runAfter = run.runAfter ?? logicalDate ?? new Date();
  const started = state !== 'queued';
  const { rows } = await pool.query<{ pk: number }>(
    `INSERT INTO dag_run (dag_id, run_id, run_type, state, logical_date, interval_start, interval_end, run_after, version, conf, triggered_by,
       triggering_user, note, backfill_id, backfill_ordinal, queued_at, start_date, end_date)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, CASE WHEN $10 THEN (SELECT current_version FROM dag WHERE dag_id = $1) END), $11, $12, $13,
       $14, $15, $16, coalesce($17, clock_timestamp()), $18, $19) RETURNING pk`,
    [
      run.dagId,
      run.runId ?? `${runType}__${new Date(runAfter).toISOString()}_${randomUUID().slice(0, 6)}`,
      runType,
      state,
      date(logicalDate),
      date(run.interval?.[0]),
      date(run.interval?.[1]),
      date(runAfter),
      run.version ?? null,
      started,
      JSON.stringify(run.conf ?? {}),
      run.triggeredBy ?? 'test',
      run.triggeringUser ?? null,
      run.note ?? null,
      run.backfill?.id ?? null,
      run.backfill?.ordinal ?? null,
      date(run.queuedAt),
      date(run.startDate !== undefined ? run.startDate : started ? new Date() : null),
      date(run.endDate !== undefined ? run.endDate : isRunFinished(state) ? new Date() : null),
    ],
  );
  return rows[0]!.pk;
}

export interface TaskInstanceInput {
  /** pk of the run */
  readonly run: number;
  readonly taskId: string;
  readonly state?: TaskState;
  readonly reason?: TaskReason | null;
  readonly mapIndex?: number;
  readonly lane?: string;
  readonly pool?: string;
  readonly poolSlots?: number;
  readonly priority?: number;
  readonly rankClass?: number;
  readonly admissible?: boolean;
  readonly tryNumber?: number;
  readonly retriesUsed?: number;
  readonly dueAt?: Time | null;
  readonly startDate?: Time | null;
  readonly endDate?: Time | null;
  /** For a live attempt (states queued, running, restarting): default a new session. */
  readonly session?: string;
  readonly attemptState?: 'claimed' | 'running' | 'ending';
}

/** Also makes the live attempt that a queued, running or restarting task instance has, and the ended one of a task that was executed. */
export async function insertTaskInstance(pool: Pool, input: TaskInstanceInput): Promise<{ pk: number; attempt: string | null }> {
  const { state = null } = input;
  const live = state === 'queued' || state === 'running' || state === 'restarting';
  const executed = live || ((state === 'success' || state === 'failed' || state === 'up_for_retry') && (input.tryNumber ?? 1) > 0);
  const tryNumber = input.tryNumber ?? (executed ? 1 : 0);
  const startDate = input.startDate !== undefined ? date(input.startDate) : executed ? new Date() : null;
  const attempt = executed ? randomUUID() : null;
  const { rows } = await pool.query<{ pk: number; version: string }>(
    `WITH made AS (
       INSERT INTO task_instance (run, task_id, map_index, state, reason, admissible, lane, pool, pool_slots, rank_class, priority, run_after, try_number,
         retries_used, attempt, due_at, start_date, end_date)
       SELECT pk, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, run_after, $12, $13, $14, $15, $16, $17 FROM dag_run WHERE pk = $1
       RETURNING pk, run)
     SELECT made.pk, r.version FROM made JOIN dag_run r ON r.pk = made.run`,
    [
      input.run,
      input.taskId,
      input.mapIndex ?? -1,
      state,
      input.reason ?? (executed && !live ? 'executed' : null),
      input.admissible ?? false,
      input.lane ?? 'local',
      input.pool ?? 'default_pool',
      input.poolSlots ?? 1,
      input.rankClass ?? 0,
      input.priority ?? 1,
      tryNumber,
      input.retriesUsed ?? 0,
      attempt,
      date(input.dueAt !== undefined ? input.dueAt : state === 'up_for_retry' || state === 'up_for_reschedule' ? Date.now() : null),
      startDate,
      input.endDate !== undefined ? date(input.endDate) : isFinished(state) ? new Date() : null,
    ],
  );
  const { pk, version } = rows[0]!;
  if (attempt) {
    const session = input.session ?? (await insertSession(pool));
    await insertAttempt(pool, {
      id: attempt,
      ti: pk,
      tryNumber,
      session,
      version,
      pool: input.pool,
      slots: input.poolSlots,
      state: live ? (input.attemptState ?? 'running') : 'ended',
      endState: live ? null : state,
      startedAt: startDate,
    });
  }
  return { pk, attempt };
}

export async function insertAttempt(
  pool: Pool,
  attempt: {
    ti: number;
    session: string;
    version: string;
    id?: string;
    tryNumber?: number;
    piece?: number;
    pool?: string;
    slots?: number;
    state?: 'claimed' | 'running' | 'ending' | 'parked' | 'ended';
    endState?: string | null;
    endReason?: string | null;
    error?: object | null;
    startedAt?: Time | null;
    endedAt?: Time | null;
    host?: string;
    pid?: number;
  },
): Promise<string> {
  const { id = randomUUID(), state = 'running' } = attempt;
  await pool.query(
    `INSERT INTO attempt (id, ti, try_number, piece, session, version, pool, slots, state, started_at, ended_at, end_state, end_reason, error, host, pid)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
    [
      id,
      attempt.ti,
      attempt.tryNumber ?? 1,
      attempt.piece ?? 0,
      attempt.session,
      attempt.version,
      attempt.pool ?? 'default_pool',
      attempt.slots ?? 1,
      state,
      date(attempt.startedAt !== undefined ? attempt.startedAt : state === 'claimed' ? null : new Date()),
      date(attempt.endedAt ?? (state === 'ended' ? new Date() : null)),
      attempt.endState ?? null,
      attempt.endReason ?? null,
      attempt.error ? JSON.stringify(attempt.error) : null,
      attempt.host ?? 'test-host',
      attempt.pid ?? 4711,
    ],
  );
  return id;
}

/** Returns the session's id. Its lease lasts a minute from now unless `leaseMs` says otherwise (negative: expired). */
export async function insertSession(
  pool: Pool,
  session: {
    kind?: string;
    host?: string;
    bootId?: string;
    pid?: number;
    lanes?: string[];
    capacity?: number;
    leaseMs?: number;
    state?: string;
    version?: string;
  } = {},
): Promise<string> {
  const id = randomUUID();
  const { state = 'alive' } = session;
  await pool.query(
    `INSERT INTO session (id, kind, host, boot_id, pid, version, lanes, capacity, state, lease_until, ended_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp() + $10 * interval '1 ms', CASE WHEN $9 IN ('ended', 'lost') THEN clock_timestamp() END)`,
    [
      id,
      session.kind ?? 'test',
      session.host ?? 'test-host',
      session.bootId ?? 'test-boot',
      session.pid ?? 4711,
      session.version ?? '0.0.0',
      session.lanes ?? ['local'],
      session.capacity ?? 0,
      state,
      session.leaseMs ?? 60_000,
    ],
  );
  return id;
}

export async function insertPool(pool: Pool, name: string, slots: number): Promise<void> {
  await pool.query('INSERT INTO pool (name, slots) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET slots = excluded.slots', [name, slots]);
}

/** Returns the backfill's id. Makes no rows of its runs. */
export async function insertBackfill(
  pool: Pool,
  backfill: {
    dagId: string;
    fromDate: Time;
    toDate: Time;
    maxActiveRuns?: number;
    reprocessBehavior?: 'none' | 'failed' | 'completed';
    runBackwards?: boolean;
    isPaused?: boolean;
    completedAt?: Time | null;
    conf?: object;
  },
): Promise<number> {
  const { rows } = await pool.query<{ id: number }>(
    `INSERT INTO backfill (dag_id, from_date, to_date, max_active_runs, reprocess_behavior, run_backwards, is_paused, completed_at, conf)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`,
    [
      backfill.dagId,
      date(backfill.fromDate),
      date(backfill.toDate),
      backfill.maxActiveRuns ?? 10,
      backfill.reprocessBehavior ?? 'none',
      backfill.runBackwards ?? false,
      backfill.isPaused ?? false,
      date(backfill.completedAt),
      JSON.stringify(backfill.conf ?? {}),
    ],
  );
  return rows[0]!.id;
}

export async function insertXcom(
  pool: Pool,
  xcom: { run: number; taskId: string; key?: string; mapIndex?: number; value: unknown; attempt?: string | null },
): Promise<void> {
  const text = JSON.stringify(xcom.value);
  await pool.query('INSERT INTO xcom (run, task_id, map_index, key, value, bytes, attempt) VALUES ($1, $2, $3, $4, $5, $6, $7)', [
    xcom.run,
    xcom.taskId,
    xcom.mapIndex ?? -1,
    xcom.key ?? 'return_value',
    text,
    Buffer.byteLength(text),
    xcom.attempt ?? null,
  ]);
}

const sha = (text: string) => createHash('sha256').update(text).digest('hex');

function timetableSummary({ timetable }: DagSpec): string | null {
  if (timetable.kind === 'cron-data-interval') return timetable.expression;
  if (timetable.kind === 'delta-data-interval') return timetable.delta;
  return timetable.kind === 'once' ? '@once' : null;
}
