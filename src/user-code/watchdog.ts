/**
 * A thread that ends its process when the parent is gone or the memory limit is passed. A thread, since the main thread may be busy in
 * user code for ever; resident memory, since V8's own limit counts no Buffers.
 */
import { Worker } from 'node:worker_threads';
import { LAST_WORDS_FD } from './load-messages';

/** Plain JavaScript: it starts in a few milliseconds and shares no module with the process. */
const thread = `
const { workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
setInterval(() => {
  if (process.ppid !== workerData.parentPid) process.kill(process.pid, 'SIGKILL');
  const rssMb = process.memoryUsage.rss() / 1024 / 1024;
  if (rssMb < workerData.rssLimitMb) return;
  try { writeSync(workerData.fd, JSON.stringify({ kind: 'memory', rssMb }) + '\\n'); } finally { process.kill(process.pid, 'SIGKILL'); }
}, 25);
`;

/** @param options.parentPid as the parent itself gave it: when this process asks, the parent may be gone already */
export function startWatchdog(options: { readonly rssLimitMb: number; readonly parentPid: number }): void {
  const worker = new Worker(thread, { eval: true, workerData: { ...options, fd: LAST_WORDS_FD }, env: {}, execArgv: [] });
  worker.unref();
}
