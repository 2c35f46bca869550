/**
 * The log of one attempt, as the code that runs it writes it: synchronous, line by line, so that a kill in the next
 * microsecond loses nothing. What comes after the attempt's end is still written to the attempt's own log, marked.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { LogLevel, LogLine } from '../logs/log-store';

export interface LineSink {
  write(line: LogLine): void;
  close(): void;
}

/** Appends JSON lines to a file. The file and its folder are made by the first line. */
export function fileSink(file: string): LineSink {
  let fd: number | null = null;
  return {
    write(line) {
      if (fd === null) {
        mkdirSync(path.dirname(file), { recursive: true });
        fd = openSync(file, 'a');
      }
      writeSync(fd, `${JSON.stringify(line)}\n`);
    },
    close() {
      if (fd !== null) closeSync(fd);
      fd = null;
    },
  };
}

/** A longer line is cut: one log line must not hold a reader's whole page. */
const maxLineLength = 256 * 1024;
const shortestMasked = 3;

export class AttemptLog {
  private ended = false;
  private readonly partial = { stdout: '', stderr: '' };
  private secrets: string[] = [];

  constructor(
    private readonly sink: LineSink,
    private readonly now: () => number = Date.now,
    /** Something was written after the end. */
    private readonly onLate: () => void = () => {},
  ) {}

  write(level: LogLevel, source: LogLine['source'], message: string): void {
    const cut = message.length > maxLineLength ? `${message.slice(0, maxLineLength)}… (${message.length} characters, cut)` : message;
    const text = this.ended ? `[after the end] ${cut}` : cut;
    this.sink.write({ time: new Date(this.now()).toISOString(), level, source, message: this.mask(text) });
    // The file is not held open for an attempt that is over.
    if (!this.ended) return;
    this.sink.close();
    this.onLate();
  }

  /** A piece of a raw stream; lines are written when they are complete, the rest at the end of the attempt. */
  writeRaw(source: 'stdout' | 'stderr', text: string): void {
    const lines = (this.partial[source] + text).split('\n');
    const rest = lines.pop()!;
    for (const line of lines) this.write(levelOf(source), source, stripReturn(line));
    this.partial[source] = '';
    if (this.ended && rest !== '') this.write(levelOf(source), source, rest);
    else this.partial[source] = rest;
    if (this.partial[source].length > maxLineLength) this.flush();
  }

  flush(): void {
    for (const source of ['stdout', 'stderr'] as const) {
      const rest = this.partial[source];
      this.partial[source] = '';
      if (rest !== '') this.write(levelOf(source), source, rest);
    }
  }

  /** Writes what is left and closes the file; later lines are marked. */
  end(): void {
    this.flush();
    this.ended = true;
    this.sink.close();
  }

  /** From here on `secret` reads *** in this log. Very short values are left: masking them would tell more than it hides. */
  hide(secret: string | null): void {
    if (secret === null || secret.length < shortestMasked) return;
    const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
    this.secrets = [...new Set([...this.secrets, ...forms])].toSorted((a, b) => b.length - a.length);
  }

  mask(text: string): string {
    return this.secrets.reduce((masked, secret) => masked.replaceAll(secret, '***'), text);
  }
}

const levelOf = (source: 'stdout' | 'stderr'): LogLevel => (source === 'stdout' ? 'info' : 'warn');
const stripReturn = (line: string) => (line.endsWith('\r') ? line.slice(0, -1) : line);
