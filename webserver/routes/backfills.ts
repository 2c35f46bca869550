/** `/dags/:dagId/backfills`: the list with its progress, the form with its preview, and pause, resume, cancel. */
import { Router } from 'express';
import type { Request } from 'express';
import { REPROCESS_BEHAVIORS } from '../../src/commands/commands';
import type { BackfillPlan, BackfillRequest } from '../../src/commands/commands';
import { ThenceError } from '../../src/core/errors';
import { readCompiledDag } from '../../src/read-model/ui/dag-page';
import { readBackfills } from '../../src/read-model/ui/backfills';
import { actorOf, answerForm, field, LIVE_MS, IDLE_MS, param } from '../ui/context';
import type { WebContext } from '../ui/context';
import { confOfForm } from '../ui/params-form';
import { loadDag, sendDagPage } from './dag';
import type { Response } from 'express';

interface FormState {
  readonly values: Record<string, string>;
  readonly error: string | null;
  readonly plan: BackfillPlan | null;
  readonly status?: number;
}

export function backfillRoutes(context: WebContext): Router {
  const router = Router();

  router.get('/dags/:dagId/backfills', (request, response) =>
    sendBackfills(context, request, response, { values: {}, error: null, plan: null }),
  );

  router.post('/dags/:dagId/backfills', async (request, response) => {
    const dagId = param(request, 'dagId');
    const values = (request.body ?? {}) as Record<string, string>;
    try {
      const wanted = requestOf(request, dagId);
      if (field(request, 'intent') === 'preview') {
        const plan = await context.commands.dryRunBackfill(wanted);
        return await sendBackfills(context, request, response, { values, error: null, plan });
      }
      const { id, total } = await context.commands.createBackfill(wanted, actorOf(request));
      answerForm(
        request,
        response,
        context.links.dag(dagId, 'backfills'),
        `Backfill ${id} is created: ${total === 1 ? 'one run' : `${total} runs`}.`,
      );
    } catch (error) {
      if (!(error instanceof ThenceError) || error.code === 'NOT_FOUND') throw error;
      await sendBackfills(context, request, response, { values, error: error.message, plan: null, status: error.status });
    }
  });

  for (const [action, done] of [
    ['cancel', 'cancelled'],
    ['pause', 'paused'],
    ['unpause', 'going on'],
  ] as const) {
    router.post(`/dags/:dagId/backfills/:id/${action}`, async (request, response) => {
      const id = Number(param(request, 'id'));
      if (!Number.isSafeInteger(id)) throw new ThenceError('NOT_FOUND', `There is no backfill "${param(request, 'id')}".`);
      if (action === 'cancel') await context.commands.cancelBackfill(id, actorOf(request));
      else if (action === 'pause') await context.commands.pauseBackfill(id, actorOf(request));
      else await context.commands.unpauseBackfill(id, actorOf(request));
      answerForm(request, response, context.links.dag(param(request, 'dagId'), 'backfills'), `Backfill ${id} is ${done}.`);
    });
  }
  return router;
}

async function sendBackfills(context: WebContext, request: Request, response: Response, { status, ...form }: FormState): Promise<void> {
  const dag = await loadDag(context, param(request, 'dagId'));
  const backfills = await readBackfills(context.database.pool, dag.dagId);
  const compiled = dag.version === null ? null : await readCompiledDag(context.database.pool, dag.version);
  const isOpen = backfills.some((backfill) => backfill.completedAt === null);
  const locals = { backfills, form, behaviors: REPROCESS_BEHAVIORS, taskIds: [...(compiled?.tasks.keys() ?? [])] };
  // A page that answers a form shows what was typed: it stays as it is.
  const liveMs = request.method === 'POST' ? null : isOpen ? LIVE_MS : IDLE_MS;
  await sendDagPage(context, request, response, { dag, tab: 'backfills', view: 'pages/dag-backfills', locals, status, liveMs });
}

function requestOf(request: Request, dagId: string): BackfillRequest {
  const maxActiveRuns = field(request, 'max_active_runs');
  const behavior = field(request, 'reprocess_behavior') || 'none';
  const reprocessBehavior = REPROCESS_BEHAVIORS.find((name) => name === behavior);
  if (!reprocessBehavior) {
    throw new ThenceError('INVALID_VALUE', `"${behavior}" is no way to treat existing runs; ${REPROCESS_BEHAVIORS.join(', ')} are.`);
  }
  for (const [name, label] of [
    ['from_date', 'From'],
    ['to_date', 'To'],
  ] as const) {
    if (field(request, name) === '') throw new ThenceError('INVALID_VALUE', `"${label}" needs a date.`);
  }
  if (maxActiveRuns !== '' && !/^\d+$/.test(maxActiveRuns)) {
    throw new ThenceError('INVALID_VALUE', `"Runs at once" has to be a whole number from 1; "${maxActiveRuns}" was given.`);
  }
  return {
    dagId,
    from: field(request, 'from_date'),
    to: field(request, 'to_date'),
    reprocessBehavior,
    maxActiveRuns: maxActiveRuns === '' ? null : Number(maxActiveRuns),
    runBackwards: field(request, 'run_backwards') === 'true',
    ...(field(request, 'own_version') === 'true' && { runOnLatestVersion: false }),
    ...tasksOf(request),
    conf: confOfForm([], { conf: field(request, 'conf') }),
  };
}

/** What is typed under "Only tasks": ids with commas, or /a regular expression/. */
function tasksOf(request: Request): Pick<BackfillRequest, 'tasks' | 'taskPattern' | 'upstream' | 'downstream'> {
  const text = field(request, 'tasks');
  if (text === '') return {};
  const pattern = /^\/(.+)\/$/.exec(text)?.[1];
  const ids = text.split(/[\s,]+/).filter(Boolean);
  return {
    ...(pattern === undefined ? { tasks: ids } : { taskPattern: pattern }),
    upstream: field(request, 'upstream') === 'true',
    downstream: field(request, 'downstream') === 'true',
  };
}
