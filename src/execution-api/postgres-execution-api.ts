/**
 * The ExecutionApi of the process that owns the attempts, over Postgres. Every statement joins the live attempt, which is the fence:
 * nothing is read or written for one that has ended. A callback asks under its own id, and reads only. Questions wait for a database that is away.
 */
import type { Pool } from 'pg';
import type { Commands } from '../commands/commands';
import { ThenceError } from '../core/errors';
import type { ExternalRun } from '../core/external-task';
import type { JsonObject } from '../core/json';
import type { RunState } from '../core/states';
import type { ExternalQuery } from '../core/waits';
import type { BundleCode } from '../core/workload';
import type { SecretsBackend } from '../secrets/secrets';
import { batched } from './batch';
import { AttemptGone } from './execution-api';
import type {
  ConnectionInfo,
  DagTasks,
  ExecutionApi,
  MapItem,
  PreviousSuccess,
  RequestedRun,
  RunRequest,
  XComEntry,
  XComQuery,
} from './execution-api';
import { selectDagTasks, selectExternalRuns, selectRunStates } from './external-runs';
import { PostgresMapItems } from './postgres-map-items';
import { triggerRunOfTask } from './trigger-run';
import { whileAway } from './while-away';

export interface PostgresExecutionApiOptions {
  readonly pool: Pool;
  readonly secrets: SecretsBackend;
  readonly maxXcomBytes: number;
  /** What tasks may do to runs. */
  readonly commands: Pick<Commands, 'triggerRun' | 'clearRun'>;
}

const bundlesKept = 64;

export class PostgresExecutionApi implements ExecutionApi {
  private readonly bundles = new Map<string, Promise<BundleCode>>();
  private readonly pull = batched((pulls: readonly Pull[]) => pullAll(this.options.pool, pulls));

  private readonly mapItems: PostgresMapItems;

  constructor(private readonly options: PostgresExecutionApiOptions) {
    this.mapItems = new PostgresMapItems(options.pool);
  }

  async getBundle(hash: string): Promise<BundleCode> {
    const bundle = this.bundles.get(hash) ?? selectBundle(this.options.pool, hash);
    this.bundles.delete(hash);
    this.bundles.set(hash, bundle);
    if (this.bundles.size > bundlesKept) this.bundles.delete(this.bundles.keys().next().value!);
    bundle.catch(() => this.bundles.delete(hash));
    return bundle;
  }

  async pullXComs(attemptId: string, query: XComQuery): Promise<readonly XComEntry[]> {
    const entries = await this.pull({ attemptId, query });
    if (entries === null) throw new AttemptGone(attemptId);
    return entries;
  }

  async pushXCom(attemptId: string, key: string, value: string): Promise<void> {
    const bytes = Buffer.byteLength(value);
    const { maxXcomBytes } = this.options;
    if (bytes > maxXcomBytes)
      throw new ThenceError('INVALID_VALUE', `the XCom "${key}" is too large: ${bytes} bytes, the limit is ${maxXcomBytes}`);
    if (key === '' || key.length > 512 || key.includes('\0'))
      throw new ThenceError('INVALID_VALUE', 'the key of an XCom has 1 to 512 characters, and no NUL');
    await this.write(
      attemptId,
      `INSERT INTO xcom (run, task_id, map_index, key, value, bytes, attempt)
       SELECT t.run, t.task_id, t.map_index, $2, $3, $4, a.id ${fromLiveAttempt}
       ON CONFLICT (run, task_id, map_index, key)
         DO UPDATE SET value = excluded.value, bytes = excluded.bytes, attempt = excluded.attempt, at = clock_timestamp()`,
      [key, value, bytes],
    );
  }

  async setRendered(attemptId: string, fields: JsonObject): Promise<void> {
    await this.write(
      attemptId,
      `INSERT INTO ti_detail (ti, rendered) SELECT t.pk, $2::jsonb ${fromLiveAttempt}
       ON CONFLICT (ti) DO UPDATE SET rendered = excluded.rendered`,
      [JSON.stringify(fields)],
    );
  }

  async pullMapItem(attemptId: string, item: MapItem): Promise<string> {
    return this.mapItems.pull(attemptId, item);
  }

  async setMapLabel(attemptId: string, label: string): Promise<void> {
    await this.write(
      attemptId,
      `INSERT INTO ti_detail (ti, map_label) SELECT t.pk, $2 ${fromLiveAttempt} ON CONFLICT (ti) DO UPDATE SET map_label = excluded.map_label`,
      [label],
    );
  }

