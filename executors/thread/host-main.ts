/**
 * Entry point of the executor host of `thread`: a process that holds the task threads, so that what task code does to its process
 * (a native crash, 4 GB of Buffers) does not reach the scheduler. Messages go in batches, one per turn of the event loop.
 */
import { createApiClient } from '../../src/execution-api/ipc';
import type { BundleCode } from '../../src/core/workload';
import { endProcess, startWatchdog } from '../../src/user-code/task-host-watchdog';
import type { WatchdogSettings } from '../../src/user-code/task-host-watchdog';
import type { FromHost, ToHost } from '../../src/user-code/task-host-protocol';
import { ThreadPool } from './thread-pool';

export interface ThreadHostSettings extends WatchdogSettings {
  readonly killGraceMs: number;
  readonly maxThreads: number;
  readonly heapMb: number;
  readonly idleMs: number;
  /** Resident memory of the whole process; beyond it the process is killed by its watchdog. */
  readonly memoryMb: number;
}

const bundlesKept = 32;

function main(settings: ThreadHostSettings): void {
  let outbox: FromHost[] = [];
  const send = (message: FromHost) => {
    outbox.push(message);
    if (outbox.length > 1) return;
    setImmediate(() => {
      const batch = outbox;
      outbox = [];
      if (process.connected) process.send!(batch, () => {}); // the executor may be gone: 'disconnect' follows
    });
  };
  const client = createApiClient((request) => send({ kind: 'api', request }));
  const bundles = new Map<string, Promise<BundleCode>>();
  const getBundle = (hash: string) => {
    const bundle = bundles.get(hash) ?? client.api.getBundle(hash);
    bundles.delete(hash);
    bundles.set(hash, bundle);
    if (bundles.size > bundlesKept) bundles.delete(bundles.keys().next().value!);
    bundle.catch(() => bundles.delete(hash));
    return bundle;
  };
  const pool = new ThreadPool({
    ...settings,
    api: { ...client.api, getBundle },
    onOutcome: (outcome) => send({ kind: 'outcome', outcome, settled: true }),
  });

  const receive = (message: ToHost) => {
    switch (message.kind) {
      case 'run':
        return pool.run(message.task);
      case 'cancel':
        return pool.cancel(message.attemptId, message.why);
      case 'api':
        return client.receive(message.reply);
    }
  };
  process.on('message', (batch: readonly ToHost[]) => batch.forEach(receive));
  process.on('disconnect', () => endProcess(settings.runDir));
  process.on('SIGINT', () => {}); // a Ctrl-C reaches the supervisor, which stops us in order
  startWatchdog(settings);
  send({ kind: 'ready' });
}

main(JSON.parse(process.argv[2]!) as ThreadHostSettings);
