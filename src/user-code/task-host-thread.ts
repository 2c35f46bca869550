/**
 * What a task thread runs: Piscina calls `run` for each attempt, one at a time. A second way to the executor host, the port, carries
 * what cannot wait for the result: questions to the ExecutionApi, child processes, an outcome whose leftovers are still there; and
 * stops in the other direction.
 */
import { MessageChannel, parentPort, threadId } from 'node:worker_threads';
import type { AttemptOutcome, UserWork } from '../core/workload';
import { createApiClient } from '../execution-api/ipc';
import { TaskHost } from './task-host';
import type { ThreadHello, FromThread, ToThread } from './task-thread-protocol';

const { port1: port, port2 } = new MessageChannel();
const send = (message: FromThread) => port.postMessage(message);
const client = createApiClient((request) => send({ kind: 'api', request }));

const host = new TaskHost({
  api: client.api,
  runDir: process.argv[2]!,
  ownProcess: false,
  onChildren: ({ attemptId, children }) =>
    send({ kind: 'children', attemptId, children: [...children].map(([pid, { ownGroup }]) => ({ pid, ownGroup })) }),
});

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'cancel':
      host.stop(message.attemptId, message.why);
      break;
    case 'api':
      client.receive(message.reply);
      break;
  }
});
parentPort!.postMessage({ kind: 'thence-thread', threadId, port: port2 } satisfies ThreadHello, [port2]);

/**
 * @returns the outcome of an attempt that left nothing over. Else the outcome goes through the port at once, and this returns null when
 * the leftovers have gone, or never: then the executor host ends the thread.
 */
export async function run(task: UserWork): Promise<AttemptOutcome | null> {
  const outcome = await host.run(task);
  if (host.isSettled()) return outcome;
  send({ kind: 'outcome', outcome });
  if (await host.settle()) return null;
  return new Promise(() => {});
}
