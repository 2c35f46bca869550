/** `/dags/:dagId/runs/:runId/tasks/:taskId`: log, tries, XCom, rendered templates, and why it waits. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { isFinished } from '../../src/core/states';
import { mostUrgent } from '../../src/read-model/ui/attention';
import { readCompiledDag } from '../../src/read-model/ui/dag-page';
import type { DagHead } from '../../src/read-model/ui/dag-page';
import { readInstances, readMappedTask } from '../../src/read-model/ui/mapped-task';
import type { MappedTask, TallyPart } from '../../src/read-model/ui/mapped-task';
import type { RunPage } from '../../src/read-model/ui/run';
import { readAttempts, readTaskInstance, readXComs } from '../../src/read-model/ui/task-instance';
import type { TaskInstancePage } from '../../src/read-model/ui/task-instance';
import { readBlockers } from '../../src/read-model/why/task-blockers';
import type { LogRef } from '../../src/logs/log-store';
import { callbackRows } from '../ui/callbacks';
import { IDLE_MS, LIVE_MS, notFound, param, sendPage } from '../ui/context';
import type { WebContext } from '../ui/context';
import { reasonText } from '../ui/html';
import { queryNumber, queryText } from '../ui/links';
import { sendLogText } from '../ui/log-text';
import { taskOptions } from '../ui/options';
import { describeXCom } from '../ui/xcom';
import { loadDag } from './dag';
import { loadRun } from './run';

const views = ['log', 'xcom', 'templates', 'tries', 'callbacks', 'details'] as const;
const MOST_TRIES = 1_000_000;
const LOG_BYTES = 512 * 1024;

export function taskRoutes(context: WebContext): Router {
  const router = Router();
  const { pool } = context.database;

  router.get('/dags/:dagId/runs/:runId/tasks/:taskId', async (request, response) => {
    const dag = await loadDag(context, param(request, 'dagId'));
    const found = await loadRun(context, dag.dagId, param(request, 'runId'));
    const mapped = queryText(request, 'map_index') === '' ? await readMappedTask(pool, found.pk, param(request, 'taskId')) : null;
    if (mapped) return sendInstances(context, request, response, { dag, run: found, mapped });
    const { run, task } = await loadTask(context, request);
    const view = views.find((name) => name === queryText(request, 'view')) ?? 'log';
    const tryNumber = queryNumber(request, 'try', task.tryNumber, 1, MOST_TRIES);
    const compiled = run.version ? await readCompiledDag(pool, run.version) : null;
    const hasCallbacks = compiled?.tasks.get(task.taskId)?.spec.callbacks?.some((event) => event !== 'execute') ?? false;
    const [attempts, xcoms, callbacks, blockers] = await Promise.all([
      readAttempts(pool, task.pk),
      view === 'xcom' ? readXComs(pool, run.pk, task.taskId, task.mapIndex) : [],
      view === 'callbacks' ? callbackRows(context, run, task.pk) : [],
      readBlockers(pool, run, task, compiled),
    ]);
    await sendPage(context, request, response, {
      view: 'pages/task',
      title: `${task.taskId} · ${run.runId}`,
      nav: 'dags',
      dagZone: dag.timezone,
      liveMs: isFinished(task.state) && run.endDate ? IDLE_MS : LIVE_MS,
      locals: {
        dag, run, task, view, tryNumber, attempts, blockers, callbacks,
        views: views.filter((name) => name !== 'callbacks' || view === name || hasCallbacks),
        taskOptions,
        xcoms: xcoms.map(describeXCom),
        compiledTask: compiled?.tasks.get(task.taskId) ?? null,
        why: reasonText(task.state, task.reason, compiled?.tasks.get(task.taskId)?.spec),
        logQuery: { try: tryNumber, map_index: task.mapIndex >= 0 ? task.mapIndex : null },
      }, // prettier-ignore
    });
  });

  /** What has come since `from`. `done`: the try has ended and all of it is here. */
  router.get('/dags/:dagId/runs/:runId/tasks/:taskId/log.json', async (request, response) => {
    const { ref, isLive } = await logOf(request);
    const page = await context.logStore.read(ref, queryNumber(request, 'from', 0, 0, Number.MAX_SAFE_INTEGER), LOG_BYTES);
    const isAtEnd = !isLive && (await context.logStore.read(ref, page.next, 1024)).lines.length === 0;
    response.set('Cache-Control', 'no-store').json({ ...page, done: isAtEnd });
  });

  router.get('/dags/:dagId/runs/:runId/tasks/:taskId/log.txt', async (request, response) => {
    const { ref } = await logOf(request);
    const name = `${ref.dagId}.${ref.runId}.${ref.taskId}.${ref.tryNumber}.log`.replace(/[^A-Za-z0-9_.-]/g, '_');
    if (request.query['download'] !== undefined) response.attachment(name);
    await sendLogText(context.logStore, ref, response);
  });

  async function logOf(request: Request): Promise<{ ref: LogRef; isLive: boolean }> {
    const { run, task } = await loadTask(context, request);
    const tryNumber = queryNumber(request, 'try', task.tryNumber, 1, MOST_TRIES);
    const ref = { dagId: run.dagId, runId: run.runId, taskId: task.taskId, mapIndex: task.mapIndex, tryNumber };
    const isLive = tryNumber >= task.tryNumber && !isFinished(task.state);
    return { ref, isLive };
  }
  return router;
}

