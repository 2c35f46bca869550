/**
 * Entry of a trigger host: a child of a triggerer in which all waiting triggers of one bundle run. No database, no secrets in its
 * environment. Whatever its code does ends this process at worst; the triggerer (src/triggerer/trigger-host.ts) starts another.
 */
import { createHook } from 'node:async_hooks';
import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { createApiClient } from '../execution-api/ipc';
import type { LogLine } from '../logs/log-store';
import { attemptScope } from '../runner/attempt-scope';
import type { LineSink } from '../runner/attempt-log';
import { installCapture } from '../runner/capture';
import { errorInfo } from '../runner/error-info';
import { evaluateBundle, triggersOf } from './evaluate-bundle';
import { startBlockedWatch } from './blocked-watch';
import { TriggerRuns } from './trigger-runs';
import type { TriggerScope } from './trigger-runs';
import type { FromTriggerHost, StartTrigger, ToTriggerHost } from './trigger-host-protocol';

const tell = process.send!.bind(process);
const exit = process.exit.bind(process);
const send = (message: FromTriggerHost) => {
  if (process.connected) tell(message);
};
const client = createApiClient((request) => send({ kind: 'api', request }));
let runs: TriggerRuns | null = null;

async function load({ bundle, filePath, dagsFolder }: Extract<ToTriggerHost, { kind: 'load' }>): Promise<void> {
  try {
    const dags = await evaluateBundle(bundle, { filePath, dagsFolder });
    runs = new TriggerRuns({
      triggers: triggersOf(dags),
      sink: openPerLine,
      api: client.api,
      onEnded: (ended) => send({ kind: 'ended', ended }),
      onEnter: (slot) => watch.running(slot),
    });
    send({ kind: 'loaded' });
  } catch (error) {
    send({ kind: 'load-failed', message: errorInfo(error).message });
  }
}

/** Thousands of triggers must not hold thousands of files open; most of them print nothing. */
function openPerLine({ logPath }: StartTrigger): LineSink {
  let made = false;
  return {
    write(line: LogLine) {
      if (!made) mkdirSync(path.dirname(logPath), { recursive: true });
      made = true;
      appendFileSync(logPath, `${JSON.stringify(line)}\n`);
    },
    close: () => undefined,
  };
}

/** So that the watch can tell whose code it is that does not come back. */
const watch = startBlockedWatch({ parentPid: Number(process.argv[2]), quietMs: Number(process.argv[3]) });
createHook({ before: () => watch.running((attemptScope.getStore() as TriggerScope | undefined)?.slot ?? 0) }).enable();

installCapture(() => null);
process.exit = (code?: number | string | null) => {
  if (attemptScope.getStore() === undefined) return exit(code ?? undefined);
  throw new Error(
    `the trigger called process.exit(${code ?? ''}), which would end all triggers of its file: yield an event, or throw, instead`,
  );
};
// User code that looks for a parent to talk to finds none.
process.send = undefined;
// A Ctrl-C reaches the supervisor, which stops us in order.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => exit(0));
process.on('message', (message: ToTriggerHost) => {
  switch (message.kind) {
    case 'load':
      void load(message);
      break;
    case 'start':
      for (const trigger of message.triggers) runs?.start(trigger);
      break;
    case 'stop':
      for (const wait of message.waits) runs?.stop(wait);
      break;
    case 'ping':
      send({ kind: 'pong' });
      break;
    case 'api':
      client.receive(message.reply);
      break;
  }
});
