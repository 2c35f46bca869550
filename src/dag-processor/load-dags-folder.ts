/** The dags folder without a database: for `dags test`, `dags check`, `dags list --local`. */
import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config/config';
import type { BundleCode } from '../core/workload';
import type { DagSpec } from '../dag-spec/spec';
import { findFiles, importsDagClass } from './find-files';
import type { ImportError } from './import-error';
import { loadFile, type LoadedFile } from './load-file';
import { scheduleOf } from '../timetables/next-run';
import { TIMETABLE_PROBLEM, TimetableFailed } from '../timetables/schedule-oracle';
import { askTimetable } from '../user-code/hosted-timetables';
import { LoadHosts } from '../user-code/load-hosts';
import { duplicateError, noDagError, ownDags } from './ownership';

export interface LoadedDagFile {
  /** Relative to the dags folder. */
  readonly filePath: string;
  readonly bundle: BundleCode;
  readonly sources: { readonly [path: string]: string };
  readonly specs: readonly DagSpec[];
  readonly warnings: readonly string[];
}

export interface LoadedDagsFolder {
  /** The real path of the dags folder. */
  readonly root: string;
  /** Files that make DAGs, sorted by path. */
  readonly files: readonly LoadedDagFile[];
  /** Of all files, in the same order. */
  readonly specs: readonly DagSpec[];
  readonly errors: readonly ImportError[];
}

export interface LoadDagsFolderOptions {
  /** Look for this DAG only: files that name it go first, and the rest is left alone once it is found. */
  readonly dagId?: string;
  /** Say what this file makes only; relative to the folder. The others are loaded where they have a say in it. */
  readonly filePath?: string;
}

const AT_ONCE = 4;

/**
 * Loads every file in a process of its own kind, as the DAG processor does, and stores nothing.
 * @throws ThenceError (NOT_FOUND) when there is no dags folder
 */
export async function loadDagsFolder(
  config: Pick<Config, 'dagsFolder' | 'dagFileTimeoutMs' | 'dagFileMemoryMb'>,
  { dagId, filePath }: LoadDagsFolderOptions = {},
): Promise<LoadedDagsFolder> {
  const found = await findFiles(config.dagsFolder);
  const root = await realpath(config.dagsFolder);
  const hosts = new LoadHosts(config);
  try {
    return await askTimetables(await load(root, found, { dagId, filePath }, hosts), hosts);
  } finally {
    hosts.stop();
  }
}

async function load(
  root: string,
  found: readonly string[],
  { dagId, filePath }: LoadDagsFolderOptions,
  hosts: LoadHosts,
): Promise<LoadedDagsFolder> {
  if (filePath !== undefined) return loadOne(root, found, filePath, hosts);
  const first = dagId === undefined ? [] : await filesThatName(root, found, dagId);
  const early = judgeFiles(root, found, await loadAll(root, first, hosts));
  if (dagId !== undefined && early.specs.some((spec) => spec.dagId === dagId)) return early;
  return judgeFiles(root, found, await loadAll(root, found, hosts));
}

/** Timetables of DAG files are asked once: what is wrong with one is a warning, as it will be of the stored DAG. */
async function askTimetables(folder: LoadedDagsFolder, hosts: LoadHosts): Promise<LoadedDagsFolder> {
  const problemOf = async ({ bundle, filePath }: LoadedDagFile, spec: DagSpec): Promise<readonly string[]> => {
    if (spec.timetable.kind !== 'custom') return [];
    const question = { kind: 'first', last: null, now: Date.now() } as const;
    const schedule = scheduleOf(spec);
    try {
      await askTimetable(hosts, {
        kind: 'evaluate-timetable',
        filePath,
        dagsFolder: folder.root,
        bundle,
        dagId: spec.dagId,
        schedule,
        question,
      });
      return [];
    } catch (error) {
      if (error instanceof TimetableFailed) return [TIMETABLE_PROBLEM + error.message];
      throw error;
    }
  };
  const files = await Promise.all(
    folder.files.map(async (file) => {
      const problems = await Promise.all(file.specs.map((spec) => problemOf(file, spec)));
      return { ...file, warnings: [...file.warnings, ...problems.flat()] };
    }),
  );
  return { ...folder, files };
}

/** Without a DAG of its own it may be a helper, which only those that import it can say. */
async function loadOne(root: string, found: readonly string[], filePath: string, hosts: LoadHosts): Promise<LoadedDagsFolder> {
  const loaded = await loadAll(root, [filePath], hosts);
  const alone = judgeFiles(root, found, loaded);
  if (alone.errors.length === 0 || loaded[0]!.error !== null) return alone;
  const { files, errors } = judgeFiles(root, found, await loadAll(root, found, hosts));
  const isThis = (each: { readonly filePath: string }) => each.filePath === filePath;
  return { root, files: files.filter(isThis), specs: files.filter(isThis).flatMap((file) => file.specs), errors: errors.filter(isThis) };
}

async function filesThatName(root: string, files: readonly string[], dagId: string): Promise<string[]> {
  const texts = await Promise.all(files.map((file) => readFile(path.join(root, file), 'utf8').catch(() => '')));
  return files.filter((_file, index) => texts[index]!.includes(dagId));
}

async function loadAll(root: string, files: readonly string[], hosts: LoadHosts): Promise<LoadedFile[]> {
  const loaded: LoadedFile[] = [];
  const left = [...files.entries()];
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) loaded[next[0]] = await loadFile(root, next[1], hosts);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return loaded;
}

/**
 * What files mean beside each other: whose a DAG is, ids that two of them make, files that should make a DAG and do not.
 * @param found all DAG files of the folder, loaded or not
 */
export function judgeFiles(root: string, found: readonly string[], loaded: readonly LoadedFile[]): LoadedDagsFolder {
  const isDagFile = new Set(found);
  const imported = new Set(loaded.flatMap(({ filePath, sources }) => Object.keys(sources).filter((source) => source !== filePath)));
  const owners = new Map<string, string>();
  const files: LoadedDagFile[] = [];
  const errors: ImportError[] = [];
  for (const file of loaded) {
    const { filePath, bundle, sources, error } = file;
    if (error !== null) errors.push(error);
    const own = ownDags(file, (other) => isDagFile.has(other));
    const taken = own.find(({ spec }) => owners.has(spec.dagId));
    if (taken !== undefined) errors.push(duplicateError(filePath, taken.spec.dagId, owners.get(taken.spec.dagId)!));
    const mine = own.filter(({ spec }) => !owners.has(spec.dagId));
    for (const { spec } of mine) owners.set(spec.dagId, filePath);
    const isExpected = file.dags !== null && own.length === 0 && !imported.has(filePath) && importsDagClass(sources[filePath] ?? '');
    if (isExpected) errors.push(noDagError(filePath));
    if (bundle === null || mine.length === 0) continue;
    const warnings = [...new Set(mine.flatMap((made) => made.warnings))];
    files.push({ filePath, bundle, sources, specs: mine.map(({ spec }) => spec), warnings });
  }
  return { root, files, specs: files.flatMap(({ specs }) => specs), errors };
}
