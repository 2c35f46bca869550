import { stat } from 'node:fs/promises';
import path from 'node:path';
import { didYouMean } from '../../core/did-you-mean';
import { ThenceError } from '../../core/errors';
import { bundleFile } from '../../dag-processor/bundle-file';
import type { DAG } from '../../dag/dag';
import type { TriggerClasses } from '../../dag/trigger';
import type { AnyParams } from '../../dag/types';
import { evaluateBundle, triggersOf } from '../../user-code/evaluate-bundle';
import { dagFilesOf, describeImportError } from '../find-dag-file';

/** Where the code of a loaded DAG stands, and the Trigger classes that it may be deferred with. */
export interface LoadedFrom {
  readonly dagsFolder: string;
  readonly filePath: string;
  readonly triggers: TriggerClasses;
}
const loaded = new WeakMap<object, LoadedFrom>();

/** Null: the test made the DAG itself, or imported it. */
export const loadedFrom = (dag: DAG<AnyParams>): LoadedFrom | null => loaded.get(dag) ?? null;

/**
 * A DAG of a file, bundled as thence does it: TypeScript needs no other tool, and imports are found as in production. Each call loads the
 * file anew, in this process.
 *
 * @param file of the DAG, from the working directory
 * @param dagId which one, where the file makes several
 * @throws ThenceError NOT_FOUND (no such file, no such DAG) · INVALID_VALUE (a folder) · DAG_FILE when it cannot be built; else whatever the file throws
 *
 * @example
 * const run = await runDag(await loadDag('dags/hello.ts'), { conf: { name: 'Ada' } });
 */
export async function loadDag(file: string, dagId?: string): Promise<DAG<AnyParams>> {
  if ((await stat(file).catch(() => null))?.isDirectory() === true)
    throw new ThenceError('INVALID_VALUE', `loadDag takes one DAG file; "${file}" is a folder`);
  const { dagsFolder, filePaths } = await dagFilesOf(file, { dagsFolder: path.resolve('dags') });
  const filePath = filePaths[0]!;
  const outcome = await bundleFile(dagsFolder, filePath);
  if (!outcome.ok) throw new ThenceError('DAG_FILE', describeImportError(outcome.error));
  const dags = await evaluateBundle(outcome.built.bundle, { dagsFolder, filePath });
  for (const dag of dags) loaded.set(dag, { dagsFolder, filePath, triggers: triggersOf(dags) });
  return pick(dags, file, dagId);
}

function pick(dags: readonly DAG[], file: string, dagId: string | undefined): DAG<AnyParams> {
  const ids = dags.map(({ id }) => id);
  const found = dagId === undefined ? (dags.length === 1 ? dags[0] : undefined) : dags.find(({ id }) => id === dagId);
  if (found) return found;
  if (dags.length === 0) throw new ThenceError('NOT_FOUND', `${file} makes no DAG`);
  if (dagId === undefined)
    throw new ThenceError('NOT_FOUND', `${file} makes ${dags.length} DAGs: say which, as in loadDag('${file}', '${ids[0]}'); there are ${ids.join(', ')}`); // prettier-ignore
  throw new ThenceError('NOT_FOUND', `${file} makes no DAG "${dagId}"${didYouMean(dagId, ids) || `; it makes ${ids.join(', ')}`}`);
}
