import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../config/config';
import { ThenceError } from '../core/errors';

/** THENCE_SECRET_KEY, or the one in `<home>/secret-key`, made by the first process that needs it. */
export function loadSecretKey({ home, secretKey }: Pick<Config, 'home' | 'secretKey'>): string {
  const key = secretKey ?? homeSecret(home, 'secret-key', () => randomBytes(32).toString('base64url')).value;
  if (key.length >= 16) return key;
  throw new ThenceError(
    'CONFIG',
    `THENCE_SECRET_KEY has ${key.length} characters; it signs sessions and tokens and needs at least 16 (32 random ones are good)`,
  );
}

/**
 * What is in `<home>/<name>`, mode 0600, made now if it is not there. The file appears complete and once: of two processes that make it
 * at the same moment, both get the same value.
 */
export function homeSecret(home: string, name: string, make: () => string): { value: string; made: boolean } {
  const file = path.join(home, name);
  const read = () => readFileSync(file, 'utf8').trim();
  try {
    return { value: read(), made: false };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  mkdirSync(home, { recursive: true });
  const making = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(making, `${make()}\n`, { mode: 0o600 });
  try {
    linkSync(making, file); // unlike rename, fails when another was quicker
    return { value: read(), made: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return { value: read(), made: false };
  } finally {
    rmSync(making, { force: true });
  }
}
