/** Signals to processes and groups that may be gone, and the sweep of groups whose owner died. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

export interface ProcessId {
  readonly pid: number;
  /** Start time in clock ticks since boot (Linux); null where it is not known. Tells a reused pid from the old one. */
  readonly start: number | null;
}

export function killGroup(pgid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  killOne(-pgid, signal);
}

export function killOne(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has gone already
  }
}

export function startTimeOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name may hold spaces and parentheses; what follows the last one is fixed. Start time is field 22.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return null;
  }
}

export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export function isGroupThere(pgid: number): boolean {
  return isThere(-pgid);
}

/** The same process as when `id` was taken. A missing start time on either side counts as the same. */
export function isAlive(id: ProcessId): boolean {
  if (!isThere(id.pid)) return false;
  const start = startTimeOf(id.pid);
  return id.start === null || start === null || start === id.start;
}

/** A group lives on after its leader, and its id is not reused before the last member is gone. */
function isGroupAlive(id: ProcessId): boolean {
  return isGroupThere(id.pid) && (startTimeOf(id.pid) === null || isAlive(id));
}

/**
 * Kills the groups named by the pid files in `runDir` and deletes the files.
 * @param mine whether the file's owner is to be swept; default: owners that are dead.
 */
export function sweepGroups(runDir: string, mine: (owner: ProcessId) => boolean = (owner) => !isAlive(owner)): number {
  let killed = 0;
  for (const name of listPidFiles(runDir)) {
    const file = path.join(runDir, name);
    try {
      const { owner, groups } = JSON.parse(readFileSync(file, 'utf8')) as { owner: ProcessId; groups: ProcessId[] };
      if (!mine(owner)) continue;
      for (const group of groups.filter(isGroupAlive)) {
        killGroup(group.pid);
        killed += 1;
      }
      rmSync(file, { force: true });
    } catch {
      // half-written, or deleted by its owner meanwhile
    }
  }
  return killed;
}

function listPidFiles(runDir: string): string[] {
  try {
    return readdirSync(runDir).filter((name) => name.endsWith('.pid'));
  } catch {
    return [];
  }
}

/** Every attempt finds its id here, and so do the processes that it starts. */
export const attemptVariable = 'TASK_ATTEMPT_ID';

/** Kills every process whose environment names the attempt, however it was started (Linux only). */
export function killMarked(attemptId: string): void {
  if (process.platform !== 'linux') return;
  const mark = `${attemptVariable}=${attemptId}`;
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark)) killOne(pid);
    } catch {
      // gone, or somebody else's
    }
  }
}
