/**
 * A showcase of everything that the pages can show, put straight into the tables: for looking at the interface without an engine, and for
 * the tests of the pages. The same numbers each time, apart from the present moment.
 */
import type { Pool } from 'pg';
import type { RunState, RunType, TaskState } from '../../src/core/states';
import type { EdgeSpec, TaskSpec } from '../../src/dag-spec/spec';
import type { AnyLogRef, LogLine, LogRef, LogStore } from '../../src/logs/log-store';
import { compileDag } from '../../src/dag-spec/compiled-dag';
import {
  dagSpec,
  insertAttempt,
  insertBackfill,
  insertDag,
  insertPool,
  insertRun,
  insertSession,
  insertTaskInstance,
  insertXcom,
} from './factories';
import type { InsertedDag } from './factories';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface Plan {
  readonly dagId: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly schedule: string | null;
  readonly human: string | null;
  readonly everyMs: number;
  readonly runs: number;
  readonly tasks: readonly (string | (Partial<TaskSpec> & { id: string }))[];
  readonly groups?: readonly string[];
  readonly edges: readonly (EdgeSpec | readonly [string, string])[];
  readonly secondsPerTask: number;
  readonly failEvery?: number;
  readonly isPaused?: boolean;
  readonly isRunning?: boolean;
  readonly timezone?: string;
  readonly params?: object;
  readonly owner?: string;
}

export async function fillShowcase(pool: Pool, { large = false } = {}): Promise<{ logs: MemoryLogs }> {
  const random = seeded(20260102);
  const logs = new MemoryLogs();
  const session = await insertSession(pool, { kind: 'scheduler', host: 'eiger', pid: 4211, version: '0.1.0', capacity: 32, leaseMs: DAY });
  await insertSession(pool, { kind: 'dag-processor', host: 'eiger', pid: 4212, version: '0.1.0', leaseMs: DAY });
  await insertSession(pool, { kind: 'webserver', host: 'eiger', pid: 4213, version: '0.1.0', leaseMs: DAY });
  await insertSession(pool, { kind: 'scheduler', host: 'jungfrau', pid: 991, version: '0.1.0', state: 'lost', leaseMs: -HOUR });
  await insertPool(pool, 'warehouse', 4);
  await insertPool(pool, 'partner_api', 2);

  for (const plan of plans) await fillDag(pool, plan, { random, logs, session });
  for (let i = 0; i < 12; i++) {
    const dagId = `ingest.partner_${String(i + 1).padStart(2, '0')}`;
    await fillDag(
      pool,
      { ...chain, dagId, description: `Nightly files of partner ${i + 1}`, runs: 6 + i, isPaused: i % 3 === 1, failEvery: i === 4 ? 1 : 9 },
      { random, logs, session },
    );
  }
  await fillBackfill(pool);
  await fillImportErrors(pool);
  if (large) await fillLargeDag(pool);
  return { logs };
}

const diamond: Plan['edges'] = [
  ['extract_orders', 'join'],
  ['extract_customers', 'join'],
  ['join', 'transform.clean'],
  ['transform.clean', 'transform.enrich'],
  ['transform.clean', 'transform.aggregate'],
  ['transform.enrich', 'quality.row_count'],
  ['transform.aggregate', 'quality.row_count'],
  ['transform.aggregate', 'quality.freshness'],
  ['quality.row_count', 'publish'],
  ['quality.freshness', 'publish'],
];

const chain: Omit<Plan, 'dagId'> = {
  description: '',
  tags: ['ingest', 'partners'],
  schedule: '15 2 * * *',
  human: 'At 02:15',
  everyMs: DAY,
  runs: 12,
  tasks: [
    { id: 'fetch', operator: 'HttpOperator', pool: 'partner_api', retries: 3 },
    { id: 'validate' },
    { id: 'load', operator: 'SqlOperator', pool: 'warehouse' },
  ],
  edges: [
    ['fetch', 'validate'],
    ['validate', 'load'],
  ],
  secondsPerTask: 8,
};

