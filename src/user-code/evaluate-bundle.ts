/**
 * Runs the code of one DAG file and gives the DAGs that it made. The only place where user code's top level is evaluated: the load
 * host, task hosts and `dags test` all come here.
 *
 * A bundle (src/dag-processor/bundle-file.ts) is CommonJS whose sources ask `module.place` where they stand; format 'esm' is a file with
 * top-level await, whose code runs in an async function and is awaited through `module.exports.loaded`. Nothing is cached by Node, so
 * that a bundle that is dropped is collected.
 */
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { BundleCode } from '../core/workload';
import type { DAG } from '../dag/dag';
import { openRegistry, sealRegistry, takeMadeDags } from '../dag/registry';
import { TriggerClasses } from '../dag/trigger';
import { layOutFiles } from './bundle-files';
import { installResolution, makeBundleModule } from './resolution';

/** Where the sources of a bundle stand on this host. */
export interface BundlePlace {
  /** The DAG file, relative to the dags folder. */
  readonly filePath: string;
  /** Absolute; null on a host that has no dags folder: then paths start where the bundle's files are laid out, or in the working directory. */
  readonly dagsFolder: string | null;
}

const triggerClasses = new WeakMap<readonly DAG[], TriggerClasses>();

/** The Trigger classes of the evaluation that gave `dags`. */
export function triggersOf(dags: readonly DAG[]): TriggerClasses {
  return triggerClasses.get(dags) ?? new TriggerClasses();
}

let last: Promise<unknown> = Promise.resolve();
let evaluations = 0;

/**
 * The DAGs that the file makes, in order. Evaluations of one process run one after the other, since the registry of DAGs is one per process.
 * @throws whatever the file throws, as it is; stacks name the sources.
 */
export async function evaluateBundle(bundle: BundleCode, place: BundlePlace): Promise<DAG[]> {
  const turn = last.then(
    () => evaluate(bundle, place),
    () => evaluate(bundle, place),
  );
  last = turn;
  return turn;
}

/** The newest evaluated bundles of a process, by hash, so that a warm runner evaluates a file once and not for each task. */
export class BundleCache {
  private readonly kept = new Map<string, Promise<DAG[]>>();
  constructor(private readonly size = 16) {}

  /** Evaluates what `fetch` gives unless the bundle is here already. A failed evaluation is not kept. */
  async get(hash: string, place: BundlePlace, fetch: () => Promise<BundleCode>): Promise<DAG[]> {
    const key = JSON.stringify([hash, place.dagsFolder, place.filePath]);
    const dags = this.kept.get(key) ?? fetch().then((bundle) => evaluateBundle(bundle, place));
    this.kept.delete(key);
    this.kept.set(key, dags);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= this.size) break;
      this.kept.delete(oldest);
    }
    try {
      return await dags;
    } catch (error) {
      this.kept.delete(key);
      throw error;
    }
  }
}

async function evaluate(bundle: BundleCode, place: BundlePlace): Promise<DAG[]> {
  installResolution();
  process.setSourceMapsEnabled(true);
  const root = realFolder(place.dagsFolder) ?? process.cwd();
  const file = path.resolve(root, place.filePath);
  const beside = place.dagsFolder === null ? (layOutFiles(bundle) ?? root) : root;
  const triggers = new TriggerClasses();
  const module = makeBundleModule(file, (exported) => triggers.notePackage(exported));
  Object.assign(module, {
    place: (source: string) => whereIs(path.resolve(beside, source)),
    named: (value: unknown) => triggers.note(value),
  });

  openRegistry();
  try {
    // Its own name each time: Node finds a source map by this name, and an edited file must not be shown with its old lines.
    evaluations += 1;
    module._compile(bundle.code, path.join(path.dirname(file), `${path.basename(file)}.${evaluations}.js`));
    if (bundle.format === 'esm') await module.exports['loaded'];
    // Async functions of the file that nobody awaits have their first turn before the door closes.
    await nextTurn();
    const dags = takeMadeDags();
    triggers.seal();
    triggerClasses.set(dags, triggers);
    return dags;
  } finally {
    takeMadeDags();
    sealRegistry();
  }
}

/** Paths in a bundle start at the real folder: what lies beside the dags folder lies beside a symbolic link to it no more. */
function realFolder(folder: string | null): string | null {
  if (folder === null) return null;
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

/** What `__filename`, `__dirname` and `import.meta` are in one source file. */
function whereIs(filename: string) {
  return { filename, dirname: path.dirname(filename), url: pathToFileURL(filename).href };
}
