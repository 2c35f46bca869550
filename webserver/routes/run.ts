/** `/dags/:dagId/runs/:runId`, and what can be done to a run. */
import { Router } from 'express';
import type { CompiledDag } from '../../src/dag-spec/compiled-dag';
import { readCompiledDag } from '../../src/read-model/ui/dag-page';
import { readDeadlines } from '../../src/read-model/ui/deadlines';
import { arrangeRows } from '../../src/read-model/ui/grid';
import { readRun } from '../../src/read-model/ui/run';
import type { RunPage } from '../../src/read-model/ui/run';
import { countStates, readTaskSummaries } from '../../src/read-model/ui/task-summaries';
import { readRunBlockers } from '../../src/read-model/why/run-blockers';
import { readWaits } from '../../src/read-model/why/wait-blocker';
import { ThenceError } from '../../src/core/errors';
import { callbackRows } from '../ui/callbacks';
import { actorOf, answerForm, field, IDLE_MS, LIVE_MS, notFound, param, sendPage } from '../ui/context';
import type { WebContext } from '../ui/context';
import { deadlineText } from '../ui/html';
import { queryText } from '../ui/links';
import type { Query } from '../ui/links';
import { graphLocals, loadDag } from './dag';

export async function loadRun(context: WebContext, dagId: string, runId: string): Promise<RunPage> {
  const run = await readRun(context.database.pool, dagId, runId);
  if (!run) throw notFound(`DAG "${dagId}" has no run "${runId}".`);
  return run;
}

/** Names a deadline of a version by its number. */
function deadlineNames(compiled: CompiledDag | null, timezone: string): (number: number) => string {
  return (number) => {
    const spec = compiled?.spec.deadlines?.[number];
    if (!spec) return `deadline ${number + 1}`;
    return spec.name === null ? deadlineText(spec, timezone) : `${spec.name} (${deadlineText(spec, timezone)})`;
  };
}

const views = ['tasks', 'graph', 'callbacks', 'details'] as const;

export function runRoutes(context: WebContext): Router {
  const router = Router();
  const { pool } = context.database;

  router.get('/dags/:dagId/runs/:runId', async (request, response) => {
    const dag = await loadDag(context, param(request, 'dagId'));
    const run = await loadRun(context, dag.dagId, param(request, 'runId'));
    const view = views.find((name) => name === queryText(request, 'view')) ?? 'tasks';
    const version = run.version ?? dag.version;
    const [instances, compiled, blockers, deadlines, callbacks, waits] = await Promise.all([
      readTaskSummaries(pool, [run.pk]),
      version ? readCompiledDag(pool, version) : null,
      readRunBlockers(pool, run),
      readDeadlines(pool, run.pk),
      view === 'callbacks' ? callbackRows(context, run) : [],
      view === 'tasks' ? readWaits(pool, run.pk) : new Map(),
    ]);
    const counts = countStates(instances);
    const address = (change: Query): string => context.links.run(dag.dagId, run.runId, { view: 'graph', ...change });
    const graph = view === 'graph' ? await graphLocals(context, request, dag, run.runId, address) : {};
    const rows = compiled ? arrangeRows(compiled) : [];
    const open = run.state === 'running' || run.state === 'queued';
    await sendPage(context, request, response, {
      view: 'pages/run',
      title: `${dag.dagId} · ${run.runId}`,
      nav: 'dags',
      dagZone: dag.timezone,
      liveMs: open ? LIVE_MS : IDLE_MS,
      // In steps, so that an open run's page changes every other second at most.
      locals: {
        now: Math.ceil(Date.now() / 2000) * 2000,
        dag, run, view, views, rows, instances, counts, compiled, blockers, callbacks, deadlines, waits,
        deadlineName: deadlineNames(compiled, dag.timezone),
        ...graph,
      }, // prettier-ignore
    });
  });

  router.post('/dags/:dagId/runs/:runId/mark', async (request, response) => {
    const [dagId, runId] = [param(request, 'dagId'), param(request, 'runId')];
    const state = field(request, 'state');
    if (state !== 'success' && state !== 'failed') {
      throw new ThenceError('INVALID_VALUE', `A run can be marked success or failed; "${state}" was sent.`);
    }
    await context.commands.markRun({ dagId, runId, state }, actorOf(request));
    answerForm(request, response, context.links.run(dagId, runId), `${runId} is marked ${state}.`);
  });

  router.post('/dags/:dagId/runs/:runId/note', async (request, response) => {
    const [dagId, runId] = [param(request, 'dagId'), param(request, 'runId')];
    await context.commands.setRunNote({ dagId, runId, note: field(request, 'note') || null }, actorOf(request));
    answerForm(request, response, context.links.run(dagId, runId), 'The note is saved.');
  });
  return router;
}