const plans: readonly Plan[] = [
  {
    dagId: 'daily_sales',
    description: 'Orders and customers into the warehouse, checked and published',
    tags: ['finance', 'sales'],
    schedule: '0 6 * * *',
    human: 'At 06:00',
    timezone: 'Europe/Zurich',
    owner: 'data-platform',
    everyMs: DAY,
    runs: 60,
    tasks: [
      { id: 'extract_orders', operator: 'SqlOperator', retries: 2 },
      { id: 'extract_customers', operator: 'HttpOperator', pool: 'partner_api', retries: 2 },
      { id: 'join' },
      { id: 'transform.clean', group: 'transform' },
      { id: 'transform.enrich', group: 'transform' },
      { id: 'transform.aggregate', group: 'transform', operator: 'SqlOperator', pool: 'warehouse' },
      { id: 'quality.row_count', group: 'quality' },
      { id: 'quality.freshness', group: 'quality' },
      {
        id: 'publish',
        operator: 'BashOperator',
        templateFields: ['command', 'env'],
        options: { command: 'publish --date {{ ds }}' },
        triggerRule: 'all_success',
      },
    ],
    groups: ['transform', 'quality'],
    edges: diamond,
    secondsPerTask: 22,
    failEvery: 11,
    isRunning: true,
    params: {
      type: 'object',
      properties: {
        region: { type: 'string', enum: ['eu', 'us', 'apac'], default: 'eu', description: 'Which shops' },
        since: { type: 'string', format: 'date', default: '2026-01-01', title: 'Since' },
        limit: { type: 'integer', minimum: 1, maximum: 100000, default: 5000, description: 'Most rows per shop' },
        threshold: { type: 'number', default: 0.25 },
        dry_run: { type: 'boolean', default: false, title: 'Dry run', description: 'Reads everything, writes nothing' },
        columns: { type: 'array', items: { type: 'string' }, default: ['id', 'total'] },
      },
    },
  },
  {
    dagId: 'seattle_weather',
    description: 'One day of weather per run, validated and upserted',
    tags: ['example', 'weather'],
    schedule: '@daily',
    human: 'At 00:00',
    everyMs: DAY,
    runs: 40,
    tasks: ['read_day', 'validate', { id: 'upsert', operator: 'SqlOperator' }],
    edges: [
      ['read_day', 'validate'],
      ['validate', 'upsert'],
    ],
    secondsPerTask: 1,
    isPaused: true,
  },
  {
    dagId: 'branching_report',
    description: 'Weekdays get the short report, Mondays the long one',
    tags: ['example'],
    schedule: '30 7 * * 1-5',
    human: 'At 07:30, Monday through Friday',
    everyMs: DAY,
    runs: 20,
    tasks: [
      { id: 'choose', operator: 'BranchOperator', kind: 'branch' },
      { id: 'long_report' },
      { id: 'short_report' },
      { id: 'send', operator: 'EmailOperator', triggerRule: 'none_failed_min_one_success' },
    ],
    edges: [
      { from: 'choose', to: 'long_report', label: 'Monday' },
      { from: 'choose', to: 'short_report', label: 'other days' },
      ['long_report', 'send'],
      ['short_report', 'send'],
    ],
    secondsPerTask: 5,
  },
  {
    dagId: 'hourly_metrics',
    description: 'Product metrics, hour by hour',
    tags: ['product'],
    schedule: '@hourly',
    human: 'At 0 minutes past the hour',
    everyMs: HOUR,
    runs: 80,
    tasks: [
      { id: 'collect', retries: 3 },
      { id: 'roll_up', operator: 'SqlOperator' },
      { id: 'alert', triggerRule: 'one_failed' },
    ],
    edges: [
      ['collect', 'roll_up'],
      ['roll_up', 'alert'],
    ],
    secondsPerTask: 14,
    failEvery: 17,
    isRunning: true,
  },
  {
    dagId: 'model_training',
    description: 'Trains the recommendation models and compares them',
    tags: ['ml'],
    schedule: null,
    human: null,
    everyMs: 2 * DAY,
    runs: 9,
    tasks: [
      'features',
      ...['a', 'b', 'c', 'd', 'e'].flatMap((m) => [
        { id: `model_${m}.train`, group: `model_${m}` },
        { id: `model_${m}.evaluate`, group: `model_${m}` },
      ]),
      'compare',
      'deploy',
    ],
    groups: ['model_a', 'model_b', 'model_c', 'model_d', 'model_e'],
    edges: ['a', 'b', 'c', 'd', 'e']
      .flatMap(
        (m) =>
          [
            ['features', `model_${m}.train`],
            [`model_${m}.train`, `model_${m}.evaluate`],
            [`model_${m}.evaluate`, 'compare'],
          ] as const,
      )
      .concat([['compare', 'deploy']] as never),
    secondsPerTask: 340,
    failEvery: 4,
  },
];

