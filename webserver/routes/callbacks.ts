/** The log of one callback. */
import { Router } from 'express';
import { readCallbacks } from '../../src/read-model/ui/callbacks';
import { logRef } from '../ui/callbacks';
import { notFound, param } from '../ui/context';
import type { WebContext } from '../ui/context';
import { sendLogText } from '../ui/log-text';
import { loadRun } from './run';

export function callbackRoutes(context: WebContext): Router {
  const router = Router();
  router.get('/dags/:dagId/runs/:runId/callbacks/:callback/log.txt', async (request, response) => {
    const run = await loadRun(context, param(request, 'dagId'), param(request, 'runId'));
    const id = param(request, 'callback');
    const callback = (await readCallbacks(context.database.pool, run.pk)).find((one) => one.id === id);
    if (!callback) throw notFound(`Run "${run.runId}" has no callback "${id}" any more.`);
    await sendLogText(context.logStore, logRef(run, callback), response);
  });
  return router;
}
