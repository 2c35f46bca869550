/** Logs as files below `<home>/logs`, one per try, JSON lines. Attempts append to them directly; this reads, and adds a word of our own. */
import { createHash } from 'node:crypto';
import { appendFile, mkdir, open, rm, rmdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { AnyLogRef, LogLine, LogPage, LogStore } from './log-store';

const defaultMaxBytes = 1024 * 1024;

export class FileLogStore implements LogStore {
  private readonly folder: string;

  constructor(home: string) {
    this.folder = path.join(home, 'logs');
  }

  pathOf(ref: AnyLogRef): string {
    const { dagId, runId, taskId, mapIndex } = ref;
    const task = taskId === null ? [] : [`task_id=${fileName(taskId)}`, ...(mapIndex >= 0 ? [`map_index=${mapIndex}`] : [])];
    const name = 'callback' in ref ? `callback=${ref.event}.${ref.callback}.log` : `attempt=${ref.tryNumber}.log`;
    return path.join(this.runFolder(dagId, runId), ...task, name);
  }

  async read(ref: AnyLogRef, from = 0, maxBytes = defaultMaxBytes): Promise<LogPage> {
    let file: FileHandle;
    try {
      file = await open(this.pathOf(ref), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { lines: [], next: from };
      throw error;
    }
    try {
      const bytes = await readWholeLines(file, from, maxBytes);
      const lines = bytes
        .toString('utf8')
        .split('\n')
        .filter((line) => line.trim() !== '');
      return { lines: lines.map(parseLine), next: from + bytes.length };
    } finally {
      await file.close();
    }
  }

  async append(ref: AnyLogRef, line: LogLine): Promise<void> {
    const file = this.pathOf(ref);
    await mkdir(path.dirname(file), { recursive: true });
    await appendFile(file, `${JSON.stringify(line)}\n`);
  }

  async deleteRun(dagId: string, runId: string): Promise<void> {
    const folder = this.runFolder(dagId, runId);
    await rm(folder, { recursive: true, force: true });
    await rmdir(path.dirname(folder)).catch(() => undefined); // other runs are in it
  }

  private runFolder(dagId: string, runId: string): string {
    return path.join(this.folder, `dag_id=${fileName(dagId)}`, `run_id=${fileName(runId)}`);
  }
}

/**
 * From `from` up to the last line end within `maxBytes`; one line that is longer than that is read whole. What follows the last line end
 * of the file is a line that is being written: it comes with a later read.
 */
async function readWholeLines(file: FileHandle, from: number, maxBytes: number): Promise<Buffer> {
  const { size } = await file.stat();
  for (let wanted = maxBytes; ; wanted *= 2) {
    const bytes = Buffer.alloc(Math.max(0, Math.min(wanted, size - from)));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    const end = bytes.lastIndexOf(0x0a, bytesRead - 1) + 1;
    if (end > 0 && bytesRead > 0) return bytes.subarray(0, end);
    if (from + bytesRead >= size) return Buffer.alloc(0);
  }
}

/** A line that is no LogLine (cut by a crash of the machine, or written by hand) is shown as it stands. */
function parseLine(text: string): LogLine {
  try {
    const line = JSON.parse(text) as Partial<LogLine> | null;
    if (typeof line?.message === 'string' && typeof line.time === 'string')
      return { time: line.time, level: line.level ?? 'info', source: line.source ?? 'task', message: line.message };
  } catch {
    // below
  }
  return { time: new Date(0).toISOString(), level: 'info', source: 'thence', message: text };
}

const maxNameBytes = 200;

/** What a file name cannot hold is written as %XX; what is too long for one ends in a hash of the whole. */
function fileName(id: string): string {
  const escaped = id.replaceAll(/[/\\%\p{Cc}]|^\.+$/gu, (text) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
  if (Buffer.byteLength(escaped) <= maxNameBytes) return escaped;
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 16);
  return `${Buffer.from(escaped)
    .subarray(0, maxNameBytes - hash.length - 1)
    .toString('utf8')
    .replaceAll('\ufffd', '')}~${hash}`;
}
