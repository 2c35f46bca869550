/**
 * One DAG file with its local imports → one piece of code, stored and run under its hash. Packages stay outside.
 *
 * The hash covers sources and output with paths relative to the dags folder: two checkouts on two hosts have to come to the same,
 * or they would replace each other's versions for ever. So nothing absolute and no version of ours may reach the output.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { BuildFailure, BuildOptions, BuildResult, Message, Metafile } from 'esbuild';
import type { BundleCode } from '../core/workload';
import { dagFilePlugin, FILE_DEFINES } from './bundle-plugin';
import type { ImportError } from './import-error';
import { buildError } from './import-error';

/** Which local files import which: relative path → relative paths. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

export interface BuiltFile {
  readonly bundle: BundleCode;
  /** Source texts by path relative to the dags folder, the DAG file first. */
  readonly sources: { readonly [path: string]: string };
  readonly imports: ImportGraph;
}

export type BuildOutcome = { /** Absolute paths of all files read. */ readonly inputs: readonly string[] } & (
  { readonly ok: true; readonly built: BuiltFile } | { readonly ok: false; readonly error: ImportError }
);

/**
 * @param root the dags folder, absolute and without symbolic links
 * @param filePath the DAG file, relative to it
 */
export async function bundleFile(root: string, filePath: string): Promise<BuildOutcome> {
  const sources = new Map<string, string>([[path.join(root, filePath), '']]);
  try {
    const built = await build(root, filePath, 'cjs', sources).catch((error: unknown) => {
      if (!hasTopLevelAwait(error)) throw error;
      return build(root, filePath, 'esm', sources);
    });
    return { ok: true, inputs: [...sources.keys()], built };
  } catch (error) {
    const [message] = (error as Partial<BuildFailure>).errors ?? [];
    if (message === undefined) throw error;
    return {
      ok: false,
      inputs: [...sources.keys()],
      error: buildError(filePath, message, (error as BuildFailure).errors.length, sources, root),
    };
  }
}

/** The same code with files that travel with it: their content is part of what the hash stands for. */
export function withFiles(bundle: BundleCode, files: BundleCode['files']): BundleCode {
  const names = Object.keys(files).sort();
  if (names.length === 0) return bundle;
  const hash = sha256([bundle.hash, ...names.flatMap((name) => [name, files[name]!])]);
  return { ...bundle, hash, files: Object.fromEntries(names.map((name) => [name, files[name]!])) };
}

async function build(root: string, filePath: string, format: BundleCode['format'], sources: Map<string, string>): Promise<BuiltFile> {
  const result = await esbuild(buildOptions(root, filePath, format, sources));
  const code = sayWhatIsNamed(letModulesKeepTheirDefault(result.outputFiles![0]!.text));
  const relative = new Map([...sources].map(([file, text]) => [posix(path.relative(root, file)), text]));
  const names = Object.keys(result.metafile!.inputs).filter((name) => relative.has(name));
  const ordered = [filePath, ...names.filter((name) => name !== filePath).sort()];
  const texts = Object.fromEntries(ordered.map((name) => [name, relative.get(name)!]));
  const hash = sha256([format, code, ...ordered.flatMap((name) => [name, texts[name]!])]);
  return { bundle: { hash, format, code, files: {} }, sources: texts, imports: importGraph(result.metafile!) };
}

function buildOptions(root: string, filePath: string, format: BundleCode['format'], sources: Map<string, string>): BuildOptions {
  const asEsm = format === 'esm';
  return {
    absWorkingDir: root,
    // An entry of our own leaves no export statement in the output, which could not stand inside a function.
    ...(asEsm
      ? { stdin: { contents: `import ${JSON.stringify(`./${filePath}`)}`, resolveDir: root, sourcefile: 'thence-entry.mjs' } }
      : { entryPoints: [`./${filePath}`] }),
    // Source maps name sources relative to this; the runner compiles the code under a name in the same folder.
    outfile: path.join(root, `${filePath}.js`),
    write: false,
    bundle: true,
    metafile: true,
    platform: 'node',
    target: 'node20',
    format,
    sourcemap: 'inline',
    sourcesContent: false,
    charset: 'utf8',
    logLevel: 'silent',
    // Class names are what people see as the operator of a task.
    keepNames: true,
    // What Node would run is run, whatever a package.json says about side effects.
    treeShaking: false,
    ignoreAnnotations: true,
    // import() becomes require(): one way of finding packages.
    supported: { 'dynamic-import': false },
    define: FILE_DEFINES,
    banner: { js: `const __thence_place = module.place;${asEsm ? ' module.exports.loaded = (async () => {' : ''}` },
    footer: asEsm ? { js: '})();' } : {},
    plugins: [dagFilePlugin({ root, wrapPackages: asEsm, sources })],
  };
}

/** Loaded only here: whoever imports this room does not yet need the compiler. */
async function esbuild(options: BuildOptions): Promise<BuildResult> {
  const { build: run } = await import('esbuild');
  return run(options);
}

function hasTopLevelAwait(error: unknown): boolean {
  const errors: readonly Message[] = (error as Partial<BuildFailure>).errors ?? [];
  return errors.some(({ text }) => text.startsWith('Top-level await is currently not supported with the "cjs"'));
}

/**
 * esbuild takes `import x from 'package'` in a .mts or "type": "module" file for the whole of `module.exports`, which is right for CommonJS.
 * A package that is an ES module arrives as its namespace, and there the default export is meant.
 */
function letModulesKeepTheirDefault(code: string): string {
  return code.replace('isNodeMode || !mod ||', 'isNodeMode && !(mod && mod[Symbol.toStringTag] === "Module") || !mod ||');
}

/**
 * `keepNames` calls a helper for each class, which here also tells the module of it: this is how the Trigger classes of a file are found,
 * whether it exports them or not. Code without a class stays as it is.
 */
function sayWhatIsNamed(code: string): string {
  if (!/\bclass\b/.test(code)) return code;
  return code.replace(
    /^( *var __name = \(target, value\) => )(__defProp\(target, "name", \{ value, configurable: true \}\));$/m,
    '$1(module.named?.(target), $2);',
  );
}

function importGraph(metafile: Metafile): ImportGraph {
  const isLocal = (name: string) => Object.hasOwn(metafile.inputs, name);
  return new Map(
    Object.entries(metafile.inputs).map(([name, { imports }]) => [
      name,
      imports.filter((one) => one.external !== true && isLocal(one.path)).map((one) => one.path),
    ]),
  );
}

function sha256(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function posix(file: string): string {
  return file.split(path.sep).join('/');
}
