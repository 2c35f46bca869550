/** Deferred task instances put straight into the tables, a triggerer in this process, and what came of the waits. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Pool } from 'pg';
import type { WaitSpec } from '../../src/core/workload';
import { bundleFile } from '../../src/dag-processor/bundle-file';
import { PostgresExecutionApi } from '../../src/execution-api/postgres-execution-api';
import type { ConnectionInfo } from '../../src/execution-api/execution-api';
import { PostgresLedger } from '../../src/ledger/postgres/postgres-ledger';
import { FileLogStore } from '../../src/logs/file-log-store';
import type { LogLine } from '../../src/logs/log-store';
import { silentLogger } from '../../src/telemetry/create-logger';
import { Triggerer } from '../../src/triggerer/triggerer';
import { makeFolder } from '../dag-processor/make-folder';
import type { TestDatabase } from '../support/database';
import { insertAttempt, insertDag, insertRun, insertSession, insertTaskInstance } from '../support/factories';

export const home = mkdtempSync(path.join(os.tmpdir(), 'thence-triggerer-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Stores a DAG "d" whose file makes Trigger classes. */
export async function insertTriggers(pool: Pool, source: string, filePath = 'd.ts'): Promise<void> {
  const folder = makeFolder({
    [filePath]: `import { DAG, Trigger, TriggerEvent } from 'thence';\n${source}\nnew DAG('d').task('t', () => 1);`,
  });
  const outcome = await bundleFile(folder, filePath);
  if (!outcome.ok) throw new Error(outcome.error.message);
  const { code, format, hash } = outcome.built.bundle;
  const { version } = await insertDag(pool, { dagId: 'd', tasks: ['t'], filePath, code });
  await pool.query(`INSERT INTO bundle (hash, format, code, sources) VALUES ($1, $2, $3, '{}') ON CONFLICT DO NOTHING`, [
    hash,
    format,
    code,
  ]);
  await pool.query('UPDATE dag_version SET bundle_hash = $2 WHERE id = $1', [version, hash]);
}

export type WaitInput = Partial<Omit<WaitSpec, 'args'>> & { readonly args?: object };

/** A run of "d" in which the instances 0, 1, … of "t" are deferred, each for one of `waits`. Returns the run's pk. */
export async function deferTasks(pool: Pool, waits: readonly WaitInput[], runId = 'r'): Promise<number> {
  const { rows: dags } = await pool.query(`SELECT FROM dag WHERE dag_id = 'd'`);
  if (dags.length === 0) await insertDag(pool, { dagId: 'd', tasks: ['t'] });
  const run = await insertRun(pool, { dagId: 'd', runId });
  const session = await insertSession(pool);
  const { rows } = await pool.query<{ version: string }>('SELECT version FROM dag_run WHERE pk = $1', [run]);
  const version = rows[0]!.version;
  await Promise.all(
    waits.map(async ({ kind = 'custom', trigger = kind === 'custom' ? 'tick' : null, args = {}, ...wait }, mapIndex) => {
      const { pk } = await insertTaskInstance(pool, { run, taskId: 't', mapIndex, state: 'deferred', tryNumber: 1 });
      const attempt = await insertAttempt(pool, { ti: pk, session, version, slots: 0, state: 'parked' });
      await pool.query('UPDATE task_instance SET attempt = $2, piece = 1 WHERE pk = $1', [pk, attempt]);
      await pool.query(
        `INSERT INTO wait (ti, run, attempt, version, kind, trigger, args, resume, interval_ms, next_check_at, timeout_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'done', $8, coalesce($9, clock_timestamp()), $10)`,
        [
          pk,
          run,
          attempt,
          version,
          kind,
          trigger,
          JSON.stringify(args),
          wait.intervalMs ?? null,
          at(wait.firstCheckAt),
          at(wait.timeoutAt),
        ],
      );
    }),
  );
  return run;
}

const at = (instant: number | null | undefined) => (instant === null || instant === undefined ? null : new Date(instant));

/** By map index: null while it waits, else the event with which it goes on; the state when it is neither deferred nor scheduled. */
export async function eventsOf(pool: Pool, run: number): Promise<unknown[]> {
  const { rows } = await pool.query<{ state: string; resume: { event: unknown } | null }>(
    `SELECT t.state, d.resume FROM task_instance t LEFT JOIN ti_detail d ON d.ti = t.pk WHERE t.run = $1 ORDER BY t.map_index`,
    [run],
  );
  return rows.map(({ state, resume }) => (state === 'deferred' ? null : state === 'scheduled' ? resume?.event : state));
}

export interface RunningTriggerer {
  readonly triggerer: Triggerer;
  /** Another process has committed something. */
  wake(): void;
  stop(): Promise<void>;
}

export async function startTriggerer(
  db: TestDatabase,
  {
    capacity = 1_000,
    connections = {},
    leaseMs = 15_000,
    patienceMs = 5_000,
  }: { capacity?: number; connections?: Record<string, ConnectionInfo>; leaseMs?: number; patienceMs?: number } = {},
): Promise<RunningTriggerer> {
  const ledger = new PostgresLedger({ url: db.url });
  const secrets = {
    getVariable: async (key: string) => (key === 'greeting' ? 'hello' : null),
    getConnection: async (id: string) => connections[id] ?? null,
  };
  const wakes = new Set<() => void>();
  const triggerer = new Triggerer({
    database: db.database,
    ledger,
    api: new PostgresExecutionApi({ pool: db.pool, secrets, maxXcomBytes: 1_000_000, commands: undefined as never }),
    secrets,
    logs: new FileLogStore(home),
    config: { dagsFolder: home, leaseMs, maxXcomBytes: 1_000_000, triggererCapacity: capacity },
    version: '0.0.0',
    patienceMs,
    logger: silentLogger,
    wakeup: { onWake: (listener) => (wakes.add(listener), () => wakes.delete(listener)), notify: () => undefined },
  });
  await triggerer.start();
  return {
    triggerer,
    wake: () => wakes.forEach((wake) => wake()),
    async stop() {
      await triggerer.stop();
      await ledger.close();
    },
  };
}

export function logOf(mapIndex: number, runId = 'r'): LogLine[] {
  const file = new FileLogStore(home).pathOf({ dagId: 'd', runId, taskId: 't', mapIndex, tryNumber: 1 });
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine);
}