  async previousSuccess(attemptId: string): Promise<PreviousSuccess | null> {
    const { rows } = await whileAway(() =>
      this.options.pool.query<{ start: Date; end: Date; began: Date | null; ended: Date | null }>(
        `SELECT r.interval_start AS start, r.interval_end AS end, r.start_date AS began, r.end_date AS ended
         FROM dag_run own JOIN dag_run r ON r.dag_id = own.dag_id AND r.pk <> own.pk AND r.state = 'success' AND r.interval_start IS NOT NULL
             AND coalesce(r.logical_date, r.run_after) < coalesce(own.logical_date, own.run_after)
         WHERE own.pk = coalesce(
             (SELECT t.run FROM attempt a JOIN task_instance t ON t.pk = a.ti WHERE a.id = $1), (SELECT c.run FROM callback c WHERE c.id = $1))
         ORDER BY coalesce(r.logical_date, r.run_after) DESC LIMIT 1`,
        [attemptId],
      ),
    );
    if (!rows[0]) return null;
    const { start, end, began, ended } = rows[0];
    return { start: start.getTime(), end: end.getTime(), startDate: began?.getTime() ?? null, endDate: ended?.getTime() ?? null };
  }

  async getVariable(_attemptId: string, key: string): Promise<string | null> {
    return this.options.secrets.getVariable(key);
  }

  async getConnection(_attemptId: string, id: string): Promise<ConnectionInfo | null> {
    return this.options.secrets.getConnection(id);
  }

  async triggerRun(attemptId: string, request: RunRequest): Promise<RequestedRun> {
    return triggerRunOfTask(this.options, attemptId, request);
  }

  async getRunState(_attemptId: string, run: { readonly dagId: string; readonly runId: string }): Promise<RunState | null> {
    return (await whileAway(() => selectRunStates(this.options.pool, [run])))[0]!;
  }

  async getExternalRuns(_attemptId: string, query: ExternalQuery): Promise<readonly ExternalRun[]> {
    return (await whileAway(() => selectExternalRuns(this.options.pool, [query])))[0]!;
  }

  async getDagTasks(_attemptId: string, dagId: string): Promise<DagTasks | null> {
    return whileAway(() => selectDagTasks(this.options.pool, dagId));
  }

  private async write(attemptId: string, sql: string, values: readonly unknown[]): Promise<void> {
    const { rowCount } = await whileAway(() => this.options.pool.query(sql, [attemptId, ...values]));
    if (rowCount === 0) throw new AttemptGone(attemptId);
  }
}

const fromLiveAttempt = `FROM attempt a JOIN task_instance t ON t.pk = a.ti WHERE a.id = $1::uuid AND a.state IN ('claimed', 'running') AND t.attempt = a.id`;

async function selectBundle(pool: Pool, hash: string): Promise<BundleCode> {
  const { rows } = await whileAway(() => pool.query<BundleCode>('SELECT hash, format, code, files FROM bundle WHERE hash = $1', [hash]));
  if (rows[0]) return rows[0];
  throw new ThenceError('NOT_FOUND', `there is no stored code with the hash ${hash}`);
}

interface Pull {
  readonly attemptId: string;
  readonly query: XComQuery;
}

/** One statement for all pulls of a moment. null for an attempt that has ended. */
async function pullAll(pool: Pool, pulls: readonly Pull[]): Promise<readonly (readonly XComEntry[] | null)[]> {
  const questions = pulls.map(({ attemptId, query }, n) => ({
    n,
    attempt: attemptId,
    key: query.key,
    tasks: query.taskIds,
    indexes: query.mapIndexes ?? null,
    run_id: query.runId ?? null,
  }));
  const { rows } = await whileAway(() =>
    pool.query<{ n: number; task_id: string | null; map_index: number; value: string }>({
      name: 'pull_xcoms',
      text: `SELECT q.n, x.task_id, x.map_index, x.value
       FROM jsonb_to_recordset($1::jsonb) AS q(n int, attempt uuid, key text, tasks jsonb, indexes jsonb, run_id text)
         JOIN LATERAL (
           SELECT t.run FROM attempt a JOIN task_instance t ON t.pk = a.ti WHERE a.id = q.attempt AND a.state <> 'ended'
           UNION ALL SELECT c.run FROM callback c WHERE c.id = q.attempt AND c.done_at IS NULL) t ON true
         LEFT JOIN dag_run own ON q.run_id IS NOT NULL AND own.pk = t.run
         LEFT JOIN dag_run other ON other.dag_id = own.dag_id AND other.run_id = q.run_id
         LEFT JOIN xcom x ON x.run = CASE WHEN q.run_id IS NULL THEN t.run ELSE other.pk END AND x.key = q.key
           AND x.task_id IN (SELECT jsonb_array_elements_text(q.tasks))
           AND (q.indexes IS NULL OR q.indexes = 'null' OR x.map_index IN (SELECT e::int FROM jsonb_array_elements_text(q.indexes) e))
       ORDER BY q.n, x.task_id, x.map_index`,
      values: [JSON.stringify(questions)],
    }),
  );
  const answers: (XComEntry[] | null)[] = pulls.map(() => null);
  for (const { n, task_id: taskId, map_index: mapIndex, value } of rows) {
    const entries = (answers[n] ??= []);
    if (taskId !== null) entries.push({ taskId, mapIndex, key: pulls[n]!.query.key, value });
  }
  return answers;
}
