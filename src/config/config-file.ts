import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { ThenceError } from '../core/errors';

/** The values of thence.config.{ts,js,json} as written: the default export, or `module.exports`. */
export function readConfigFile(file: string): { readonly [key: string]: unknown } {
  const exported = file.endsWith('.json') ? parseJson(file) : evaluate(file);
  if (typeof exported !== 'object' || exported === null || Array.isArray(exported)) {
    throw new ThenceError(
      'CONFIG',
      `${file} has to export an object of settings, as in: export default { port: 8080 }; it gave ${JSON.stringify(exported) ?? typeof exported}`,
    );
  }
  return exported as { [key: string]: unknown };
}

function parseJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ThenceError('CONFIG', `${file} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
}

interface LoadedModule {
  exports: unknown;
  paths: string[];
  filename: string;
  _compile(code: string, filename: string): void;
}
type ModuleInternals = new (id: string) => LoadedModule;

function evaluate(file: string): unknown {
  const exported = evaluateModule(file) as { default?: unknown } | null;
  return exported !== null && typeof exported === 'object' && 'default' in exported ? exported.default : exported;
}

/** What a module in JavaScript or TypeScript that the configuration names exports. @throws ThenceError (CONFIG) */
export function evaluateModule(file: string): unknown {
  // For the lines in errors. (Absent in old versions of Node, where they stay on.)
  const { sourceMapsEnabled } = process as { readonly sourceMapsEnabled?: boolean };
  process.setSourceMapsEnabled(true);
  const Loaded = Module as unknown as ModuleInternals & { _nodeModulePaths(from: string): string[] };
  try {
    const loaded = new Loaded(file);
    loaded.filename = file;
    loaded.paths = Loaded._nodeModulePaths(path.dirname(file));
    loaded._compile(toCommonJs(file), file);
    return loaded.exports;
  } catch (error) {
    const why = (error as { message?: string } | null)?.message ?? String(error);
    throw new ThenceError('CONFIG', `${file} could not be loaded: ${why}${placeOf(error, file)}`, { cause: error });
  } finally {
    if (sourceMapsEnabled === false) process.setSourceMapsEnabled(false);
  }
}

/** Where in it an error was thrown; '' when nothing says so, and for what esbuild refused, which says it itself. */
function placeOf(error: unknown, file: string): string {
  const { stack } = (error ?? {}) as { stack?: unknown };
  const frame = typeof stack === 'string' ? stack.split('\n').find((line) => /^\s+at /.test(line) && line.includes(`${file}:`)) : undefined;
  const place = frame === undefined ? null : /:(\d+):\d+\)?$/.exec(frame);
  return place ? ` (line ${place[1]})` : '';
}

/** With its local imports; packages stay external. esbuild is loaded only here, since most projects have no such file. */
function toCommonJs(file: string): string {
  const { buildSync } = createRequire(__filename)('esbuild') as typeof import('esbuild');
  const { outputFiles } = buildSync({
    entryPoints: [file],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    sourcemap: 'inline',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}
