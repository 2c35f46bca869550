/** `/dags/:dagId/trigger`: a run by hand, with a form made from the DAG's params. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { ThenceError } from '../../src/core/errors';
import type { DagHead } from '../../src/read-model/ui/dag-page';
import { readCompiledDag } from '../../src/read-model/ui/dag-page';
import { actorOf, answerForm, field, param, sendPage, wantsJson } from '../ui/context';
import type { WebContext } from '../ui/context';
import { confOfForm, paramFields, valuesOfForm } from '../ui/params-form';
import type { ParamField } from '../ui/params-form';
import { loadDag } from './dag';

export function triggerRoutes(context: WebContext): Router {
  const router = Router();

  router.get('/dags/:dagId/trigger', async (request, response) => {
    const dag = await loadDag(context, param(request, 'dagId'));
    const fields = await fieldsOf(context, dag);
    await sendForm(context, request, response, { dag, fields, values: {}, error: null });
  });

  router.post('/dags/:dagId/trigger', async (request, response) => {
    const dag = await loadDag(context, param(request, 'dagId'));
    const fields = await fieldsOf(context, dag);
    const values = valuesOfForm(fields, (request.body ?? {}) as Record<string, string>);
    try {
      const run = await context.commands.triggerRun(
        {
          dagId: dag.dagId,
          runId: field(request, 'run_id') || undefined,
          logicalDate: field(request, 'logical_date') || undefined,
          note: field(request, 'note') || null,
          conf: confOfForm(fields, values),
        },
        actorOf(request),
      );
      const waits = run.isPaused ? ' It starts when the DAG is switched on.' : '';
      answerForm(request, response, context.links.run(dag.dagId, run.runId), `Run ${run.runId} is queued.${waits}`);
    } catch (error) {
      if (!(error instanceof ThenceError) || wantsJson(request)) throw error;
      await sendForm(context, request, response, { dag, fields, values, error: error.message, status: error.status });
    }
  });
  return router;
}

async function fieldsOf(context: WebContext, dag: DagHead): Promise<ParamField[]> {
  const compiled = dag.version === null ? null : await readCompiledDag(context.database.pool, dag.version);
  return paramFields(compiled?.spec.params ?? null);
}

function sendForm(
  context: WebContext,
  request: Request,
  response: Response,
  { status, ...locals }: { dag: DagHead; fields: ParamField[]; values: Record<string, string>; error: string | null; status?: number },
): Promise<void> {
  const title = `Trigger ${locals.dag.dagId}`;
  return sendPage(context, request, response, {
    view: 'pages/trigger',
    title,
    nav: 'dags',
    locals,
    liveMs: null,
    status,
    dagZone: locals.dag.timezone,
  });
}
