import type { Config } from '../../config/config';
import type { JsonObject } from '../../core/json';
import type { TaskState } from '../../core/states';
import type { Instant } from '../../core/time';
import { instanceName } from '../../core/workload';
import type { LogLine } from '../../logs/log-store';
import { findDagInFiles } from '../../testing/find-dag-file';
import type { FoundDag } from '../../testing/find-dag-file';
import { runDagInMemory } from '../../testing/run-dag-in-memory';
import type { InMemoryRun, InMemoryTask } from '../../testing/run-dag-in-memory';
import { renderAlone } from '../../testing/render-task';
import { onlyTask } from '../../testing/single-task';
import { withSchedule } from '../../testing/with-schedule';
import { parseConf, parseDate, parseDay, showDuration, showInstant } from '../arguments';
import { colors, paintLine, paintState, print, printRecord, printRows } from '../output';
import type { Format } from '../output';
import { endWith } from '../program';
import { readConfig } from '../read-config';
import { note } from '../report-error';

interface FileOptions {
  readonly dagfilePath?: string;
  readonly dagsFolder?: string;
}

export interface TestDagOptions extends FileOptions {
  readonly conf?: string;
  /** False: --no-retry-delay. */
  readonly retryDelay?: boolean;
}

/** `thence dags test`: one run in the foreground; exit code 1 unless it succeeds. */
export async function testDag(dagId: string, date: string | undefined, options: TestDagOptions): Promise<void> {
  const conf = parseConf(options.conf, '--conf');
  checkDate(date);
  const found = await find(dagId, options);
  await perform(found, options, { date, conf, skipRetryDelays: options.retryDelay === false });
}

/** `thence tasks test`: one task alone. */
export async function testTask(
  dagId: string,
  taskId: string,
  date: string | undefined,
  options: FileOptions & { taskParams?: string },
): Promise<void> {
  const conf = parseConf(options.taskParams, '--task-params');
  checkDate(date);
  const found = onlyTask(await find(dagId, options), taskId);
  await perform(found, options, { date, conf, skipRetryDelays: true });
}

/** `thence tasks render`: its template options, without running it. */
export async function renderTask(
  dagId: string,
  taskId: string,
  date: string | undefined,
  { output, mapIndex, ...options }: FileOptions & { taskParams?: string; outputs?: string; mapIndex?: number; output: Format },
): Promise<void> {
  const conf = parseConf(options.taskParams, '--task-params');
  checkDate(date);
  const config = readConfig({ dagsFolder: options.dagsFolder });
  const found = await find(dagId, options);
  const logicalDate = date === undefined ? undefined : await logicalDateOf(date, found, config);
  const rendered = await renderAlone(found, config, {
    taskId,
    logicalDate,
    conf,
    mapIndex,
    outputs: parseConf(options.outputs, '--outputs'),
    onLine: ({ level, message }) => note(level === 'info' ? message : `${level}: ${message}`),
  });
  if (output === 'json' || output === 'yaml') return printRecord(rendered, output);
  const blocks = Object.entries(rendered).map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
    return `${colors.bold(`# ${name}`)}\n${text}`;
  });
  print(blocks.length === 0 ? `task "${taskId}" has no template options` : blocks.join('\n\n'));
}

/** Before files are loaded; the DAG's own timezone is known after that. */
function checkDate(date: string | undefined): void {
  if (date !== undefined) parseDate(date, 'UTC', 'logical date');
}

async function find(dagId: string, { dagfilePath, dagsFolder }: FileOptions): Promise<FoundDag> {
  return findDagInFiles(dagId, dagfilePath ?? null, readConfig({ dagsFolder }));
}

interface Wanted {
  readonly date: string | undefined;
  readonly conf: JsonObject;
  readonly skipRetryDelays: boolean;
}

async function perform(found: FoundDag, { dagsFolder }: FileOptions, { date, conf, skipRetryDelays }: Wanted): Promise<void> {
  const interrupted = new AbortController();
  const onInterrupt = () => interrupted.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onInterrupt);
  const show = printer(found.spec.tasks.map((task) => task.id));
  try {
    const run = await runDagInMemory(found, readConfig({ dagsFolder }), {
      logicalDate: date === undefined ? undefined : await logicalDateOf(date, found, readConfig({ dagsFolder })),
      conf,
      skipRetryDelays,
      onLine: show.line,
      onState: show.state,
      signal: interrupted.signal,
    });
    show.summary(found.spec.dagId, run);
    endWith(interrupted.signal.aborted ? 130 : run.state === 'success' ? 0 : 1);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, onInterrupt);
  }
}

/** A day without a time means the run that the schedule has for that day, the first of several; without one its first instant. */
async function logicalDateOf(date: string, found: FoundDag, config: Config): Promise<Instant> {
  const { timezone } = found.spec;
  const day = parseDay(date, timezone);
  const [run] = day === null ? [] : await withSchedule(found, config, (ask) => ask({ kind: 'between', ...day, dueBy: null, most: 1 }));
  return run?.logicalDate ?? parseDate(date, timezone, 'logical date');
}

function printer(taskIds: readonly string[]) {
  const width = Math.min(30, Math.max(...taskIds.map((id) => id.length), 0));
  const say = (taskId: string, text: string) => {
    const head = colors.cyan(taskId.padEnd(width));
    for (const line of text.split('\n')) print(`${head} | ${line}`);
  };
  return {
    line: (taskId: string, line: LogLine) => say(taskId, paintLine(line)),
    state: (task: InMemoryTask) => {
      const text = describe(task);
      if (text !== null) say(instanceName(task), text);
    },
    summary: (dagId: string, run: InMemoryRun) => {
      print('');
      printRows(
        run.tasks.map((task) => ({
          task_id: instanceName(task),
          state: task.state ?? 'none',
          tries: task.tryNumber,
          duration: task.startDate === null || task.endDate === null ? null : showDuration(task.endDate - task.startDate),
        })),
        'table',
        `DAG "${dagId}" has no tasks`,
      );
      const state = run.state === 'running' ? 'stopped' : run.state;
      note(`run of "${dagId}" for ${showInstant(run.logicalDate)}: ${paintState(state)} after ${showDuration(run.durationMs)}`);
    },
  };
}

const quiet: readonly TaskState[] = ['scheduled', 'queued', 'running'];

function describe({ state, tryNumber, dueAt, reason, waitsFor, error }: InMemoryTask): string | null {
  const dueIn = () => showDuration(Math.max(0, (dueAt ?? 0) - Date.now()));
  if (state === 'running' && tryNumber > 1) return `→ try ${tryNumber}`;
  if (quiet.includes(state)) return null;
  if (state === 'up_for_retry') return `→ ${paintState('up_for_retry')}: try ${tryNumber + 1} follows in ${dueIn()}`;
  if (state === 'up_for_reschedule') return `→ ${paintState('up_for_reschedule')}: goes on in ${dueIn()}`;
  if (state === 'deferred') return `→ ${paintState('deferred')}: waits for ${waitsFor}`;
  const why = reason === null || reason === 'executed' ? '' : ` (${reason})`;
  return `→ ${paintState(state ?? 'none')}${why}${error === null ? '' : `: ${error}`}`;
}
