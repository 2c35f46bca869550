/** `/dags`: the list, the pause switch and the star. */
import { Router } from 'express';
import type { Request } from 'express';
import { ThenceError } from '../../src/core/errors';
import { DAG_FILTERS, readDagList } from '../../src/read-model/ui/dag-list';
import type { DagFilter, RecentRun } from '../../src/read-model/ui/dag-list';
import { readImportErrors } from '../../src/read-model/ui/import-errors';
import { actorOf, answerForm, field, LIVE_MS, param, sendPage } from '../ui/context';
import type { WebContext } from '../ui/context';
import { queryList, queryNumber, queryText, safeReturnPath } from '../ui/links';

const PAGE_SIZE = 50;
const QUICK_MS = 400;
const FEW_DAGS = 300;

export function dagListRoutes(context: WebContext): Router {
  const router = Router();
  router.get('/dags', async (request, response) => {
    const { pool } = context.database;
    const { user: username } = actorOf(request);
    const query = { username, search: queryText(request, 'q'), filter: filterOf(request), tags: queryList(request, 'tag') };
    const page = queryNumber(request, 'page', 1, 1, 100_000);
    const [list, importErrors] = await Promise.all([
      readDagList(pool, { ...query, limit: PAGE_SIZE, offset: (page - 1) * PAGE_SIZE }),
      readImportErrors(pool),
    ]);
    await sendPage(context, request, response, {
      view: 'pages/dags',
      title: 'DAGs',
      nav: 'dags',
      locals: {
        ...list,
        query,
        page,
        pageSize: PAGE_SIZE,
        importErrors,
        filters: DAG_FILTERS,
        bars,
        dagsFolder: context.config.dagsFolder,
      },
      // Always quick: a file that was just saved shall be seen within a second.
      liveMs: list.counts.all <= FEW_DAGS ? QUICK_MS : LIVE_MS,
    });
  });

  router.post('/dags/:dagId/paused', async (request, response) => {
    const dagId = param(request, 'dagId');
    const paused = field(request, 'paused') === 'true';
    await context.commands.setPaused(dagId, paused, actorOf(request));
    const back = safeReturnPath(field(request, 'back'), context.basePath);
    answerForm(request, response, back, paused ? `${dagId} is paused: it makes no new runs.` : `${dagId} is active.`);
  });

  router.post('/dags/:dagId/favorite', async (request, response) => {
    const dagId = param(request, 'dagId');
    const favorite = field(request, 'favorite') === 'true';
    await context.commands.setFavorite(dagId, favorite, actorOf(request)).catch((error: unknown) => {
      // Taken away in another window already.
      if (!(error instanceof ThenceError && error.code === 'CONFLICT')) throw error;
    });
    const back = safeReturnPath(field(request, 'back'), context.basePath);
    answerForm(request, response, back, favorite ? `${dagId} is a favorite of yours.` : `${dagId} is no favorite any more.`);
  });
  return router;
}

function filterOf(request: Request): DagFilter {
  const wanted = queryText(request, 'state');
  return DAG_FILTERS.find((filter) => filter === wanted) ?? 'all';
}

/** Heights (0 to 1) of the bars by how long each run took against the longest; an open run stands at full height. */
function bars(runs: readonly RecentRun[]): (RecentRun & { readonly height: number; readonly ms: number | null })[] {
  const took = runs.map((run) => (run.start && run.end ? Date.parse(run.end) - Date.parse(run.start) : null));
  const longest = Math.max(1, ...took.map((ms) => ms ?? 0));
  return runs.map((run, index) => {
    const ms = took[index] ?? null;
    const height = ms === null ? (run.state === 'queued' ? 0.3 : 1) : Math.max(0.18, Math.sqrt(ms / longest));
    return { ...run, ms, height };
  });
}
