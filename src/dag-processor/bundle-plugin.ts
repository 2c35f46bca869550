/** What esbuild has to know about DAG files: which imports stay packages, and where each source file stands. */
import { readFile } from 'node:fs/promises';
import Module from 'node:module';
import path from 'node:path';
import type { Loader, OnResolveArgs, OnResolveResult, PartialMessage, Plugin, PluginBuild } from 'esbuild';
import { canResolve, isBare } from '../user-code/resolution';

/**
 * `define` for the build: each source file gets a `__thence_file` of its own (esbuild renames it where files meet in one scope), so that
 * `__dirname` in lib/helper.ts is lib/ and not the folder of the DAG file.
 */
export const FILE_DEFINES = {
  __filename: '__thence_file.filename',
  __dirname: '__thence_file.dirname',
  'import.meta': '__thence_file',
};

const PACKAGE = 'thence-package';
const NEEDS_PLACE = /__filename|__dirname|import\.meta/;
const loaders: { readonly [extension: string]: Loader } = { '.ts': 'ts', '.mts': 'ts', '.cts': 'ts', '.tsx': 'tsx', '.jsx': 'jsx' };

export interface PluginOptions {
  readonly root: string;
  /** Packages are reached through `require` calls, so that no import statement is left in the output. */
  readonly wrapPackages: boolean;
  /** Filled with the absolute paths of all source files that were read, also when the build fails. */
  readonly sources: Map<string, string>;
}

export function dagFilePlugin({ root, wrapPackages, sources }: PluginOptions): Plugin {
  return {
    name: 'thence',
    setup(build) {
      if (wrapPackages) {
        build.onResolve({ filter: /.*/, namespace: PACKAGE }, ({ path: request }) => ({ path: request, external: true }));
        build.onLoad({ filter: /.*/, namespace: PACKAGE }, ({ path: request }) => ({
          contents: `module.exports = require(${JSON.stringify(request)})`,
        }));
      }
      build.onResolve({ filter: /^[^./]/, namespace: 'file' }, async (args) => {
        if (args.kind === 'entry-point' || args.pluginData === PACKAGE || !isBare(args.path.replace(/^node:/, ''))) return undefined;
        const found = await resolveBare(build, args);
        const asModule = wrapPackages && found.external === true && args.kind !== 'require-call' && args.kind !== 'require-resolve';
        return asModule ? { path: args.path, namespace: PACKAGE } : found;
      });
      build.onLoad({ filter: /\.([cm]?[jt]s|[jt]sx)$/, namespace: 'file' }, async ({ path: file }) => {
        const text = await readFile(file, 'utf8');
        sources.set(file, text);
        const loader = loaders[path.extname(file)] ?? 'js';
        return { contents: NEEDS_PLACE.test(text) ? withPlace(text, path.relative(root, file)) : text, loader };
      });
      build.onLoad({ filter: /\.(sql|md|txt|html|csv|json)$/, namespace: 'file' }, async ({ path: file }) => {
        const contents = await readFile(file, 'utf8');
        sources.set(file, contents);
        return { contents, loader: file.endsWith('.json') ? 'json' : 'text' };
      });
    },
  };
}

/** External, unless its real path lies outside node_modules (a package of the same workspace, a path of tsconfig): that is source code. */
async function resolveBare(build: PluginBuild, args: OnResolveArgs): Promise<OnResolveResult> {
  const request = args.path;
  if (request === 'thence/testing') return { errors: [{ text: TEST_AMONG_DAGS }] };
  if (Module.isBuiltin(request) || request === 'thence' || request.startsWith('thence/')) return { path: request, external: true };
  const { kind, importer, namespace, resolveDir } = args;
  const found = await build.resolve(request, { kind, importer, namespace, resolveDir, pluginData: PACKAGE });
  const isSource = found.errors.length === 0 && !found.external && found.namespace === 'file' && !isPackageFile(found.path);
  if (isSource) return { path: found.path, sideEffects: true };
  const mayBeMissing = found.errors.length === 0 || kind !== 'import-statement' || canResolve(request, resolveDir);
  return mayBeMissing ? { path: request, external: true } : { errors: [missingPackage(request)] };
}

const TEST_AMONG_DAGS =
  '"thence/testing" is for tests, and no DAG file can import it. If this file is a test, move it out of the DAGs folder, or name it in a .thenceignore there (such as *.test.ts)';

function isPackageFile(file: string): boolean {
  return file.split(path.sep).includes('node_modules');
}

function missingPackage(request: string): PartialMessage {
  const name = request.split('/', request.startsWith('@') ? 2 : 1).join('/');
  return {
    text: `Cannot find the package "${request}": it is neither in a node_modules folder above this file, nor above the working directory (${process.cwd()}), nor one that thence brings along. Install it with "npm install ${name}"`,
  };
}

/** On the first line, so that lines keep their numbers; after a `#!` line, and after directives such as 'use strict'. */
function withPlace(text: string, file: string): string {
  const place = `var __thence_file = __thence_place(${JSON.stringify(file.split(path.sep).join('/'))});`;
  const [head] = /^(#![^\n]*\n)?(\s*(['"])use strict\3;?)?/.exec(text)!;
  return `${head}${head !== '' && !/[;\n]$/.test(head) ? ';' : ''}${place}${text.slice(head.length)}`;
}
