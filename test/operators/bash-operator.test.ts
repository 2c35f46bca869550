import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BashOperator, DAG, SkipError, type TaskContext } from 'thence';
import type { BashOptions } from 'thence';
import { openRegistry } from '../../src/dag/registry';
import { contextFor, type ContextValues } from '../support/task-context';
import { eventually } from '../support/eventually';

beforeEach(() => openRegistry());

function bash(options: BashOptions, values: ContextValues = {}): { lines: string[]; groups: Set<number>; result: Promise<string> } {
  const lines: string[] = [];
  const groups = new Set<number>();
  const context: TaskContext = contextFor({
    ...values,
    host: {
      registerProcessGroup(pgid) {
        groups.add(pgid);
        return () => groups.delete(pgid);
      },
      writeLine: (source, line) => lines.push(`${source}: ${line}`),
    },
  });
  const result = new BashOperator('bash', { dag: new DAG('d'), ...options }).execute(context);
  return { lines, groups, result };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('the output is the last line of stdout; every line goes to the log with its stream, in order', async () => {
  const { lines, groups, result } = bash({ command: 'echo one; echo two; echo -n "three ü"' });
  expect(await result).toBe('three ü');
  expect(lines).toEqual(['stdout: one', 'stdout: two', 'stdout: three ü']);
  expect(groups.size).toBe(0);
  const both = bash({ command: 'echo out; echo err >&2' });
  expect(await both.result).toBe('out');
  expect(both.lines.toSorted()).toEqual(['stderr: err', 'stdout: out']);
  expect(await bash({ command: 'true' }).result).toBe('');
});

test('env is added to the environment, cwd is where the command runs', async () => {
  const cwd = realpathSync(mkdtempSync(path.join(tmpdir(), 'thence-bash-')));
  expect(await bash({ command: 'echo "$GREETING $(test -n "$PATH" && echo path) $PWD"', env: { GREETING: 'hi' }, cwd }).result).toBe(
    `hi path ${cwd}`,
  );
});

test('exit code 99 skips, any other fails and is named, and so is a signal', async () => {
  await expect(bash({ command: 'exit 99' }).result).rejects.toThrow(SkipError);
  await expect(bash({ command: 'echo last; exit 3' }).result).rejects.toThrow(/^the command ended with exit code 3$/);
  await expect(bash({ command: 'kill -KILL $$' }).result).rejects.toThrow(/^the command was killed by SIGKILL$/);
});

test('a folder that does not exist is a clear error', async () => {
  await expect(bash({ command: 'true', cwd: '/does/not/exist' }).result).rejects.toThrow(/bash could not be started.*`cwd`/);
});

test('an abort stops the whole group, also what ignores SIGTERM', async () => {
  const controller = new AbortController();
  const { lines, groups, result } = bash(
    { command: 'trap "" TERM; (trap "" TERM; echo child $BASHPID; sleep 600) & echo ready; wait; sleep 600' },
    { signal: controller.signal },
  );
  await eventually(() => expect(lines).toHaveLength(2));
  const child = Number(/child (\d+)/.exec(lines.join())![1]);
  expect(groups.size).toBe(1);
  controller.abort(new Error('it took too long'));
  await expect(result).rejects.toThrow('it took too long');
  await eventually(() => expect(isAlive(child)).toBe(false));
  expect(groups.size).toBe(0);
});

test('what the command leaves in the background is stopped when it ends', async () => {
  const { lines, result } = bash({ command: 'sleep 600 > /dev/null 2>&1 & echo $!' });
  const pid = Number(await result);
  await eventually(() => expect(isAlive(pid)).toBe(false));
  expect(lines).toEqual([`stdout: ${pid}`]);
});

test('a background process that holds the output open does not keep the task alive', async () => {
  const { result } = bash({ command: 'sleep 600 & echo $!' });
  const pid = Number(await result);
  await eventually(() => expect(isAlive(pid)).toBe(false));
});

test('without a host the lines go to the log of the task', async () => {
  const logged: string[] = [];
  const context = contextFor({ log: (level, values) => logged.push(`${level} ${values.join()}`) });
  await new BashOperator('bash', { dag: new DAG('d'), command: 'echo a; echo b >&2' }).execute(context);
  expect(logged.toSorted()).toEqual(['info a', 'warn b']);
});