const INSTANCES_PER_PAGE = 100;
const partLabels: Record<TallyPart, string> = {
  failed: 'Failed',
  upstream_failed: 'Upstream failed',
  active: 'Queued or running',
  sleeping: 'Waiting for a retry, a look or an event',
  waiting: 'Scheduled',
  none: 'No status',
  success: 'Success',
  skipped: 'Skipped',
};

/** A mapped task without `map_index`: its instances, one page of them. */
async function sendInstances(
  context: WebContext,
  request: Request,
  response: Response,
  { dag, run, mapped }: { dag: DagHead; run: RunPage; mapped: MappedTask },
): Promise<void> {
  const { pool } = context.database;
  const taskId = param(request, 'taskId');
  const parts = Object.keys(partLabels) as TallyPart[];
  const filters = { part: parts.find((part) => part === queryText(request, 'state')) ?? null, search: queryText(request, 'q') };
  const page = queryNumber(request, 'page', 1, 1, 100_000);
  const [compiled, list] = await Promise.all([
    run.version ? readCompiledDag(pool, run.version) : null,
    readInstances(pool, run.pk, taskId, { ...filters, limit: INSTANCES_PER_PAGE, offset: (page - 1) * INSTANCES_PER_PAGE }),
  ]);
  const total = filters.search !== '' ? null : filters.part === null ? mapped.length : mapped.parts[filters.part];
  const isPlain = filters.part === null && filters.search === '';
  await sendPage(context, request, response, {
    view: 'pages/mapped-task',
    title: `${taskId} · ${run.runId}`,
    nav: 'dags',
    dagZone: dag.timezone,
    // A search may have to look at every instance: not each second.
    liveMs: run.endDate === null && isPlain ? LIVE_MS : IDLE_MS,
    locals: {
      dag, run, taskId, mapped, filters, page, ...list,
      state: mostUrgent(Object.keys(mapped.counts)) ?? 'skipped',
      parts: parts.filter((part) => mapped.parts[part] > 0 || part === filters.part).map((part) => [part, partLabels[part]]),
      pages: total === null ? null : Math.max(1, Math.ceil(total / INSTANCES_PER_PAGE)),
      compiledTask: compiled?.tasks.get(taskId) ?? null,
    }, // prettier-ignore
  });
}

async function loadTask(context: WebContext, request: Request): Promise<{ run: RunPage; task: TaskInstancePage }> {
  const run = await loadRun(context, param(request, 'dagId'), param(request, 'runId'));
  const mapIndex = queryNumber(request, 'map_index', -1, -1, 1_000_000);
  const task = await readTaskInstance(context.database.pool, run.pk, param(request, 'taskId'), mapIndex);
  if (!task)
    throw notFound(`Run "${run.runId}" has no task "${param(request, 'taskId')}"${mapIndex >= 0 ? ` with map index ${mapIndex}` : ''}.`);
  return { run, task };
}
