/**
 * A thread of its own in every process that runs task code, for the cases in which the main thread is too busy to look:
 * the parent is gone → nothing of this process group survives it; memory over the limit → the process ends, with a word to the parent.
 */
import { writeSync } from 'node:fs';
import path from 'node:path';
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { memoryMarker } from './task-host-protocol';
import { killGroup, sweepGroups } from './process-groups';

interface WatchdogData {
  readonly parent: number;
  readonly runDir: string;
  readonly memoryMb: number | null;
}

export function startWatchdog(runDir: string, memoryMb: number | null): void {
  const data: WatchdogData = { parent: process.ppid, runDir, memoryMb };
  const limits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };
  new Worker(path.join(__dirname, 'task-host-watchdog.js'), {
    workerData: data,
    resourceLimits: limits,
    execArgv: [],
    argv: ['watchdog'],
  }).unref();
}

/** Kills the groups that this process's attempts started, and its own. */
export function endProcess(runDir: string): void {
  sweepGroups(runDir, (owner) => owner.pid === process.pid);
  killGroup(process.pid);
}

function watch({ parent, runDir, memoryMb }: WatchdogData): void {
  setInterval(() => {
    if (process.ppid !== parent) endProcess(runDir);
  }, 400);
  if (memoryMb === null) return;
  setInterval(() => {
    const usedMb = Math.round(process.memoryUsage.rss() / 1024 / 1024);
    if (usedMb <= memoryMb) return;
    writeSync(2, `\n${memoryMarker}${usedMb} of ${memoryMb} MB\n`);
    endProcess(runDir);
  }, 100);
}

if (!isMainThread && process.argv[2] === 'watchdog') watch(workerData as WatchdogData);
