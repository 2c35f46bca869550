/**
 * Entry of a listener's process: a child of a scheduler in which one module of THENCE_LISTENERS is told what happens. No database, no secrets in its
 * environment. What it prints goes to the scheduler's log; listener-process.ts restarts it.
 */
import { evaluateModule } from '../config/config-file';
import type { Listener, ListenerEvent } from '../core/listener';
import { errorInfo, errorText } from '../runner/error-info';
import { startBlockedWatch } from './blocked-watch';
import type { FromListenerHost, ToListenerHost } from './listener-host-protocol';

const tell = process.send!.bind(process);
const exit = process.exit.bind(process);
const send = (message: FromListenerHost) => {
  if (process.connected) tell(message);
};
const PROGRESS_MS = 1_000;
let listener: Listener = {};

function load(file: string): void {
  try {
    process.setSourceMapsEnabled(true);
    const exported = evaluateModule(file) as { readonly listener?: unknown; readonly default?: unknown } | null;
    const found = exported?.listener ?? exported?.default;
    if (!isListener(found)) throw new Error(`${file} exports no \`listener\` with onTaskState(event) or onRunState(event)`);
    listener = found;
    send({ kind: 'loaded' });
  } catch (error) {
    send({ kind: 'load-failed', message: (error as Error).message });
  }
}

function isListener(value: unknown): value is Listener {
  const { onTaskState, onRunState } = (value ?? {}) as Partial<Record<keyof Listener, unknown>>;
  const given = [onTaskState, onRunState].filter((one) => one !== undefined);
  return given.length > 0 && given.every((one) => typeof one === 'function');
}

async function hear(events: readonly ListenerEvent[]): Promise<void> {
  let since = performance.now();
  for (const [at, event] of events.entries()) {
    try {
      if (event.kind === 'task') await listener.onTaskState?.(event.event);
      else await listener.onRunState?.(event.event);
    } catch (error) {
      console.error(`the listener failed at an event of DAG "${event.event.dagId}": ${errorText(errorInfo(error))}`);
    }
    const isLast = at === events.length - 1;
    if (!isLast && performance.now() - since < PROGRESS_MS) continue;
    since = performance.now();
    send({ kind: 'told', count: at + 1 });
  }
}

// User code that looks for a parent to talk to finds none.
process.send = undefined;
// A Ctrl-C reaches the supervisor, which stops us in order.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => exit(0));
// A promise that nobody waits for ends nothing.
process.on('unhandledRejection', (error) => console.error(`the listener left a rejected promise behind: ${errorText(errorInfo(error))}`));
// Ends this process with its parent, whatever it is busy with; whether it gets on is for the parent to see.
startBlockedWatch({ parentPid: Number(process.argv[2]), quietMs: Infinity });
process.on('message', (message: ToListenerHost) => {
  if (message.kind === 'load') load(message.file);
  else void hear(message.events);
});
