/**
 * Entry of a load host: a child process that evaluates DAG files, one at a time, and answers with their specs, or for their timetables. Whatever a file does here
 * (throws, exits, loops, eats memory) ends this process at worst; load-hosts.ts starts another.
 */
import { writeSync } from 'node:fs';
import type { ErrorInfo, EvaluateTimetable, LoadDagFile } from '../core/workload';
import { madeStack } from '../dag/registry';
import { serializeDag } from '../dag/serialize';
import { BundleCache, evaluateBundle, triggersOf } from './evaluate-bundle';
import { evaluateTimetable } from './evaluate-timetable';
import { recordReads } from './file-reads';
import { LAST_WORDS_FD } from './load-messages';
import type { EvaluateResult, LastWords, LoadedFiles, LoadReply, LoadRequest, LoadResult } from './load-messages';
import { startWatchdog } from './watchdog';

const answer = process.send!.bind(process);
const exit = process.exit.bind(process);
const home = { cwd: process.cwd(), env: { ...process.env } };
const reads = recordReads();
let failNow: ((error: unknown) => void) | null = null;
let lateErrors = 0;
let leftBehind = false;

/** What is always open, the standard streams among it, so that it does not count as left over. */
function openResources(): Map<string, number> {
  void process.stdout.writable;
  void process.stderr.writable;
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Of files whose timetables were asked: they are asked again and again. */
const bundles = new BundleCache();

async function evaluate(workload: EvaluateTimetable): Promise<EvaluateResult> {
  startClean();
  const before = openResources();
  try {
    const outside = new Promise<never>((_resolve, reject) => (failNow = reject));
    const made = bundles.get(workload.bundle.hash, workload, async () => workload.bundle);
    return { ok: true, answer: evaluateTimetable(await Promise.race([made, outside]), workload) };
  } catch (error) {
    return { ok: false, error: takeApart(error) };
  } finally {
    failNow = null;
    leftBehind = leftOver(before).length > 0;
  }
}

async function load(workload: LoadDagFile): Promise<LoadResult> {
  startClean();
  const before = openResources();
  reads.start();
  try {
    const outside = new Promise<never>((_resolve, reject) => (failNow = reject));
    const dags = await Promise.race([evaluateBundle(workload.bundle, workload), outside]);
    triggersOf(dags).check();
    const serialized = dags.map((dag) => ({ madeStack: madeStack(dag), ...serializeDag(dag, workload) }));
    const warnings = leftOver(before);
    return {
      ok: true,
      dags: serialized.map(({ spec, warnings, madeStack }) => ({ spec, warnings, madeStack })),
      files: Object.assign({}, ...serialized.map(({ files }) => files)) as LoadedFiles,
      warnings,
      reads: reads.stop(),
    };
  } catch (error) {
    return { ok: false, error: takeApart(error), reads: reads.stop() };
  } finally {
    failNow = null;
    leftBehind = leftOver(before).length > 0;
  }
}

/** Nothing that an earlier file did to the working directory or the environment reaches the next one. */
function startClean(): void {
  process.chdir(home.cwd);
  for (const name of Object.keys(process.env)) if (!(name in home.env)) delete process.env[name];
  Object.assign(process.env, home.env);
}

const names: { readonly [kind: string]: string } = {
  Timeout: 'timer',
  Immediate: 'immediate',
  TCPSocketWrap: 'network connection',
  TCPServerWrap: 'network server',
  TLSWrap: 'network connection',
  ProcessWrap: 'child process',
  MessagePort: 'message port',
  FSEventWrap: 'file watcher',
  StatWatcher: 'file watcher',
};

/** Work that goes on although the file has loaded. Kinds without a name (a lookup under way, a file being read) end by themselves. */
function leftOver(before: ReadonlyMap<string, number>): string[] {
  const more = [...openResources()].flatMap(([kind, count]) => {
    const added = count - (before.get(kind) ?? 0);
    const name = names[kind];
    return added > 0 && name !== undefined ? [`${added} ${name}${added === 1 ? '' : 's'}`] : [];
  });
  if (more.length === 0) return [];
  return [
    `left ${more.join(', ')} behind when it had loaded: the top level of a DAG file runs in every process that runs one of its tasks, so open such things inside a task`,
  ];
}

function takeApart(thrown: unknown): ErrorInfo {
  const isError = typeof thrown === 'object' && thrown !== null && typeof (thrown as Error).message === 'string';
  if (!isError) return { name: 'Error', message: `something that is not an Error was thrown: ${String(thrown)}`, stack: null };
  const { name, message, stack } = thrown as Error;
  return { name: typeof name === 'string' ? name : 'Error', message, stack: typeof stack === 'string' ? stack : null };
}

function lastWords(words: LastWords): void {
  writeSync(LAST_WORDS_FD, `${JSON.stringify(words)}\n`);
}

function onOutsideError(error: unknown): void {
  lateErrors += 1;
  failNow?.(error);
}

process.on('uncaughtException', onOutsideError);
process.on('unhandledRejection', onOutsideError);
process.on('disconnect', () => exit(0));
process.exit = (code?: number | string | null) => {
  const stack = new Error('process.exit').stack ?? null;
  lastWords({ kind: 'exit', code: code ?? process.exitCode ?? 0, stack });
  return exit(code ?? undefined);
};
// User code that looks for a parent to talk to finds none.
process.send = undefined;
startWatchdog({ rssLimitMb: Number(process.argv[2]), parentPid: Number(process.argv[3]) });

process.on('message', (request: LoadRequest) => {
  const { workload } = request;
  void (workload.kind === 'load-dag-file' ? load(workload) : evaluate(workload)).then((result) => {
    const reply: LoadReply = {
      id: request.id,
      result,
      dirty: lateErrors > 0 || leftBehind,
      rssMb: process.memoryUsage.rss() / 1024 / 1024,
    };
    answer(reply);
  });
});
