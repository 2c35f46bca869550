import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import type { DagSpec } from '../dag-spec/spec';
import { scheduleOf } from '../timetables/next-run';
import type { ScheduledDag } from '../timetables/schedule-oracle';
import type { CommandContext } from './context';

export interface StoredDag {
  readonly dagId: string;
  readonly isPaused: boolean;
  /** uuid of the current version */
  readonly version: string;
  readonly spec: DagSpec;
  /** What its schedule is asked with. */
  readonly scheduled: ScheduledDag;
}

/** A DAG that is in the dags folder now, with its newest version. */
export async function findDag(context: CommandContext, dagId: string): Promise<StoredDag> {
  const dag = await findStoredDag(context, dagId);
  if (dag.isActive) return dag;
  throw new ThenceError('NOT_FOUND', `DAG "${dagId}" is no longer in the dags folder (it was in ${dag.filePath})`);
}

/** The same, also when its file is gone. */
export async function findStoredDag(
  { database }: CommandContext,
  dagId: string,
): Promise<StoredDag & { isActive: boolean; filePath: string }> {
  const { rows } = await database.pool.query<{
    is_active: boolean;
    is_paused: boolean;
    version: string | null;
    spec: DagSpec | null;
    file_path: string;
    bundle_hash: string;
  }>(
    `SELECT d.is_active, d.is_paused, d.file_path, v.id AS version, v.spec, v.bundle_hash FROM dag d LEFT JOIN dag_version v ON v.id = d.current_version
      WHERE d.dag_id = $1`,
    [dagId],
  );
  const dag = rows[0];
  if (!dag) throw await unknownDag(database, dagId);
  if (dag.version === null || dag.spec === null) throw new ThenceError('NOT_FOUND', `DAG "${dagId}" (${dag.file_path}) has no version yet`);
  return {
    dagId,
    isPaused: dag.is_paused,
    isActive: dag.is_active,
    filePath: dag.file_path,
    version: dag.version,
    spec: dag.spec,
    scheduled: { dagId, schedule: scheduleOf(dag.spec), code: { bundleHash: dag.bundle_hash, filePath: dag.file_path } },
  };
}

export async function unknownDag({ pool }: CommandContext['database'], dagId: string): Promise<ThenceError> {
  const { rows } = await pool.query<{ dag_id: string }>('SELECT dag_id FROM dag WHERE is_active');
  return new ThenceError(
    'NOT_FOUND',
    `there is no DAG "${dagId}"${didYouMean(
      dagId,
      rows.map((row) => row.dag_id),
    )}`,
  );
}
