/** Signals to processes and groups that may be gone, and the sweep of groups whose owner died. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  const fields = statOf(pid);
  return fields ? Number(fields[19]) : null;
}

/** Linux: the fields of /proc/<pid>/stat from the third, its state, on; null elsewhere, or when it has gone. */
function statOf(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name may hold spaces and parentheses; what follows the last one is fixed.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
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
  // A zombie, which nobody has waited for yet, runs no more.
  if (statOf(id.pid)?.[0] === 'Z') return false;
  const start = startTimeOf(id.pid);
  return id.start === null || start === null || start === id.start;
}

/** A group lives on after its leader, and its id is not reused before the last member is gone. */
function isGroupAlive(id: ProcessId): boolean {
  if (!isGroupThere(id.pid)) return false;
  const start = startTimeOf(id.pid);
  return id.start === null || start === null || start === id.start;
}

const fileOfHost = (runDir: string, pid: number) => path.join(runDir, `host-${pid}.pid`);

/** Names the group that a host of task code leads, and this process as its owner, for the sweep by whoever finds this process dead. */
export function nameHost(runDir: string, pid: number): void {
  mkdirSync(runDir, { recursive: true });
  const owner: ProcessId = { pid: process.pid, start: startTimeOf(process.pid) };
  writeFileSync(fileOfHost(runDir, pid), JSON.stringify({ owner, groups: [{ pid, start: startTimeOf(pid) }] }));
}

export function forgetHost(runDir: string, pid: number): void {
  rmSync(fileOfHost(runDir, pid), { force: true });
}

/**
 * Kills the groups named by the pid files in `runDir` and deletes the files; with a host also the groups that its attempts started.
 * @param mine whether the file's owner is to be swept; default: owners that are dead.
 */
export function sweepGroups(runDir: string, mine: (owner: ProcessId) => boolean = (owner) => !isAlive(owner)): number {
  const killed = new Set<number>();
  let files = listPidFiles(runDir);
  for (let before = -1; before < killed.size;) {
    before = killed.size;
    files = files.filter((name) => !sweepFile(path.join(runDir, name), (owner) => mine(owner) || killed.has(owner.pid), killed));
  }
  return killed.size;
}

/** True when the file was its owner's to be swept, and has been. */
function sweepFile(file: string, mine: (owner: ProcessId) => boolean, killed: Set<number>): boolean {
  try {
    const { owner, groups } = JSON.parse(readFileSync(file, 'utf8')) as { owner: ProcessId; groups: ProcessId[] };
    if (!mine(owner)) return false;
    for (const group of groups.filter(isGroupAlive)) {
      killGroup(group.pid);
      killed.add(group.pid);
    }
    rmSync(file, { force: true });
    return true;
  } catch {
    return false; // half-written, or deleted by its owner meanwhile
  }
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

/** Kills every process whose environment names one of the attempts, however it was started (Linux only). */
export function killMarked(...attemptIds: readonly string[]): void {
  if (process.platform !== 'linux' || attemptIds.length === 0) return;
  const marks = new Set(attemptIds.map((id) => `${attemptVariable}=${id}`));
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (
        readFileSync(`/proc/${pid}/environ`, 'utf8')
          .split('\0')
          .some((line) => marks.has(line))
      )
        killOne(pid);
    } catch {
      // gone, or somebody else's
    }
  }
}
