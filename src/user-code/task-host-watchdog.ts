/**
 * A thread of its own in every process that runs task code, for the cases in which the main thread is too busy to look:
 * the parent is gone → nothing of this process group survives it; the parent is frozen → the same, before its lease ends; memory over
 * the limit → the process ends. The last two leave a word to the parent.
 */
import { statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { fenceMarker, memoryMarker } from './task-host-protocol';
import { forgetHost, killGroup, sweepGroups } from './process-groups';

export interface WatchdogSettings {
  readonly runDir: string;
  /** Resident memory of the process. */
  readonly memoryMb: number | null;
  /** See executors/heartbeat-file.ts. */
  readonly heartbeat: { readonly file: string; readonly fenceMs: number } | null;
}

export function startWatchdog(settings: WatchdogSettings): void {
  const limits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };
  new Worker(path.join(__dirname, 'task-host-watchdog.js'), {
    workerData: { ...settings, parent: process.ppid },
    resourceLimits: limits,
    execArgv: [],
    argv: ['watchdog'],
  }).unref();
}

/** Kills the groups that this process's attempts started, and its own. */
export function endProcess(runDir: string): void {
  sweepGroups(runDir, (owner) => owner.pid === process.pid);
  forgetHost(runDir, process.pid);
  killGroup(process.pid);
}

function watch({ parent, runDir, memoryMb, heartbeat }: WatchdogSettings & { readonly parent: number }): void {
  const end = (word: string) => {
    writeSync(2, `\n${word}\n`);
    endProcess(runDir);
  };
  const isFrozen = heartbeat === null ? () => false : frozenSince(heartbeat);
  setInterval(() => {
    if (process.ppid !== parent) endProcess(runDir);
    if (isFrozen()) end(fenceMarker);
  }, 400);
  if (memoryMb === null) return;
  setInterval(() => {
    const usedMb = Math.round(process.memoryUsage.rss() / 1024 / 1024);
    if (usedMb > memoryMb) end(`${memoryMarker}${usedMb} of ${memoryMb} MB`);
  }, 100);
}

/** By our own monotonic clock, which stands still while the machine sleeps: only the file's changes matter, not its time. */
function frozenSince({ file, fenceMs }: NonNullable<WatchdogSettings['heartbeat']>): () => boolean {
  let touched = 0;
  let seen = performance.now();
  return () => {
    const at = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? null;
    if (at === null || at !== touched) {
      touched = at ?? touched;
      seen = performance.now();
    }
    return performance.now() - seen > fenceMs;
  };
}

if (!isMainThread && process.argv[2] === 'watchdog') watch(workerData as WatchdogSettings & { parent: number });
