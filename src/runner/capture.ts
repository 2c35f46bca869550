/**
 * Leads console.*, process.stdout/stderr.write, uncaught exceptions and unhandled rejections to the attempt that caused them.
 * Code that no attempt can be found for (a timer made while the module was loaded) speaks for the attempt that runs now, or ran last.
 */
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import type { LogLevel } from '../logs/log-store';
import type { AttemptScope } from './attempt-scope';
import { currentScope } from './attempt-scope';

const levels: Readonly<Record<string, LogLevel>> = {
  debug: 'debug',
  log: 'info',
  info: 'info',
  warn: 'warn',
  error: 'error',
  trace: 'debug',
};

/** @returns puts everything back as it was. */
export function installCapture(current: () => AttemptScope | null): () => void {
  const find = () => currentScope(current);
  const undo = [captureConsole(find), captureStream('stdout', find), captureStream('stderr', find), captureUncaught(find)];
  return () => undo.forEach((restore) => restore());
}

type Find = () => AttemptScope | null;

/** A Console of our own does the formatting (groups, tables, counters); only its last step is ours. */
function captureConsole(find: Find): () => void {
  let level: LogLevel | null = null;
  const sink = (otherwise: LogLevel) =>
    new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, done) {
        const message = chunk.endsWith('\n') ? chunk.slice(0, -1) : chunk;
        find()?.log.write(level ?? otherwise, 'task', message);
        done();
      },
    });
  const inner = new Console({ stdout: sink('info'), stderr: sink('warn'), colorMode: false });
  const target = console as unknown as Record<string, unknown>;
  const before = new Map<string, unknown>();
  for (const [name, method] of Object.entries(inner)) {
    if (typeof method !== 'function' || !(name in target)) continue;
    before.set(name, target[name]);
    target[name] = (...values: unknown[]) => {
      const outer = level;
      level = levels[name] ?? outer;
      try {
        (method as (...values: unknown[]) => void).apply(inner, values);
      } finally {
        level = outer;
      }
    };
  }
  return () => before.forEach((method, name) => (target[name] = method));
}

function captureStream(name: 'stdout' | 'stderr', find: Find): () => void {
  const stream = process[name];
  const before = Object.getOwnPropertyDescriptor(stream, 'write');
  const write = stream.write.bind(stream);
  stream.write = function capture(chunk: string | Uint8Array, encoding?: unknown, callback?: unknown): boolean {
    const scope = find();
    const done = typeof encoding === 'function' ? encoding : callback;
    if (!scope) return write(chunk, encoding as BufferEncoding, callback as () => void);
    scope.log.writeRaw(name, typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'));
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
  return () => {
    if (before) Object.defineProperty(stream, 'write', before);
    else Reflect.deleteProperty(stream, 'write');
  };
}

function captureUncaught(find: Find): () => void {
  const onError = (error: unknown) => {
    const scope = find();
    if (!scope) throw error;
    scope.onUncaught(error);
  };
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  return () => {
    process.off('uncaughtException', onError);
    process.off('unhandledRejection', onError);
  };
}
