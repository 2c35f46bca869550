/** The keys of this place. For schedulers, web servers and the command line; never for what runs user code. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { loadSecretKey } from '../auth/home-secret';
import type { Config } from '../config/config';
import { ThenceError } from '../core/errors';
import { createCipher } from './cipher';
import type { Cipher } from './cipher';

type KeyConfig = Pick<Config, 'home' | 'secretKey' | 'secretKeyPrevious'>;

const keyFile = 'secret-key';
const previousFile = 'secret-key-previous';

/**
 * Encrypts with THENCE_SECRET_KEY, or the home's generated key. Reads with THENCE_SECRET_KEY_PREVIOUS and the home's keys too, so that a
 * home that began with a generated key goes on when a key is configured.
 */
export function loadCipher(config: KeyConfig): Cipher {
  const { home, secretKeyPrevious } = config;
  const older = [secretKeyPrevious, readKey(home, keyFile), readKey(home, previousFile)].filter((key) => key !== null);
  return createCipher([loadSecretKey(config), ...older]);
}

/**
 * For what does not itself make the first key of a place: the command line. @throws CONFIG when the database is elsewhere and no key
 * is known here, since one that is made up now would be nobody else's.
 */
export function loadKnownCipher(config: KeyConfig & Pick<Config, 'databaseUrl'>): Cipher {
  if (config.databaseUrl === null || config.secretKey !== null || readKey(config.home, keyFile) !== null) return loadCipher(config);
  throw new ThenceError(
    'CONFIG',
    `there is no secret key here: THENCE_SECRET_KEY is not set, and ${config.home} has none. Give the one that the schedulers and web servers of this database have`,
  );
}

/**
 * A new generated key for a home that has no configured one. The old one stays beside it until `forgetPreviousKey`, so that a
 * rotation that is interrupted can be carried out again. False: an earlier rotation was interrupted, and its key is used.
 */
export function replaceHomeKey(config: KeyConfig): boolean {
  const [current, previous] = [path.join(config.home, keyFile), path.join(config.home, previousFile)];
  const old = loadSecretKey(config);
  const kept = readKey(config.home, previousFile);
  if (kept !== null && kept !== old) return false;
  const making = `${current}.${process.pid}.new`;
  writeFileSync(making, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  writeFileSync(previous, `${old}\n`, { mode: 0o600 });
  renameSync(making, current);
  return true;
}

export function forgetPreviousKey({ home }: KeyConfig): void {
  rmSync(path.join(home, previousFile), { force: true });
}

function readKey(home: string, name: string): string | null {
  try {
    return readFileSync(path.join(home, name), 'utf8').trim() || null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
