/**
 * One task process, seen from the executor: starting → idle → busy → (settling →) idle … → ending → gone. It is busy with one
 * attempt at a time, leads a process group of its own, and every attempt given to it ends with exactly one outcome, also when the
 * process ends instead.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { compiledEntry } from '../../src/config/package-root';
import type { AttemptOutcome, UserWork } from '../../src/core/workload';
import { answerApiRequest } from '../../src/execution-api/ipc';
import type { ApiRequest } from '../../src/execution-api/ipc';
import type { ConnectionInfo, ExecutionApi } from '../../src/execution-api/execution-api';
import { AttemptLog, fileSink } from '../../src/runner/attempt-log';
import { secretParts } from '../../src/runner/secret-parts';
import { userEnvironment } from '../../src/user-code/user-environment';
import { forgetHost, killGroup, killMarked, nameHost, sweepGroups } from '../../src/user-code/process-groups';
import type { FromHost, StopReason, ToHost } from '../../src/user-code/task-host-protocol';
import { lingerMs } from '../../src/user-code/task-host-protocol';
import type { WatchdogSettings } from '../../src/user-code/task-host-watchdog';
import type { Heartbeat } from '../heartbeat-file';
import { describeEnd, withoutMarker } from './describe-end';

export interface TaskProcessOptions {
  readonly api: ExecutionApi;
  readonly runDir: string;
  readonly killGraceMs: number;
  /** For the whole process: V8's heap and the resident memory. null: V8's default, no limit. */
  readonly memoryMb: number | null;
  readonly heartbeat: Heartbeat | null;
  readonly onOutcome: (outcome: AttemptOutcome) => void;
  /** Its state changed. */
  readonly onChange: (process: TaskProcess) => void;
}

export type TaskProcessState = 'starting' | 'idle' | 'busy' | 'settling' | 'ending' | 'gone';

interface Running {
  readonly task: UserWork;
  readonly log: AttemptLog;
  timeout: NodeJS.Timeout | null;
  grace: NodeJS.Timeout | null;
  stopped: StopReason | null;
}

const stderrTailLength = 4_000;
/** After the process has ended: how long a grandchild may keep its output open before the outcome is said. */
const closeWaitMs = 200;

export class TaskProcess {
  state: TaskProcessState = 'starting';
  /** Attempts that it has been given. */
  used = 0;
  idleSince = Date.now();
  /** What it printed last on stderr. */
  stderrTail = '';
  private readonly child: ChildProcess;
  private running: Running | null = null;
  /** Takes what the process prints past our hands: the running attempt's, or the last one's. */
  private log: AttemptLog | null = null;
  private readonly gone: Promise<void>;

