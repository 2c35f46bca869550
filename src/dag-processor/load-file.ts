/** One DAG file from its text to its specs: bundle, load in a host, and put every way in which it can fail into words. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ThenceError } from '../core/errors';
import type { BundleCode } from '../core/workload';
import type { DagSpec } from '../dag-spec/spec';
import { bundleFile, withFiles } from './bundle-file';
import type { BuiltFile } from './bundle-file';
import { describeCircularImport } from './circular-import';
import { importsSomething, mayMakeDags } from './find-files';
import { loadError, ownFrames, plainError } from './import-error';
import type { ImportError } from './import-error';
import type { LoadHosts, LoadOutcome } from '../user-code/load-hosts';

export interface MadeDag {
  readonly spec: DagSpec;
  /** Sentences. */
  readonly warnings: readonly string[];
  /** Local files on the stack at `new DAG`, innermost first, relative to the dags folder. */
  readonly madeIn: readonly string[];
}

/** What a pass knows about a file after it has looked at it. */
export interface LoadedFile {
  readonly filePath: string;
  /** Absolute paths of everything that the result depends on. */
  readonly inputs: readonly string[];
  /** null: a helper, not run. */
  readonly dags: readonly MadeDag[] | null;
  readonly bundle: BundleCode | null;
  /** By path relative to the dags folder; of a file that was bundled. */
  readonly sources: { readonly [path: string]: string };
  readonly error: ImportError | null;
  /** The error took a whole process with it (a time limit, an exit, memory): not tried again before long. */
  readonly died: boolean;
  readonly output: string;
  readonly durationMs: number;
}

/** A file that was saved this short a time ago may still be being written. */
const FRESH_MS = 2_000;
const SECOND_LOOK_MS = 200;

/**
 * @param root the real path of the dags folder
 * @throws ENOENT when the file is not there (any more), LoadHostsStopped
 */
export async function loadFile(root: string, filePath: string, hosts: LoadHosts): Promise<LoadedFile> {
  const startedAt = performance.now();
  const file = path.join(root, filePath);
  const nothing = { filePath, inputs: [file], dags: null, bundle: null, sources: {}, error: null, died: false, output: '', durationMs: 0 };
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw error;
    return { unreadable: error.message };
  });
  if (typeof text !== 'string') return { ...nothing, error: plainError(filePath, `${filePath} cannot be read: ${text.unreadable}`) };
  if (!importsSomething(text)) return nothing;

  let outcome = await bundleFile(root, filePath);
  if (!outcome.ok && (await isFresh(outcome.inputs))) {
    await sleep(SECOND_LOOK_MS);
    outcome = await bundleFile(root, filePath);
  }
  if (!outcome.ok) {
    // A helper that does not compile is the business of the DAG file that imports it.
    if (!mayMakeDags(text, [text])) return { ...nothing, inputs: outcome.inputs };
    return { ...nothing, inputs: outcome.inputs, error: outcome.error, durationMs: performance.now() - startedAt };
  }

  const { built, inputs } = outcome;
  if (!mayMakeDags(text, Object.values(built.sources))) return { ...nothing, inputs, sources: built.sources };
  const loaded = await hosts.load({ kind: 'load-dag-file', filePath, dagsFolder: root, bundle: built.bundle });
  const common = {
    filePath,
    sources: built.sources,
    died: loaded.death !== null,
    output: loaded.output,
    durationMs: performance.now() - startedAt,
  };
  const reads = loaded.result?.reads ?? [];
  const read = [...new Set([...inputs, ...reads])];
  if (loaded.result?.ok !== true) {
    return { ...common, inputs: read, dags: null, bundle: null, error: failure(filePath, loaded, built, root) };
  }

  const { dags, files, warnings } = loaded.result;
  const twice = dags.find(({ spec }, index) => dags.some((other, before) => before < index && other.spec.dagId === spec.dagId));
  if (twice !== undefined) {
    const error = new ThenceError('DAG_FILE', `${filePath} makes two DAGs with the id "${twice.spec.dagId}": give one of them another id`);
    const thrown = { name: error.name, message: error.message, stack: twice.madeStack };
    return { ...common, inputs: read, dags: null, bundle: null, error: loadError(filePath, thrown, built.sources, root) };
  }
  return {
    ...common,
    inputs: read,
    dags: dags.map(({ spec, warnings: own, madeStack }) => ({
      spec,
      warnings: [...own, ...warnings.map((warning) => `${filePath} ${warning}`)],
      madeIn: [...new Set(ownFrames(madeStack, built.sources, root).map((frame) => frame.file))],
    })),
    bundle: withFiles(built.bundle, files),
    error: null,
  };
}

function failure(filePath: string, { result, death, output }: LoadOutcome, built: BuiltFile, root: string): ImportError {
  const printed = output.trim() === '' ? '' : `\n\nPrinted while loading:\n${output.trim()}`;
  if (death !== null || result === null || result.ok) {
    const message = `${filePath} ${death?.message ?? 'gave no answer'}`;
    const error = { name: 'Error', message, stack: death?.stack ?? null };
    const described = (death?.stack ?? null) === null ? plainError(filePath, message) : loadError(filePath, error, built.sources, root);
    return { ...described, stackTrace: described.stackTrace + printed };
  }
  const error = loadError(filePath, result.error, built.sources, root);
  const frames = ownFrames(error.stackTrace, built.sources, root).map((frame) => frame.file);
  const circle = describeCircularImport(built.imports, frames);
  return {
    ...error,
    message: circle === null ? error.message : `${error.message}. ${circle}`,
    stackTrace: error.stackTrace + printed,
  };
}

async function isFresh(files: readonly string[]): Promise<boolean> {
  const changed = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return Math.max(...changed) > Date.now() - FRESH_MS;
}
