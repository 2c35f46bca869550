import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { ThenceError } from '../core/errors';

const CONFIG_FILES = ['thence.config.ts', 'thence.config.js', 'thence.config.json'];

/** Where a command was started, seen as part of a project. Found from the working directory upwards, so that `cd dags` changes nothing. */
export interface ProjectFolder {
  /** The nearest `.thence` that exists; else one beside the config file, else one in the working directory. */
  readonly home: string;
  /** ./dags, or the one beside home or the config file where the working directory has none. */
  readonly dagsFolder: string;
  /** The nearest thence.config.*, or null. */
  readonly configFile: string | null;
}

export function findProjectFolder(cwd: string): ProjectFolder {
  const homeFound = nearest(cwd, (folder) => (isFolder(path.join(folder, '.thence')) ? path.join(folder, '.thence') : null));
  const configFile = nearest(cwd, configFileIn);
  const project = homeFound !== null ? path.dirname(homeFound) : configFile !== null ? path.dirname(configFile) : cwd;
  const besideConfig = configFile === null ? [] : [path.join(path.dirname(configFile), 'dags')];
  const candidates = [path.join(cwd, 'dags'), ...besideConfig, path.join(project, 'dags')];
  return {
    home: homeFound ?? path.join(project, '.thence'),
    dagsFolder: candidates.find(isFolder) ?? candidates[0]!,
    configFile,
  };
}

function configFileIn(folder: string): string | null {
  const found = CONFIG_FILES.filter((name) => existsSync(path.join(folder, name)));
  if (found.length > 1) throw new ThenceError('CONFIG', `${folder} has ${found.join(' and ')}; keep one of them`);
  return found[0] === undefined ? null : path.join(folder, found[0]);
}

function nearest(from: string, look: (folder: string) => string | null): string | null {
  for (let at = path.resolve(from); ; at = path.dirname(at)) {
    const found = look(at);
    if (found !== null || at === path.dirname(at)) return found;
  }
}

function isFolder(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
