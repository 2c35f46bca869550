import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The folder of thence's own package.json, from the sources and from `dist` alike. */
export const packageRoot: string = findPackageRoot(__dirname);

/** Absolute path of a compiled module, for child processes and threads: `compiledEntry('src/user-code/host-main')`. */
export function compiledEntry(module: string): string {
  return path.join(packageRoot, 'dist', `${module}.js`);
}

export const packageVersion: string = (JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as { version: string })
  .version;

function findPackageRoot(from: string): string {
  for (let at = from; ; at = path.dirname(at)) {
    const file = path.join(at, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'thence') return at;
    if (at === path.dirname(at)) throw new Error(`no package.json of thence above ${from}`);
  }
}

/** What the command `thence` runs: start it with node. */
export const thenceCommand: string = compiledEntry('src/cli/main');
