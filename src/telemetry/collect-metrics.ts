/** /metrics: what all living processes have counted, and what the database says at this moment. */
import { AggregatorRegistry, Gauge, Registry } from 'prom-client';
import type { Database } from '../db/database';

/** Prometheus text. */
export async function collectMetrics(database: Database): Promise<string> {
  const [processes, state] = await Promise.all([ofProcesses(database), ofDatabase(database)]);
  return `${await processes.metrics()}${await state.metrics()}`;
}

type Stored = Parameters<typeof AggregatorRegistry.aggregate>[0][number];

async function ofProcesses({ pool }: Database): Promise<Registry> {
  const { rows } = await pool.query<{ metrics: Stored }>(
    `SELECT details->'metrics' AS metrics FROM session WHERE state IN ('alive', 'draining') AND jsonb_typeof(details->'metrics') = 'array'`,
  );
  return AggregatorRegistry.aggregate(rows.map((row) => row.metrics));
}

async function ofDatabase(database: Database): Promise<Registry> {
  const registry = new Registry();
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name: `thence_${name}`, help, labelNames, registers: [registry] });

  const pools = await readPools(database);
  const slots = {
    open: gauge('pool_open_slots', 'Free slots of a pool (-1: without a limit)', ['pool_name']),
    queued: gauge('pool_queued_slots', 'Slots of tries whose code has not begun', ['pool_name']),
    running: gauge('pool_running_slots', 'Slots of tries whose code runs', ['pool_name']),
    deferred: gauge('pool_deferred_slots', 'Slots of deferred tasks', ['pool_name']),
    scheduled: gauge('pool_scheduled_slots', 'Slots that tasks which may start are waiting for', ['pool_name']),
    starving: gauge('pool_starving_tasks', 'Tasks that only the pool keeps back', ['pool_name']),
  };
  for (const { name, total, queued, running, deferred, wanted, waiting } of pools) {
    const open = total < 0 ? -1 : Math.max(0, total - queued - running - deferred);
    slots.open.set({ pool_name: name }, open);
    slots.queued.set({ pool_name: name }, queued);
    slots.running.set({ pool_name: name }, running);
    slots.deferred.set({ pool_name: name }, deferred);
    slots.scheduled.set({ pool_name: name }, wanted);
    slots.starving.set({ pool_name: name }, open === 0 ? waiting : 0);
  }
  const sum = (of: (pool: PoolRow) => number) => pools.reduce((total, pool) => total + of(pool), 0);
  gauge('scheduler_tasks_executable', 'Tasks that may start as soon as there is a slot').set(sum((pool) => pool.waiting));
  gauge('scheduler_tasks_starving', 'Tasks that only a full pool keeps back').set(
    sum((pool) => (pool.total >= 0 && pool.total - pool.queued - pool.running - pool.deferred <= 0 ? pool.waiting : 0)),
  );

  const counts = await readCounts(database);
  gauge('scheduler_dagruns_running', 'DAG runs that are running').set(counts.running);
  gauge('scheduler_dagruns_queued', 'DAG runs that are queued').set(counts.queued);
  gauge('dagbag_size', 'DAGs in the dags folder').set(counts.dags);
  gauge('dag_processing_import_errors', 'DAG files that cannot be loaded').set(counts.import_errors);

  const files = await readFiles(database);
  const lastDuration = gauge('dag_processing_last_duration', 'Bundling and loading a file, the last time (seconds)', ['file_path']);
  for (const { file_path, parse_ms } of files) lastDuration.set({ file_path }, parse_ms / 1000);
  const total = files.reduce((sum, file) => sum + file.parse_ms, 0);
  gauge('dag_processing_total_parse_time', 'Bundling and loading all files, the last time of each (seconds)').set(total / 1000);
  return registry;
}

interface PoolRow {
  readonly name: string;
  readonly total: number;
  readonly queued: number;
  readonly running: number;
  readonly deferred: number;
  readonly wanted: number;
  readonly waiting: number;
}

async function readPools({ pool }: Database): Promise<PoolRow[]> {
  const { rows } = await pool.query<PoolRow>(
    `SELECT p.name, p.slots AS total, coalesce(a.queued, 0)::int AS queued, coalesce(a.running, 0)::int AS running,
            coalesce(a.deferred, 0)::int AS deferred, coalesce(t.wanted, 0)::int AS wanted, coalesce(t.waiting, 0)::int AS waiting
       FROM pool p
       LEFT JOIN (SELECT pool, sum(slots) FILTER (WHERE state = 'claimed') AS queued, sum(slots) FILTER (WHERE state IN ('running', 'ending')) AS running,
                         sum(slots) FILTER (WHERE state = 'parked') AS deferred
                    FROM attempt WHERE state <> 'ended' GROUP BY pool) a ON a.pool = p.name
       LEFT JOIN (SELECT pool, sum(pool_slots) AS wanted, count(*) AS waiting FROM task_instance WHERE admissible GROUP BY pool) t ON t.pool = p.name
      ORDER BY p.name`,
  );
  return rows;
}

async function readCounts({ pool }: Database): Promise<{ running: number; queued: number; dags: number; import_errors: number }> {
  const { rows } = await pool.query<{ running: number; queued: number; dags: number; import_errors: number }>(
    `SELECT (SELECT count(*)::int FROM dag_run WHERE state = 'running') AS running, (SELECT count(*)::int FROM dag_run WHERE state = 'queued') AS queued,
            (SELECT count(*)::int FROM dag WHERE is_active) AS dags, (SELECT count(*)::int FROM import_error) AS import_errors`,
  );
  return rows[0]!;
}

async function readFiles({ pool }: Database): Promise<{ file_path: string; parse_ms: number }[]> {
  const { rows } = await pool.query<{ file_path: string; parse_ms: number }>(
    `SELECT file_path, max(last_parse_ms) AS parse_ms FROM dag WHERE is_active AND last_parse_ms IS NOT NULL GROUP BY file_path ORDER BY file_path`,
  );
  return rows;
}
