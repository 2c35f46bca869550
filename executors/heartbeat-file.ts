/**
 * A file that this process touches each second. Watchdogs in the processes that run its attempts look at it: when it is no longer
 * touched, the scheduler is frozen, its lease will end, and somebody else may start the same tasks again; so they stop before that.
 */
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { isThere } from '../src/user-code/process-groups';

export interface Heartbeat {
  readonly file: string;
  /** Untouched for that long: stop. Before the lease can end, which was renewed at most a third of it before the freeze. */
  readonly fenceMs: number;
}

const beatMs = 1_000;
const fenceShare = 0.55;

export function startHeartbeat(runDir: string, leaseMs: number): { readonly heartbeat: Heartbeat; stop(): void } {
  mkdirSync(runDir, { recursive: true });
  const file = path.join(runDir, `${process.pid}.alive`);
  for (const name of readdirSync(runDir))
    if (name.endsWith('.alive') && !isThere(parseInt(name, 10))) rmSync(path.join(runDir, name), { force: true });
  closeSync(openSync(file, 'a'));
  const touch = () => {
    const now = new Date();
    try {
      utimesSync(file, now, now);
    } catch {
      // the folder was deleted: nobody is fenced by a file that is not there
    }
  };
  const timer = setInterval(touch, Math.min(beatMs, leaseMs / 10)).unref();
  return {
    heartbeat: { file, fenceMs: leaseMs * fenceShare },
    stop() {
      clearInterval(timer);
      rmSync(file, { force: true });
    },
  };
}