interface Around {
  readonly random: () => number;
  readonly logs: MemoryLogs;
  readonly session: string;
}

async function fillDag(pool: Pool, plan: Plan, around: Around): Promise<InsertedDag> {
  const now = Date.now();
  const next = plan.schedule === null ? null : Math.ceil(now / plan.everyMs) * plan.everyMs + (plan.everyMs === DAY ? 6 * HOUR : 0);
  const dag = await insertDag(pool, {
    dagId: plan.dagId,
    description: plan.description,
    tags: [...plan.tags],
    owner: plan.owner ?? null,
    timezone: plan.timezone ?? 'UTC',
    timetable:
      plan.schedule === null
        ? { kind: 'null' }
        : { kind: 'cron-data-interval', expression: plan.schedule, timezone: plan.timezone ?? 'UTC' },
    docMd: `# ${plan.dagId}\n\n${plan.description}. Ask **${plan.owner ?? 'the data team'}** before changing it.\n\n- reads the orders of the day\n- writes \`warehouse.sales\``,
    params: (plan.params ?? null) as never,
    tasks: plan.tasks,
    groups: (plan.groups ?? []).map((id) => ({ id, parent: null, doc: null })),
    edges: plan.edges,
    isPaused: plan.isPaused ?? false,
    filePath: `${plan.dagId.replace('.', '/')}.ts`,
    sources: { [`${plan.dagId.replace('.', '/')}.ts`]: sourceOf(plan) },
    next: next === null ? null : { runAfter: next, logicalDate: next - plan.everyMs, start: next - plan.everyMs, end: next },
  });
  await pool.query('UPDATE dag SET timetable_description = $2, last_parse_ms = 38 WHERE dag_id = $1', [plan.dagId, plan.human]);
  await pool.query(
    `INSERT INTO audit_log (actor, via, action, dag_id, details, at) VALUES ('admin', 'ui', 'dag.unpause', $1, '{}', clock_timestamp() - interval '3 days'),
     ('admin', 'cli', 'run.trigger', $1, '{"conf":{"region":"eu"}}', clock_timestamp() - interval '2 hours')`,
    [plan.dagId],
  );
  for (let i = plan.runs; i >= 1; i--) {
    const isNewest = i === 1;
    const failed = plan.failEvery !== undefined && i % plan.failEvery === (plan.failEvery === 1 ? 0 : 3);
    const state: RunState = isNewest && plan.isRunning ? 'running' : failed ? 'failed' : 'success';
    await fillRun(pool, dag, plan, { index: i, state, runType: i % 13 === 5 ? 'manual' : i % 7 === 6 ? 'backfill' : 'scheduled' }, around);
  }
  if (plan.isRunning)
    await insertRun(pool, {
      dagId: plan.dagId,
      state: 'queued',
      runType: 'manual',
      triggeringUser: 'admin',
      triggeredBy: 'ui',
      conf: { region: 'us' },
    });
  return dag;
}

