import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { packageRoot } from '../../src/config/package-root';
import { isAlive, killGroup, startTimeOf, sweepGroups } from '../../src/user-code/process-groups';
import { thisHost } from '../../src/service/session-keeper';
import { eventually } from '../support/eventually';
import { isRunning, taskOfManners } from './harness';

let home: string;
const parents: ChildProcess[] = [];
beforeEach(() => (home = mkdtempSync(path.join(os.tmpdir(), 'thence-parent-'))));
afterEach(() => {
  // What a failed test left would hold up the end of all tests.
  for (const parent of parents.splice(0)) parent.kill('SIGKILL');
  sweepGroups(path.join(home, 'run'));
  rmSync(home, { recursive: true, force: true });
});

async function startParent(kind: string) {
  const pidFile = path.join(home, 'child.pid');
  const task = taskOfManners(home, 'child_and_hang', { conf: { pidFile, detached: true }, logPath: path.join(home, 'log') });
  const args = [path.join(__dirname, 'fixtures/parent.cjs'), packageRoot, kind, home, JSON.stringify(task)];
  const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  parents.push(parent);
  const [text] = (await once(parent.stdout, 'data')) as [Buffer];
  const host = Number(text.toString().trim());
  const child = await eventually(() => {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(pid).toBeGreaterThan(0);
    return pid;
  });
  await eventually(() => expect(readFileSync(path.join(home, 'log'), 'utf8')).toMatch(/spinning/));
  expect([isRunning(host), isRunning(child)]).toEqual([true, true]);
  return { parent, host, child };
}
const isAllDead = (pids: readonly number[]) => eventually(() => expect(pids.filter(isRunning)).toEqual([]));

describe.each(['local', 'thread'])('the scheduler of executor %s', (kind) => {
  test('after a kill -9 no task process stays, however busy, nor what it started', async () => {
    const { parent, host, child } = await startParent(kind);
    parent.kill('SIGKILL');
    await isAllDead([host, child]);
    await eventually(() => expect(readdirSync(path.join(home, 'run')).filter((name) => name.endsWith('.pid'))).toEqual([]));
  });

  test('after a kill -9 a second scheduler of this home can end its task processes at once, watchdog or not', async () => {
    const { parent, host, child } = await startParent(kind);
    process.kill(host, 'SIGSTOP'); // no watchdog
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    expect(isRunning(host)).toBe(true);
    sweepGroups(path.join(home, 'run'));
    await isAllDead([host, child]);
    expect(readdirSync(path.join(home, 'run')).filter((name) => name.endsWith('.pid'))).toEqual([]);
  });

  test('frozen, it loses its attempts before its lease ends', async () => {
    const { parent, host, child } = await startParent(kind);
    parent.kill('SIGSTOP');
    await isAllDead([host, child]);
    parent.kill('SIGCONT');
    parent.kill('SIGTERM');
  });
});

describe('the sweep at the start', () => {
  const runDir = () => path.join(home, 'run');
  const dead = { pid: 2 ** 22 - 1, start: 1 };
  const write = (owner: object, groups: object[]) => {
    mkdirSync(runDir(), { recursive: true });
    writeFileSync(path.join(runDir(), 'attempt.pid'), JSON.stringify({ owner, groups }));
  };
  const startGroup = () => {
    const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    return { pid: child.pid!, start: startTimeOf(child.pid!) };
  };

  test('kills groups whose owner is dead', async () => {
    const group = startGroup();
    write(dead, [group]);
    expect(sweepGroups(runDir())).toBe(1);
    await eventually(() => expect(isRunning(group.pid)).toBe(false));
    expect(readdirSync(runDir())).toEqual([]);
  });

  test('leaves those of a living owner, and a process that only has the number of an old one', () => {
    const group = startGroup();
    write({ pid: process.pid, start: startTimeOf(process.pid) }, [group]);
    expect(sweepGroups(runDir())).toBe(0);
    write(dead, [{ pid: group.pid, start: (group.start ?? 0) - 5 }]);
    expect(sweepGroups(runDir())).toBe(0);
    expect(isRunning(group.pid)).toBe(true);
    killGroup(group.pid);
  });

  test('kills a host of task code and the groups of its attempts, which name the host as their owner', async () => {
    const host = startGroup();
    const group = startGroup();
    write(host, [group]);
    writeFileSync(path.join(runDir(), 'z.pid'), JSON.stringify({ owner: dead, groups: [host] }));
    expect(sweepGroups(runDir())).toBe(2);
    await eventually(() => expect([isRunning(host.pid), isRunning(group.pid)]).toEqual([false, false]));
    expect(readdirSync(runDir())).toEqual([]);
  });

  test('takes a process that has ended, and that nobody has waited for, for dead', async () => {
    // The shell becomes a program that waits for nobody.
    const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 600']);
    const [text] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(text.toString().trim());
    await eventually(() => expect(isRunning(pid)).toBe(false));
    expect([isAlive({ pid, start: startTimeOf(pid) }), thisHost.isAlive(pid)]).toEqual([false, false]);
    parent.kill();
  });

  test('a file that is cut, and a folder that is not there, stop nothing', () => {
    expect(sweepGroups(path.join(home, 'nowhere'))).toBe(0);
    mkdirSync(runDir());
    writeFileSync(path.join(runDir(), 'x.pid'), '{"owner":');
    expect(sweepGroups(runDir())).toBe(0);
  });
});
