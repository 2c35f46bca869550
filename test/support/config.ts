import { randomUUID } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import type { Config } from '../../src/config/config';
import { loadConfig } from '../../src/config/load-config';

/** A configuration with a home of its own (not made yet) that no variable of the machine reaches. */
export function testConfig(overrides: Partial<Config> = {}): Config {
  const cwd = path.join(os.tmpdir(), `thence-test-${randomUUID()}`);
  return loadConfig({
    env: {},
    cwd,
    overrides: { home: path.join(cwd, '.thence'), dagsFolder: path.join(cwd, 'dags'), port: 0, logLevel: 'warn', ...overrides },
  });
}
