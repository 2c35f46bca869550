/** Entry point of a task process: one attempt at a time, over the IPC channel. Started by executors/local/task-process.ts. */
import { createApiClient } from '../execution-api/ipc';
import { TaskHost } from './task-host';
import type { FromHost, ToHost } from './task-host-protocol';
import { endProcess, startWatchdog } from './task-host-watchdog';
import type { WatchdogSettings } from './task-host-watchdog';

function main(settings: WatchdogSettings): void {
  const { runDir } = settings;
  const send = (message: FromHost) => {
    if (process.connected) process.send!(message, () => {}); // the executor may be gone: 'disconnect' follows
  };
  const client = createApiClient((request) => send({ kind: 'api', request }));
  const host = new TaskHost({ api: client.api, runDir, ownProcess: true });

  process.on('message', (message: ToHost) => {
    switch (message.kind) {
      case 'run':
        void run(message.task);
        break;
      case 'cancel':
        host.stop(message.attemptId, message.why);
        break;
      case 'api':
        client.receive(message.reply);
        break;
    }
  });
  // The executor is gone: there is nobody left to hand an outcome to.
  process.on('disconnect', () => endProcess(runDir));
  // A Ctrl-C reaches the supervisor, which stops us in order.
  process.on('SIGINT', () => {});

  async function run(task: Extract<ToHost, { kind: 'run' }>['task']): Promise<void> {
    const outcome = await host.run(task);
    const settled = host.isSettled();
    send({ kind: 'outcome', outcome, settled });
    if (!settled) send({ kind: 'left', clean: await host.settle() });
  }

  startWatchdog(settings);
  send({ kind: 'ready' });
}

main(JSON.parse(process.argv[2]!) as WatchdogSettings);