async function fillRun(
  pool: Pool,
  dag: InsertedDag,
  plan: Plan,
  { index, state, runType }: { index: number; state: RunState; runType: RunType },
  { random, logs, session }: Around,
): Promise<void> {
  const at = Math.floor(Date.now() / plan.everyMs) * plan.everyMs - (index - 1) * plan.everyMs;
  const compiled = compileDag(dag.version, dag.spec);
  const order = [...compiled.tasks.values()];
  const failAt = state === 'failed' ? Math.floor(random() * (order.length - 1)) : -1;
  const open = state === 'running' ? Math.max(1, Math.floor(order.length * 0.55)) : Infinity;
  const start = state === 'running' ? Date.now() - plan.secondsPerTask * 1000 * (open + 0.4) : at + 4000;
  const spans = new Map<string, { end: number; state: TaskState }>();
  const rows: { id: string; state: TaskState; start: number | null; end: number | null; tries: number }[] = [];
  for (const [position, task] of order.entries()) {
    const ups = task.upstream.map((id) => spans.get(id)!);
    const from = Math.max(start, ...ups.map((up) => up?.end ?? start));
    const took = plan.secondsPerTask * 1000 * (0.4 + random() * 1.2);
    let taskState: TaskState = 'success';
    if (ups.some((up) => up?.state === 'failed' || up?.state === 'upstream_failed'))
      taskState = task.spec.triggerRule === 'one_failed' ? 'success' : 'upstream_failed';
    else if (task.spec.triggerRule === 'one_failed') taskState = 'skipped';
    else if (position === failAt) taskState = 'failed';
    else if (plan.dagId === 'branching_report' && task.spec.id === (index % 5 === 0 ? 'short_report' : 'long_report'))
      taskState = 'skipped';
    if (position === open) taskState = 'running';
    else if (position === open + 1) taskState = task.upstream.some((id) => spans.get(id)?.state === 'running') ? null : 'up_for_retry';
    else if (position > open) taskState = null;
    const ran = taskState === 'success' || taskState === 'failed' || taskState === 'running' || taskState === 'up_for_retry';
    const finished = taskState !== null && taskState !== 'running' && taskState !== 'up_for_retry';
    const end = finished ? (ran ? Math.min(from + took, Date.now()) : from) : null;
    spans.set(task.spec.id, { end: end ?? from, state: taskState });
    rows.push({
      id: task.spec.id,
      state: taskState,
      start: ran ? from : null,
      end,
      tries: ran ? (task.spec.retries > 0 && random() < 0.15 ? 2 : 1) : 0,
    });
  }
  const end = state === 'running' ? null : Math.max(start + 1000, ...rows.map((row) => row.end ?? 0));
  const interval = [at - plan.everyMs, at] as const;
  const run = await insertRun(pool, {
    dagId: plan.dagId,
    runId: `${runType}__${new Date(at - plan.everyMs).toISOString()}`,
    runType,
    state,
    logicalDate: at - plan.everyMs,
    interval,
    runAfter: at,
    startDate: start,
    endDate: end,
    triggeredBy: runType === 'manual' ? 'ui' : 'timetable',
    triggeringUser: runType === 'manual' ? 'admin' : null,
    conf: runType === 'manual' ? { region: 'eu', limit: 250 } : {},
  });
  const runId = `${runType}__${new Date(at - plan.everyMs).toISOString()}`;
  for (const row of rows) {
    const spec = compiled.tasks.get(row.id)!.spec;
    const { pk } = await insertTaskInstance(pool, {
      run, taskId: row.id, state: row.state, tryNumber: row.tries, startDate: row.start, endDate: row.end, pool: spec.pool, session,
      reason: row.state === null ? null : row.start === null ? 'rule' : 'executed', dueAt: row.state === 'up_for_retry' ? Date.now() + 4 * MINUTE : undefined,
    }); // prettier-ignore
    if (index > 3 || row.start === null) continue;
    if (row.tries === 2) {
      const error = { name: 'FetchError', message: 'connect ECONNREFUSED 10.0.3.17:443', stack: null };
      await insertAttempt(pool, {
        ti: pk,
        session,
        version: dag.version,
        tryNumber: 1,
        state: 'ended',
        endState: 'up_for_retry',
        endReason: 'executed',
        error,
        startedAt: row.start - 30_000,
        endedAt: row.start - 20_000,
        host: 'eiger',
      });
      logs.fill({ dagId: plan.dagId, runId, taskId: row.id, mapIndex: -1, tryNumber: 1 }, row.start - 30_000, 12, 'failed', random);
    }
    if (row.state === 'failed') {
      const error = { name: 'TypeError', message: 'orders.total is no number', stack: null };
      await pool.query('UPDATE attempt SET error = $2, cpu_ms = 812, peak_kb = 91000 WHERE ti = $1', [pk, JSON.stringify(error)]);
    }
    logs.fill(
      { dagId: plan.dagId, runId, taskId: row.id, mapIndex: -1, tryNumber: row.tries },
      row.start,
      row.state === 'running' ? 180 : 40,
      row.state,
      random,
    );
    await insertXcom(pool, {
      run,
      taskId: row.id,
      value:
        row.id === 'publish'
          ? { svg: chart }
          : { rows: Math.floor(random() * 90_000), table: 'warehouse.sales', sample: [{ id: 17, total: 99.5 }] },
    });
    if (spec.templateFields.length > 0) {
      await pool.query('INSERT INTO ti_detail (ti, rendered) VALUES ($1, $2)', [
        pk,
        JSON.stringify({ command: `publish --date ${new Date(at).toISOString().slice(0, 10)}`, env: { REGION: 'eu' } }),
      ]);
    }
  }
}

