/** Loads DAG files as the DAG processor does, without storing anything. */
import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config/config';
import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import type { BundleCode } from '../core/workload';
import { findFiles } from '../dag-processor/find-files';
import type { ImportError } from '../dag-processor/import-error';
import { loadFile } from '../dag-processor/load-file';
import type { LoadedFile } from '../dag-processor/load-file';
import { LoadHosts } from '../user-code/load-hosts';
import type { DagSpec } from '../dag-spec/spec';

/** A DAG with the code that makes it. */
export interface FoundDag {
  readonly spec: DagSpec;
  readonly bundle: BundleCode;
  /** Relative to `dagsFolder`. */
  readonly filePath: string;
  /** Absolute, a real path. */
  readonly dagsFolder: string;
}

/** Some DAG files of one folder. */
export interface DagFiles {
  /** Absolute, a real path. */
  readonly dagsFolder: string;
  /** Relative to it. */
  readonly filePaths: readonly string[];
}

/**
 * The files that `given` stands for: a file (its DAGs folder is the configured one if that holds it, else its own), or a folder of them.
 * @throws ThenceError (NOT_FOUND) when there is no such file or folder
 */
export async function dagFilesOf(given: string | null, config: Pick<Config, 'dagsFolder'>): Promise<DagFiles> {
  const target = path.resolve(given ?? config.dagsFolder);
  const found = await stat(target).catch(() => null);
  if (found?.isFile() === true) {
    const file = await realpath(target);
    const configured = await realpath(config.dagsFolder).catch(() => null);
    const inside = configured !== null && !path.relative(configured, file).startsWith('..');
    const dagsFolder = inside ? configured : path.dirname(file);
    return { dagsFolder, filePaths: [path.relative(dagsFolder, file).split(path.sep).join('/')] };
  }
  if (found === null && given !== null) throw new ThenceError('NOT_FOUND', `there is no file or folder ${target}`);
  return { dagsFolder: found === null ? target : await realpath(target), filePaths: await findFiles(target) };
}

/** Loads one after the other, in hosts that may die of a file; `onLoaded` may end it by returning false. */
async function loadDagFiles(
  { dagsFolder, filePaths }: DagFiles,
  config: Config,
  onLoaded: (file: LoadedFile) => boolean | void,
): Promise<void> {
  const hosts = new LoadHosts(config, { size: 1 });
  try {
    for (const filePath of filePaths) if (onLoaded(await loadFile(dagsFolder, filePath, hosts)) === false) return;
  } finally {
    hosts.stop();
  }
}

/**
 * The DAG with that id. Files that mention the id are looked at first, so that the usual case loads one file.
 * @throws ThenceError (NOT_FOUND) with close ids · (DAG_FILE) when a file that mentions it does not load
 */
export async function findDagInFiles(dagId: string, given: string | null, config: Config): Promise<FoundDag> {
  const files = await dagFilesOf(given, config);
  const mentions = await Promise.all(
    files.filePaths.map(async (file) => (await readFile(path.join(files.dagsFolder, file), 'utf8')).includes(dagId)),
  );
  const filePaths = [...files.filePaths.filter((_, at) => mentions[at]), ...files.filePaths.filter((_, at) => !mentions[at])];
  const mentioned = new Set(filePaths.slice(0, mentions.filter(Boolean).length));

  let found: FoundDag | null = null;
  const known: string[] = [];
  const broken: LoadedFile[] = [];
  await loadDagFiles({ ...files, filePaths }, config, (loaded) => {
    const made = loaded.dags?.find(({ spec }) => spec.dagId === dagId);
    if (made) found = { spec: made.spec, bundle: loaded.bundle!, filePath: loaded.filePath, dagsFolder: files.dagsFolder };
    known.push(...(loaded.dags ?? []).map(({ spec }) => spec.dagId));
    if (loaded.error) broken.push(loaded);
    return found === null;
  });
  if (found !== null) return found;

  const suspect = broken.find(({ filePath }) => mentioned.has(filePath)) ?? (files.filePaths.length === 1 ? broken[0] : undefined);
  if (suspect) throw new ThenceError('DAG_FILE', describeImportError(suspect.error!));
  const where = given === null ? `the DAGs folder ${files.dagsFolder}` : given;
  const failed =
    broken.length === 0 ? '' : ` (${broken.length} file${broken.length === 1 ? '' : 's'} could not be loaded: "thence dags check")`;
  const hint = didYouMean(dagId, known) || (known.length === 0 ? '; it makes no DAGs' : `; there are ${known.slice(0, 20).join(', ')}`);
  throw new ThenceError('NOT_FOUND', `there is no DAG "${dagId}" in ${where}${failed}${hint}`);
}

/** `file:line:column: message`, and the lines around it. */
export function describeImportError(error: ImportError): string {
  const place = [error.file ?? error.filePath, error.line, error.column].filter((part) => part !== null).join(':');
  return `${place}: ${error.message}${error.frame === null ? '' : `\n\n${error.frame}`}`;
}
