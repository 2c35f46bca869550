/** Which of the DAGs that appeared while a file loaded are its own, and what is wrong with a file that has none. */
import { plainError } from './import-error';
import type { ImportError } from './import-error';
import type { LoadedFile, MadeDag } from './load-file';

/**
 * A file that imports another DAG file runs its top level too. What that file makes by itself stays that file's; what its functions make
 * when this file calls them is this file's.
 * @param isDagFile whether a path is among the files that are loaded by themselves
 */
export function ownDags(
  { filePath, dags }: Pick<LoadedFile, 'filePath' | 'dags'>,
  isDagFile: (file: string) => boolean,
): readonly MadeDag[] {
  return (dags ?? []).filter(({ madeIn }) => madeIn.length === 0 || madeIn.includes(filePath) || !isDagFile(madeIn[0]!));
}

/** For a file that imports DAG, made none, and is imported by no other file. */
export function noDagError(filePath: string): ImportError {
  return plainError(
    filePath,
    `${filePath} imports DAG from 'thence' and made no DAG while it loaded. If a function makes it, call that function at the top level; if the file is a helper, import it from a DAG file, or name it in .thenceignore`,
  );
}

export function duplicateError(filePath: string, dagId: string, owner: string): ImportError {
  return plainError(
    filePath,
    `DAG id "${dagId}" of ${filePath} is taken: ${owner} made it first, and its DAG stays. Give one of them another id, or delete one of the files`,
  );
}
