/** What a process that ended before its attempt did means for the attempt, in a sentence for its owner. */
import { nounOf } from '../../src/core/workload';
import type { Outcome, UserWork } from '../../src/core/workload';
import { TaskStopped, isMachinery } from '../../src/runner/stop';
import type { StopReason } from '../../src/user-code/task-host-protocol';
import { fenceMarker, memoryMarker } from '../../src/user-code/task-host-protocol';

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** We had asked it to stop. */
  readonly stopped: StopReason | null;
  readonly task: UserWork;
  readonly stderrTail: string;
  readonly killGraceMs: number;
}

type End = Extract<Outcome, { kind: 'failed' | 'lost' }>;

export function describeEnd({ code, signal, stopped, task, stderrTail, killGraceMs }: ProcessEnd): End {
  if (stopped) return stoppedEnd(stopped, task, `It did not end within ${killGraceMs / 1000} s, so its process was killed.`);
  const what = nounOf(task);
  if (stderrTail.includes(fenceMarker)) return { kind: 'lost', message: fenceSentence };
  const memory = new RegExp(`${memoryMarker}(.*)`).exec(stderrTail)?.[1];
  if (memory !== undefined)
    return failed('oom', `The ${what} used too much memory, ${memory} (\`resources.memoryMb\`): its process was killed.`);
  if (/JavaScript heap out of memory|Reached heap limit/.test(stderrTail)) {
    return failed(
      'oom',
      `The ${what} ran out of JavaScript heap memory, which ended its process. Give it more with \`resources: { memoryMb }\`, or hold less at once.`,
    );
  }
  if (signal !== null) {
    const message =
      signal === 'SIGKILL'
        ? `The ${what}'s process was killed with SIGKILL from outside (often by the system, when the machine is out of memory).`
        : `The ${what}'s process was ended by ${signal}: a crash in native code, process.abort(), or a signal from outside.`;
    // A callback has no retries of its own, and is to be called at least once.
    return task.kind === 'run-callback' ? { kind: 'lost', message } : failed('killed', message);
  }
  return failed('killed', exitSentence(code, what));
}

export const fenceSentence =
  'The scheduler was frozen for so long that its lease was about to end: the attempt was stopped, so that it does not run twice at once.';

/** The end of an attempt that we killed. @param task null: it had not begun */
export function stoppedEnd(why: StopReason, task: UserWork | null, how: string): End {
  const { message } = new TaskStopped(why, task?.executionTimeoutMs, task ? nounOf(task) : 'task');
  if (isMachinery(why)) return { kind: 'lost', message };
  return failed(why === 'timeout' ? 'timeout' : 'killed', `${message} ${how}`.trim());
}

export const exitSentence = (code: number | null, what: 'task' | 'callback') =>
  `The ${what} ended its process with exit code ${code ?? 'unknown'}: something called process.exit(). Return from the ${what}, or throw, instead.`;

export function failed(reason: 'timeout' | 'oom' | 'killed', message: string): Extract<Outcome, { kind: 'failed' }> {
  return { kind: 'failed', error: { name: 'Error', message, stack: null }, retryable: true, reason };
}

export function withoutMarker(stderr: string): string {
  return stderr.replaceAll(new RegExp(`^(${memoryMarker}|${fenceMarker}).*\\n?`, 'gm'), '');
}
