/**
 * Child processes of task code, known without its help: every asynchronous spawn passes through ChildProcess#spawn.
 * What an attempt leaves running is killed with it. A child that leads a group of its own (`detached`) would outlive a kill -9 of
 * everything, so `<home>/run/<attempt>.pid` names it, for the watchdog and for the sweep at the next start.
 */
import { ChildProcess } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { AttemptScope } from '../runner/attempt-scope';
import { currentScope } from '../runner/attempt-scope';
import { isGroupThere, isThere, killGroup, killOne, startTimeOf } from './process-groups';

interface SpawnOptions {
  detached?: boolean;
  stdio?: unknown;
}
interface Spawns {
  spawn: (this: ChildProcess, options: SpawnOptions) => number;
}

/** @param onChange told after each start and end of a child, with the attempt's living children. */
export function trackChildren(
  runDir: string,
  current: () => AttemptScope | null,
  onChange: (scope: AttemptScope) => void = () => {},
): () => void {
  const prototype = ChildProcess.prototype as unknown as Spawns;
  const original = prototype.spawn;
  prototype.spawn = function spawn(options) {
    const scope = currentScope(current);
    if (!scope) return original.call(this, options);
    const inherited = pipeInstead(options);
    const result = original.call(this, options);
    for (const name of inherited) this[name]?.setEncoding('utf8').on('data', (text: string) => scope.log.writeRaw(name, text));
    const pid = this.pid;
    if (pid === undefined) return result;
    const ownGroup = options.detached === true;
    registerChild(runDir, scope, pid, ownGroup);
    onChange(scope);
    this.once('exit', () => {
      // The group of a leader that has ended may have members still: it stays known until the end of the attempt.
      if (ownGroup && isGroupThere(pid)) return;
      forgetChild(runDir, scope, pid);
      onChange(scope);
    });
    return result;
  };
  return () => (prototype.spawn = original);
}

export function registerChild(runDir: string, scope: AttemptScope, pid: number, ownGroup: boolean): void {
  scope.children.set(pid, { ownGroup });
  if (ownGroup) writePidFile(runDir, scope);
}

export function forgetChild(runDir: string, scope: AttemptScope, pid: number): void {
  const child = scope.children.get(pid);
  scope.children.delete(pid);
  if (child?.ownGroup) writePidFile(runDir, scope);
}

/** Kills what an attempt left running. Returns how many there were. */
export function killChildren(runDir: string, scope: AttemptScope): number {
  let killed = 0;
  for (const [pid, { ownGroup }] of scope.children) {
    if (ownGroup ? !isGroupThere(pid) : !isThere(pid)) continue;
    killed += 1;
    if (ownGroup) killGroup(pid);
    else killOne(pid);
  }
  if (scope.children.size > 0) {
    scope.children.clear();
    writePidFile(runDir, scope);
  }
  return killed;
}

/** `inherit` would lead to the output of the host, which belongs to no attempt: pipe it here instead. */
function pipeInstead(options: SpawnOptions): ('stdout' | 'stderr')[] {
  const stdio = typeof options.stdio === 'string' ? [options.stdio, options.stdio, options.stdio] : options.stdio;
  if (!Array.isArray(stdio)) return [];
  const changed: ('stdout' | 'stderr')[] = [];
  const streams = [undefined, process.stdout, process.stderr] as const;
  for (const [fd, name] of [
    [1, 'stdout'],
    [2, 'stderr'],
  ] as const) {
    const way: unknown = stdio[fd];
    if (way === 'inherit' || way === 1 || way === 2 || way === streams[1] || way === streams[2]) {
      stdio[fd] = 'pipe';
      changed.push(name);
    }
  }
  if (changed.length > 0) options.stdio = stdio;
  return changed;
}

function writePidFile(runDir: string, scope: AttemptScope): void {
  const file = path.join(runDir, `${scope.attemptId}.pid`);
  const groups = [...scope.children].filter(([, { ownGroup }]) => ownGroup).map(([pid]) => ({ pid, start: startTimeOf(pid) }));
  if (groups.length === 0) return rmSync(file, { force: true });
  mkdirSync(runDir, { recursive: true });
  writeFileSync(file, JSON.stringify({ owner: { pid: process.pid, start: startTimeOf(process.pid) }, groups }));
}
