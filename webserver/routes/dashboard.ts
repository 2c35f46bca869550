/** `/`: the overview. */
import { Router } from 'express';
import { readDashboard } from '../../src/read-model/ui/dashboard';
import { readImportErrors } from '../../src/read-model/ui/import-errors';
import { IDLE_MS, LIVE_MS, sendPage } from '../ui/context';
import type { WebContext } from '../ui/context';

export function dashboardRoutes(context: WebContext): Router {
  const router = Router();
  router.get('/', async (request, response) => {
    const { pool } = context.database;
    const [dashboard, importErrors] = await Promise.all([readDashboard(pool), readImportErrors(pool)]);
    const busy = dashboard.counts.running + dashboard.counts.queued > 0;
    await sendPage(context, request, response, {
      view: 'pages/dashboard',
      title: 'Overview',
      nav: 'overview',
      locals: { ...dashboard, importErrors },
      liveMs: busy ? LIVE_MS : IDLE_MS,
    });
  });
  return router;
}
