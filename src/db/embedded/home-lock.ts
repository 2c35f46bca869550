/**
 * One process at a time in a section, across processes: a file made with O_EXCL that names its owner. A lock whose owner is dead is
 * removed; two processes that find it so take turns by a second file, so that neither removes what the other has just made.
 * It only orders start and stop; what protects the data is Postgres's own postmaster.pid.
 */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ThenceError } from '../../core/errors';

interface Owner {
  readonly pid: number;
  readonly host: string;
}

/** Waits for the lock, at most `waitMs`; then runs `work` and lets go of it. */
export async function withFileLock<T>(file: string, work: () => Promise<T>, waitMs = 90_000): Promise<T> {
  const until = Date.now() + waitMs;
  while (!create(file)) {
    if (isAbandoned(file)) removeAbandoned(file);
    else if (Date.now() > until) {
      throw new ThenceError(
        'UNAVAILABLE',
        `another process (${describeOwner(file)}) has been starting or stopping the embedded Postgres for ${Math.round(waitMs / 1000)} s; if it hangs, end it and remove ${file}`,
      );
    } else await sleep(25);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function create(file: string): boolean {
  try {
    const handle = openSync(file, 'wx', 0o644);
    writeSync(handle, JSON.stringify({ pid: process.pid, host: os.hostname() } satisfies Owner));
    closeSync(handle);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** An owner on this host is dead or alive; of another one (a shared volume), and of a file that is not written yet, only the age tells. */
function isAbandoned(file: string): boolean {
  try {
    const owner = readOwner(file);
    if (owner?.host === os.hostname()) return !isAlive(owner.pid);
    return Date.now() - statSync(file).mtimeMs > (owner ? 120_000 : 5_000);
  } catch {
    return false; // gone meanwhile
  }
}

function removeAbandoned(file: string): void {
  const turn = `${file}.turn`;
  if (!create(turn)) {
    try {
      if (Date.now() - statSync(turn).mtimeMs > 10_000) rmSync(turn, { force: true });
    } catch {
      // gone meanwhile
    }
    return;
  }
  try {
    if (isAbandoned(file)) rmSync(file, { force: true });
  } finally {
    rmSync(turn, { force: true });
  }
}

function readOwner(file: string): Owner | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Owner;
  } catch {
    return null;
  }
}

function describeOwner(file: string): string {
  const owner = readOwner(file);
  return owner ? `pid ${owner.pid} on ${owner.host}` : 'unknown';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
