/**
 * A thread beside the event loop of a trigger host. When the loop does not come round for a while it says so, and in whose code; when the
 * parent is gone it ends the process. A thread, since the loop itself may be busy in user code for ever.
 */
import { Worker } from 'node:worker_threads';
import { LAST_WORDS_FD } from './load-messages';

export interface BlockedWatch {
  /** Code of this slot begins; 0: of none. Costs a write into memory. */
  running(slot: number): void;
}

const BEAT_MS = 100;

/** Plain JavaScript: it starts in a few milliseconds and shares no module with the process. */
const thread = `
const { workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const { memory, quietMs, fd, parentPid } = workerData;
let beat = -1, since = performance.now(), said = false;
setInterval(() => {
  if (process.ppid !== parentPid) try { process.kill(-process.pid, 'SIGKILL'); } catch { process.kill(process.pid, 'SIGKILL'); }
  const now = performance.now();
  const present = Atomics.load(memory, 0);
  if (present !== beat) { beat = present; since = now; said = false; return; }
  if (said || now - since < quietMs) return;
  said = true;
  try { writeSync(fd, JSON.stringify({ kind: 'blocked', slot: Atomics.load(memory, 1) }) + '\\n'); } catch {}
}, 100);
`;

/**
 * @param options.parentPid as the parent itself gave it: when this process asks, the parent may be gone already
 * @param options.quietMs without a turn of the loop: shorter than the triggerer's patience (trigger-host.ts)
 */
export function startBlockedWatch({ parentPid, quietMs }: { readonly parentPid: number; readonly quietMs: number }): BlockedWatch {
  const memory = new Int32Array(new SharedArrayBuffer(8));
  const workerData = { memory, quietMs, fd: LAST_WORDS_FD, parentPid };
  new Worker(thread, {
    eval: true,
    workerData,
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
  }).unref();
  setInterval(() => Atomics.add(memory, 0, 1), BEAT_MS).unref();
  return { running: (slot) => Atomics.store(memory, 1, slot) };
}
