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
  const Loaded = Module as unknown as ModuleInternals & { _nodeModulePaths(from: string): string[] };
  try {
    const loaded = new Loaded(file);
    loaded.filename = file;
    loaded.paths = Loaded._nodeModulePaths(path.dirname(file));
    loaded._compile(toCommonJs(file), file);
    return loaded.exports;
  } catch (error) {
    const why = (error as { message?: string } | null)?.message ?? String(error);
    throw new ThenceError('CONFIG', `${file} could not be loaded: ${why}`, { cause: error });
  }
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
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}
