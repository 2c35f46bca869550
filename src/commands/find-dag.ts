import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import type { DagSpec } from '../dag-spec/spec';
import type { CommandContext } from './context';

export interface StoredDag {
  readonly dagId: string;
  readonly isPaused: boolean;
  /** uuid of the current version */
  readonly version: string;
  readonly spec: DagSpec;
}

/** A DAG that is in the dags folder now, with its newest version. */
export async function findDag({ database }: CommandContext, dagId: string): Promise<StoredDag> {
  const { rows } = await database.pool.query<{
    is_active: boolean;
    is_paused: boolean;
    version: string | null;
    spec: DagSpec | null;
    file_path: string;
  }>(
    `SELECT d.is_active, d.is_paused, d.file_path, v.id AS version, v.spec FROM dag d LEFT JOIN dag_version v ON v.id = d.current_version
      WHERE d.dag_id = $1`,
    [dagId],
  );
  const dag = rows[0];
  if (!dag) throw await unknownDag(database, dagId);
  if (!dag.is_active || dag.version === null || dag.spec === null) {
    throw new ThenceError('NOT_FOUND', `DAG "${dagId}" is no longer in the dags folder (it was in ${dag.file_path})`);
  }
  return { dagId, isPaused: dag.is_paused, version: dag.version, spec: dag.spec };
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
