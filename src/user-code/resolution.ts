/**
 * How bare imports of a DAG file are found: from the file upwards, then from the working directory, then among thence's own
 * dependencies (so `zod` and `luxon` are always there). `thence` itself is always the running copy: two copies would be two
 * registries and two class identities, whatever a project or a package of operators has installed.
 */
import { existsSync, readFileSync } from 'node:fs';
import Module from 'node:module';
import path from 'node:path';
import { compiledEntry, packageRoot } from '../config/package-root';
import { ThenceError } from '../core/errors';
import * as thence from '../index';

/** What Node's module objects have beyond their types; stable since Node 8, and used by every loader. */
export interface LoadedModule {
  exports: { [name: string]: unknown };
  filename: string;
  paths: string[];
  require(request: string): unknown;
  _compile(code: string, filename: string): void;
}
interface ModuleInternals {
  new (id: string): LoadedModule;
  _nodeModulePaths(from: string): string[];
  _resolveFilename(request: string, parent: LoadedModule | undefined, isMain?: boolean, options?: unknown): string;
  readonly prototype: { require(request: string): unknown };
}
const Loader = Module as unknown as ModuleInternals;

const bundleModules = new WeakSet<LoadedModule>();
const resolveByNode = Loader._resolveFilename.bind(Loader);
const compiled = __filename.endsWith('.js');
const runningThence = compiled ? path.join(__dirname, '../index.js') : compiledEntry('src/index');

/** Makes `thence` the running copy for every module of this process. Idempotent. */
export function installResolution(): void {
  if (Loader._resolveFilename === resolve) return;
  Loader._resolveFilename = resolve;
}

/** A module for a bundle of `file`: `require` in it follows the rules above. `onPackage` is told what each package exports. */
export function makeBundleModule(file: string, onPackage: (exported: unknown) => void = () => {}): LoadedModule {
  const made = new Loader(file);
  made.filename = file;
  made.paths = Loader._nodeModulePaths(path.dirname(file));
  made.require = (request) => {
    if (request === 'thence') return thence;
    const isLocal = /^\.{1,2}(\/|$)/.test(request);
    const exported = Loader.prototype.require.call(
      made,
      isLocal ? resolveLocal(request, made) : isBare(request) ? resolveForBundle(request, made) : request,
    );
    if (isBare(request) && !Module.isBuiltin(request)) onPackage(exported);
    return exported;
  };
  bundleModules.add(made);
  return made;
}

/** Whether `request`, imported by a file in `folder`, will be found at run time. */
export function canResolve(request: string, folder: string): boolean {
  const probe = new Loader(path.join(folder, 'probe.js'));
  probe.filename = path.join(folder, 'probe.js');
  probe.paths = Loader._nodeModulePaths(folder);
  try {
    resolveForBundle(request, probe);
    return true;
  } catch {
    return false;
  }
}

export function isBare(request: string): boolean {
  return !/^\.{0,2}\//.test(request) && !/^\.{1,2}$/.test(request) && !path.isAbsolute(request) && !request.startsWith('node:');
}

function resolve(request: string, parent: LoadedModule | undefined, isMain?: boolean, options?: unknown): string {
  if (request === 'thence') return runningThence;
  if (parent !== undefined && bundleModules.has(parent) && isBare(request)) return resolveForBundle(request, parent);
  return resolveByNode(request, parent, isMain, options);
}

/** Local imports are in the bundle already, but for those whose path is computed: esbuild cannot follow them. */
function resolveLocal(request: string, parent: LoadedModule): string {
  try {
    return resolveByNode(request, parent);
  } catch (error) {
    throw new ThenceError(
      'DAG_FILE',
      `"${request}" is not part of the code of ${path.basename(parent.filename)}: an import whose path is computed is not bundled. Write the path as a plain text, once for each file that may be meant`,
      { cause: error },
    );
  }
}

function resolveForBundle(request: string, parent: LoadedModule): string {
  if (Module.isBuiltin(request)) return request;
  const places = [parent.paths, Loader._nodeModulePaths(process.cwd()), Loader._nodeModulePaths(packageRoot)];
  let first: unknown;
  for (const paths of places) {
    try {
      return resolveByNode(request, { ...parent, paths });
    } catch (error) {
      const importOnly = isNotExported(error) ? findImportOnly(request, paths) : null;
      if (importOnly !== null) return importOnly;
      first ??= error;
    }
  }
  throw first;
}

function isNotExported(error: unknown): boolean {
  return (error as { code?: string } | null)?.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED';
}

/**
 * The file of a package whose `exports` know the condition "import" alone: `require` refuses to name it, but Node can load it.
 */
function findImportOnly(request: string, paths: readonly string[]): string | null {
  const [, name, subpath] = /^(@[^/]+\/[^/]+|[^/]+)(\/.*)?$/.exec(request) ?? [];
  if (name === undefined) return null;
  for (const folder of paths) {
    const home = path.join(folder, name);
    const manifest = path.join(home, 'package.json');
    if (!existsSync(manifest)) continue;
    const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as { exports?: unknown };
    const isMap = typeof exports === 'object' && exports !== null && Object.keys(exports).some((key) => key.startsWith('.'));
    const entry = isMap ? (exports as { [key: string]: unknown })[`.${subpath ?? ''}`] : subpath === undefined ? exports : undefined;
    const target = chooseCondition(entry);
    return target === null ? null : path.join(home, target);
  }
  return null;
}

function chooseCondition(entry: unknown): string | null {
  if (typeof entry === 'string') return entry;
  if (Array.isArray(entry)) return entry.map(chooseCondition).find((target) => target !== null) ?? null;
  if (typeof entry !== 'object' || entry === null) return null;
  for (const [condition, inner] of Object.entries(entry)) {
    if (!['node', 'import', 'module-sync', 'default'].includes(condition)) continue;
    const target = chooseCondition(inner);
    if (target !== null) return target;
  }
  return null;
}
