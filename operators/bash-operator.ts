/**
 * Runs a command in bash, in a process group of its own, so that nothing it starts outlives the try.
 *
 * Ends: exit 0 success · exit 99 skipped · else failed. When the try has to stop, the group gets SIGTERM, and SIGKILL after a
 * grace time. Processes that the command left in its group are stopped when it has ended.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { ThenceError } from '../src/core/errors';
import { BaseOperator } from '../src/dag/base-operator';
import type { TaskContext } from '../src/dag/context';
import { madeAt } from '../src/dag/location';
import { show } from '../src/dag/option-checks';
import { SkipError } from '../src/dag/task-errors';
import type { OperatorOptions } from '../src/dag/types';

export interface BashOptions {
  /** A template; or the name of a '.sh' or '.bash' file beside the DAG file. */
  command: string;
  /** Added to the environment of the task's process. */
  env?: Readonly<Record<string, string>>;
  /** @default the working directory of the task's process */
  cwd?: string;
}

const SKIP_EXIT_CODE = 99;
const TERM_GRACE_MS = 5_000;
/** How long what the command left in the background may go on writing to its output. */
const LEFTOVER_GRACE_MS = 2_000;

/** Output: the last line of stdout. */
export class BashOperator<Mapped extends string = never> extends BaseOperator<string, BashOptions, Mapped> {
  static override readonly templateFields: readonly string[] = ['command', 'env', 'cwd'];
  static override readonly templateExt: readonly string[] = ['.sh', '.bash'];
  static override readonly optionNames: readonly string[] | undefined = ['command', 'env', 'cwd'];

  constructor(id: string, options: OperatorOptions<BashOptions, Mapped>) {
    super(id, options);
    const command: unknown = this.options.command;
    if (this['~isExpanded']('command')) return;
    if (typeof command === 'string' && command.trim() !== '') return;
    throw new ThenceError(
      'DAG_FILE',
      `\`command\` of task "${this.id}"${madeAt(this)} is ${show(command)}; allowed is a string: a command, or the name of a .sh or .bash file`,
    );
  }

  async execute(context: TaskContext): Promise<string> {
    const { command, env, cwd } = this.options;
    context.signal.throwIfAborted();
    const child = spawn('bash', ['-c', command], {
      cwd,
      env: { ...process.env, ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const host = context['~host'];
    const forget = child.pid === undefined ? undefined : host?.registerProcessGroup(child.pid);
    const stop = (): void => stopGroup(child);
    context.signal.addEventListener('abort', stop, { once: true });
    try {
      let last = '';
      const printed = Promise.all([
        eachLine(child.stdout, (line) => {
          last = line;
          if (host) host.writeLine('stdout', line);
          else context.log.info(line);
        }),
        eachLine(child.stderr, (line) => {
          if (host) host.writeLine('stderr', line);
          else context.log.warn(line);
        }),
      ]);
      const { code, signal } = await exitOf(child);
      await closed(child, printed);
      context.signal.throwIfAborted();
      if (code === SKIP_EXIT_CODE) throw new SkipError(`the command ended with exit code ${SKIP_EXIT_CODE}, which means skip`);
      if (code !== 0) throw new Error(signal ? `the command was killed by ${signal}` : `the command ended with exit code ${code}`);
      return last;
    } finally {
      context.signal.removeEventListener('abort', stop);
      forget?.();
    }
  }
}

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      // ENOENT may mean either; Node does not say which.
      reject(
        error.code === 'ENOENT'
          ? new Error('bash could not be started: it is not installed, or the folder `cwd` does not exist', { cause: error })
          : error,
      );
    });
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

async function eachLine(stream: Readable, onLine: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) onLine(line);
}

/** Waits for the end of the output; what still holds it open after a moment is stopped with its group. */
async function closed(child: ChildProcess, printed: Promise<unknown>): Promise<void> {
  const timer = setTimeout(() => stopGroup(child), LEFTOVER_GRACE_MS);
  try {
    await printed;
  } finally {
    clearTimeout(timer);
    signalGroup(child, 'SIGKILL'); // what is left has closed its output and would go on unseen
  }
}

function stopGroup(child: ChildProcess): void {
  signalGroup(child, 'SIGTERM');
  setTimeout(() => signalGroup(child, 'SIGKILL'), TERM_GRACE_MS).unref();
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // ESRCH: the group is empty
  }
}
