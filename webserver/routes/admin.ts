/** `/admin/*`: processes, configuration. */
import { Router } from 'express';
import { describeConfig } from '../../src/config/load-config';
import { readProcesses } from '../../src/read-model/ui/processes';
import { sendPage } from '../ui/context';
import type { WebContext } from '../ui/context';

export function adminRoutes(context: WebContext): Router {
  const router = Router();
  router.get('/admin/jobs', async (request, response) => {
    const processes = await readProcesses(context.database.pool);
    await sendPage(context, request, response, { view: 'pages/jobs', title: 'Processes', nav: 'jobs', locals: { processes } });
  });
  router.get('/admin/config', async (request, response) => {
    const entries = describeConfig(context.config);
    await sendPage(context, request, response, {
      view: 'pages/config',
      title: 'Configuration',
      nav: 'config',
      locals: { entries },
      liveMs: null,
    });
  });
  return router;
}