async function fillBackfill(pool: Pool): Promise<void> {
  const day = (n: number): number => Date.parse('2012-01-01T00:00:00Z') + n * DAY;
  const done = await insertBackfill(pool, { dagId: 'seattle_weather', fromDate: day(0), toDate: day(29), completedAt: new Date() });
  const open = await insertBackfill(pool, { dagId: 'seattle_weather', fromDate: day(0), toDate: day(1460), maxActiveRuns: 16 });
  await pool.query(
    `WITH made AS (
       INSERT INTO dag_run (dag_id, run_id, run_type, state, logical_date, interval_start, interval_end, run_after, version, triggered_by, backfill_id, backfill_ordinal, start_date, end_date)
       SELECT 'seattle_weather', 'backfill__' || to_char(d, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'backfill',
              CASE WHEN n < 610 THEN CASE WHEN n % 97 = 5 THEN 'failed' ELSE 'success' END WHEN n < 626 THEN 'running' ELSE 'queued' END,
              d, d, d + interval '1 day', d + interval '1 day', (SELECT current_version FROM dag WHERE dag_id = 'seattle_weather'), 'backfill', $1, n,
              CASE WHEN n < 626 THEN clock_timestamp() - interval '1 minute' END, CASE WHEN n < 610 THEN clock_timestamp() - interval '50 seconds' END
       FROM generate_series(0, 640) n, LATERAL (SELECT timestamptz '2012-01-01 00:00:00Z' + n * interval '1 day' AS d) days RETURNING pk, backfill_ordinal)
     INSERT INTO backfill_run (backfill_id, ordinal, logical_date, interval_start, interval_end, run, outcome)
     SELECT $1, n, d, d, d + interval '1 day', made.pk, CASE WHEN made.pk IS NOT NULL THEN 'created' END
     FROM generate_series(0, 1460) n JOIN LATERAL (SELECT timestamptz '2012-01-01 00:00:00Z' + n * interval '1 day' AS d) days ON true
     LEFT JOIN made ON made.backfill_ordinal = n`,
    [open],
  );
  await pool.query(
    `INSERT INTO backfill_run (backfill_id, ordinal, logical_date, interval_start, interval_end, run, outcome)
     SELECT $1, backfill_ordinal, logical_date, interval_start, interval_end, pk, CASE WHEN backfill_ordinal % 5 = 0 THEN 'already exists' ELSE 'created' END
     FROM dag_run WHERE backfill_id = $2 AND backfill_ordinal < 30`,
    [done, open],
  );
}

