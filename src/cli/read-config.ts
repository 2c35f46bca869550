import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../config/config';
import { loadConfig } from '../config/load-config';

/** The configuration of this place; paths in `overrides` start at the working directory. */
export function readConfig(overrides: Partial<Config> = {}): Config {
  const { dagsFolder } = overrides;
  return loadConfig({ overrides: { ...overrides, dagsFolder: dagsFolder === undefined ? undefined : path.resolve(dagsFolder) } });
}

/** Whether the home has an embedded database, running or not. */
export function hasEmbeddedDatabase(config: Config): boolean {
  return existsSync(path.join(config.home, 'postgres.json'));
}
