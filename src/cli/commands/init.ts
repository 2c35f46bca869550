import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { packageRoot, packageVersion } from '../../config/package-root';
import { ThenceError } from '../../core/errors';
import { projectFiles } from '../init-template';
import { print } from '../output';

export function init(command: Command): void {
  command
    .argument('[folder]', 'where to; made if it is not there', '.')
    .description('Make a new project: package.json, tsconfig.json, a DAG in dags/, a test, .gitignore, README. Overwrites nothing.')
    .addHelpText('after', '\nExample:\n  $ thence init my-project && cd my-project && npm install && npm start')
    .action((folder: string) => {
      const target = path.resolve(folder);
      const files = projectFiles({ name: packageName(target), ...versions() });
      const there = Object.keys(files).filter((file) => existsSync(path.join(target, file)));
      if (there.length > 0)
        throw new ThenceError(
          'ALREADY_EXISTS',
          `${target} has ${there.join(', ')} already; nothing was written. Name a new folder: thence init my-project`,
        );
      for (const [file, text] of Object.entries(files)) write(path.join(target, file), text);
      const relative = path.relative('', target);
      const enter = relative === '' ? '' : `cd ${/^[\w./-]+$/.test(relative) ? relative : `'${relative}'`} && `;
      print(`made ${Object.keys(files).length} files in ${target}\n\nnext:\n  ${enter}npm install && npm start`);
    });
}

function write(file: string, text: string): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { flag: 'wx' });
  } catch (error) {
    throw new ThenceError('CONFIG', `cannot write ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** What npm accepts as a name. */
function packageName(folder: string): string {
  const name = path
    .basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return name === '' || name === 'thence' ? 'my-workflows' : name;
}

/** The versions that this thence was made with; a clone of the repository is depended on by its folder. */
function versions() {
  const own = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as {
    dependencies: { [name: string]: string };
    devDependencies: { [name: string]: string };
  };
  const installed = packageRoot.split(path.sep).includes('node_modules');
  return {
    thence: installed ? packageVersion : `file:${packageRoot}`,
    zod: `^${own.dependencies['zod']}`,
    typescript: `^${own.devDependencies['typescript']}`,
    typesNode: `^${own.devDependencies['@types/node']}`,
  };
}