async function fillImportErrors(pool: Pool): Promise<void> {
  const frame = [
    "  10 | const load = dag.task('load', { inputs: { orders } }, run);",
    '  11 |',
    "> 12 | const ship = dag.task('ship', { retrys: 3 }, () => post());",
    '     |                                 ^^^^^^',
    '  13 | load.then(ship);',
  ].join('\n');
  await pool.query(
    `INSERT INTO import_error (file_path, message, stack_trace, line, col, frame) VALUES
     ('shipping/orders.ts', 'unknown option "retrys" of task "ship"; did you mean "retries"?', 'ThenceError: …', 12, 33, $1),
     ('daily_sales.ts', 'Expected ")" but found "const"', 'SyntaxError', 41, 1, $2)`,
    [frame, "  40 | chain(extract, transform\n> 41 | const publish = new BashOperator('publish', {\n     | ^\n  42 |   dag,"],
  );
}

/** 500 tasks in 10 groups × 50 runs. */
async function fillLargeDag(pool: Pool): Promise<void> {
  const groups = Array.from({ length: 10 }, (_, g) => `domain_${g}`);
  const tasks = groups.flatMap((group) =>
    Array.from({ length: 50 }, (_, t) => ({ id: `${group}.table_${String(t).padStart(2, '0')}`, group, operator: 'SqlOperator' })),
  );
  const name = (g: number, t: number): string => `domain_${g}.table_${String(t).padStart(2, '0')}`;
  const edges: [string, string][] = groups.flatMap((_, g) =>
    Array.from({ length: 50 }, (__, t): [string, string] => [t % 5 === 0 ? (g === 0 ? '' : name(g - 1, t)) : name(g, t - 1), name(g, t)]),
  );
  const dag = await insertDag(pool, {
    dagId: 'warehouse_full_refresh',
    description: 'Every table of the warehouse, 500 tasks',
    tags: ['warehouse'],
    tasks,
    groups: groups.map((id) => ({ id, parent: null, doc: null })),
    edges: edges.filter(([from]) => from !== ''),
  });
  await pool.query(
    `WITH made AS (
       INSERT INTO dag_run (dag_id, run_id, run_type, state, logical_date, interval_start, interval_end, run_after, version, triggered_by, start_date, end_date)
       SELECT $1, 'scheduled__' || to_char(d, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'scheduled', CASE WHEN n = 0 THEN 'running' WHEN n % 9 = 4 THEN 'failed' ELSE 'success' END,
              d, d, d + interval '1 hour', d + interval '1 hour', $2, 'timetable', d + interval '1 hour',
              CASE WHEN n > 0 THEN d + interval '1 hour' + (600 + n * 13 % 300) * interval '1 second' END
       FROM generate_series(0, 49) n, LATERAL (SELECT date_trunc('hour', clock_timestamp()) - (n + 1) * interval '1 hour' AS d) days RETURNING pk, state, run_after)
     INSERT INTO task_instance (run, task_id, state, lane, pool, pool_slots, rank_class, priority, run_after, try_number, start_date, end_date)
     SELECT made.pk, task, s.state, 'local', 'default_pool', 1, 0, 1, made.run_after, 1, made.run_after, CASE WHEN s.state IS NOT NULL THEN made.run_after + i * interval '1 second' END
     FROM made, unnest($3::text[]) WITH ORDINALITY tasks (task, i), LATERAL (SELECT CASE
       WHEN made.state = 'running' AND i > 240 THEN NULL WHEN made.state = 'failed' AND i = 300 THEN 'failed' WHEN made.state = 'failed' AND i > 300 AND i % 3 = 0 THEN 'upstream_failed'
       WHEN i % 71 = 9 THEN 'skipped' ELSE 'success' END AS state) s`,
    [dag.dagId, dag.version, tasks.map((task) => task.id)],
  );
}