  constructor(private readonly options: TaskProcessOptions) {
    const { memoryMb, runDir, heartbeat } = options;
    const settings: WatchdogSettings = { memoryMb, runDir, heartbeat };
    this.child = fork(compiledEntry('src/user-code/task-host-main'), [JSON.stringify(settings)], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: userEnvironment(),
      execArgv: memoryMb === null ? [] : [`--max-old-space-size=${memoryMb}`],
    });
    if (this.child.pid !== undefined) nameHost(runDir, this.child.pid);
    this.child.on('message', (message: FromHost) => this.receive(message));
    this.child.on('error', () => {}); // a message that could not be sent: 'exit' follows
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => this.log?.writeRaw('stdout', text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => this.onStderr(text));
    this.gone = this.watchEnd();
  }

  get pid(): number | null {
    return this.child.pid ?? null;
  }
  get attemptId(): string | null {
    return this.running?.task.attemptId ?? null;
  }

  run(task: UserWork): void {
    this.log?.end();
    this.log = new AttemptLog(fileSink(task.logPath));
    this.stderrTail = '';
    const running: Running = { task, log: this.log, timeout: null, grace: null, stopped: null };
    if (task.executionTimeoutMs !== null) running.timeout = setTimeout(() => this.cancel('timeout'), task.executionTimeoutMs);
    this.running = running;
    this.state = 'busy';
    this.used += 1;
    this.send({ kind: 'run', task });
  }

  /** Signal and onKill now; SIGKILL to the group when the attempt has not ended after the grace time. */
  cancel(why: StopReason, graceMs = this.options.killGraceMs): void {
    const { running } = this;
    if (!running) return;
    // A shutdown may come on top of another stop, and may be more impatient.
    running.stopped ??= why;
    this.send({ kind: 'cancel', attemptId: running.task.attemptId, why });
    clearTimeout(running.grace ?? undefined);
    running.grace = setTimeout(() => this.kill(), graceMs);
  }

  /** Resolves when the process, its group and the groups of its attempts have been killed. */
  async end(): Promise<void> {
    if (this.state !== 'gone') this.state = 'ending';
    this.kill();
    await this.gone;
  }

  private kill(): void {
    const { pid } = this.child;
    if (pid === undefined || this.state === 'gone') return;
    sweepGroups(this.options.runDir, (owner) => owner.pid === pid);
    killGroup(pid);
  }

  private send(message: ToHost): void {
    if (this.child.connected) this.child.send(message, () => {});
  }

  private receive(message: FromHost): void {
    switch (message.kind) {
      case 'ready':
        return this.become('idle');
      case 'outcome':
        this.finish(message.outcome);
        return this.become(message.settled ? 'idle' : 'settling');
      case 'left':
        if (message.clean) return this.become('idle');
        // Its leftovers may still say something, into their own log.
        setTimeout(() => void this.end(), lingerMs).unref();
        return;
      case 'api':
        void this.answer(message.request);
        return;
    }
  }

  private async answer(request: ApiRequest): Promise<void> {
    const reply = await answerApiRequest(this.options.api, request, (id) => id === this.attemptId);
    // Hidden as well in what the process prints past our hands.
    if (request.method === 'getConnection' && 'value' in reply && reply.value)
      for (const secret of secretParts(reply.value as ConnectionInfo)) this.log?.hide(secret);
    this.send({ kind: 'api', reply });
  }

  private become(state: 'idle' | 'settling'): void {
    if (this.state === 'ending' || this.state === 'gone') return;
    this.state = state;
    this.idleSince = Date.now();
    this.options.onChange(this);
  }

  private finish(outcome: AttemptOutcome): void {
    const { running } = this;
    if (running?.task.attemptId !== outcome.attemptId) return;
    this.running = null;
    clearTimeout(running.timeout ?? undefined);
    clearTimeout(running.grace ?? undefined);
    this.options.onOutcome(outcome);
  }

  private onStderr(text: string): void {
    this.stderrTail = (this.stderrTail + text).slice(-stderrTailLength);
    const shown = withoutMarker(text);
    if (shown.trim() !== '') this.log?.writeRaw('stderr', shown);
  }

  /** Ended, its messages read, and its output too unless a grandchild holds it open. */
  private async watchEnd(): Promise<void> {
    const { child } = this;
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.once('exit', (...how) => resolve(how));
      child.once('error', () => child.pid === undefined && resolve([null, null]));
    });
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, closeWaitMs))]);
    this.kill(); // what is left of the group
    if (child.pid !== undefined) forgetHost(this.options.runDir, child.pid);
    const { running } = this;
    if (running) {
      killMarked(running.task.attemptId);
      const outcome = describeEnd({
        code,
        signal,
        stopped: running.stopped,
        task: running.task,
        stderrTail: this.stderrTail,
        killGraceMs: this.options.killGraceMs,
      });
      running.log.write('error', 'thence', outcome.kind === 'failed' ? outcome.error.message : outcome.message);
      this.finish({ attemptId: running.task.attemptId, outcome, cpuMs: null, peakKb: null });
    }
    this.log?.end();
    this.state = 'gone';
    this.options.onChange(this);
  }
}