export { dagSpec };

/** Keeps logs in memory; `grow` adds a line as a running task would. */
export class MemoryLogs implements LogStore {
  private readonly lines = new Map<string, LogLine[]>();

  pathOf(ref: AnyLogRef): string {
    return `/dev/null/${JSON.stringify(ref)}`;
  }
  async read(ref: AnyLogRef, from = 0, maxBytes = 1 << 20): Promise<{ lines: readonly LogLine[]; next: number }> {
    const all = this.lines.get(JSON.stringify(ref)) ?? [];
    const lines = all.slice(from, from + Math.max(1, Math.floor(maxBytes / 200)));
    return { lines, next: from + lines.length };
  }
  async append(ref: AnyLogRef, line: LogLine): Promise<void> {
    const key = JSON.stringify(ref);
    this.lines.set(key, [...(this.lines.get(key) ?? []), line]);
  }
  async deleteRun(): Promise<void> {}

  fill(ref: LogRef, start: number, count: number, state: TaskState, random: () => number): void {
    const lines: LogLine[] = [];
    const say = (level: LogLine['level'], source: LogLine['source'], message: string): void => {
      lines.push({ time: new Date(start + lines.length * 137).toISOString(), level, source, message });
    };
    say('info', 'thence', `try ${ref.tryNumber} of ${ref.taskId} begins in process 4711 on eiger`);
    say('debug', 'task', 'options: {"batch":500,"table":"warehouse.sales"}');
    for (let i = 0; i < count; i++) {
      if (i % 17 === 5)
        say('warn', 'task', `shop ${Math.floor(random() * 90)} answered slowly (${Math.floor(random() * 4000)} ms), going on`);
      else if (i % 23 === 11) say('info', 'stdout', '\u001b[32m✔\u001b[0m batch \u001b[1mcommitted\u001b[0m in \u001b[36m41 ms\u001b[0m');
      else if (i % 29 === 20) say('error', 'stderr', '(node:4711) Warning: the field "discount" is deprecated <script>alert(1)</script>');
      else say('info', 'task', `read ${Math.floor(random() * 900)} rows of shop ${Math.floor(random() * 90)}`);
    }
    if (state === 'failed')
      say(
        'error',
        'thence',
        'TypeError: orders.total is no number\n    at run (daily_sales.ts:31:22)\n    at async FunctionOperator.execute',
      );
    else if (state === 'success') say('info', 'thence', 'success');
    this.lines.set(JSON.stringify(ref), lines);
  }
}

const sourceOf = (plan: Plan): string => `import { DAG, BashOperator, SqlOperator, TaskGroup } from 'thence';
import { z } from 'zod';

// ${plan.description}
const dag = new DAG('${plan.dagId}', {
  schedule: ${plan.schedule === null ? 'null' : `'${plan.schedule}'`},
  startDate: '2026-01-01',
  timezone: '${plan.timezone ?? 'UTC'}',
  params: z.object({ region: z.string().default('eu'), limit: z.number().int().default(5000) }),
  tags: [${plan.tags.map((tag) => `'${tag}'`).join(', ')}],
});

const orders = dag.task('extract_orders', { retries: 2 }, async ({ params, log }) => {
  const response = await fetch(\`https://shop.example/orders?region=\${params.region}\`);
  log.info(\`status \${response.status}\`);
  return (await response.json()) as { id: number; total: number }[];
});

dag.task('total', { inputs: { orders } }, ({ inputs }) => inputs.orders.reduce((sum, order) => sum + order.total, 0));
`;

const chart = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 160" width="480" height="160">${Array.from({ length: 24 }, (_, i) => `<rect x="${i * 20 + 2}" y="${140 - ((i * 37) % 120)}" width="16" height="${(i * 37) % 120}" fill="#4f46e5"/>`).join('')}<path d="M0 140H480" stroke="#888"/></svg>`;

/** Mulberry32: the same showcase each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
