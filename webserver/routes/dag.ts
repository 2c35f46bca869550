/** `/dags/:dagId` and its tabs. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import MarkdownIt from 'markdown-it';
import { isFavorite } from '../../src/read-model/rest/dags';
import { readAudit } from '../../src/read-model/ui/audit';
import { closeDagIds, readCompiledDag, readDagHead, readSources, readVersions } from '../../src/read-model/ui/dag-page';
import type { DagHead } from '../../src/read-model/ui/dag-page';
import { readLateRuns } from '../../src/read-model/ui/deadlines';
import { mostUrgent } from '../../src/read-model/ui/attention';
import { arrangeRows, CELL_CODES, EMPTY_GRID, readGrid } from '../../src/read-model/ui/grid';
import { readImportErrors } from '../../src/read-model/ui/import-errors';
import { readRun } from '../../src/read-model/ui/run';
import { readRuns } from '../../src/read-model/ui/runs';
import { readTaskSummaries } from '../../src/read-model/ui/task-summaries';
import { readTaskStats } from '../../src/read-model/ui/tasks';
import { ThenceError } from '../../src/core/errors';
import { actorOf, IDLE_MS, LIVE_MS, param, sendPage } from '../ui/context';
import type { WebContext } from '../ui/context';
import { graphLayout } from '../ui/graph-layout';
import { highlight } from '../ui/highlight';
import { dagOptions } from '../ui/options';
import { queryList, queryNumber, queryText } from '../ui/links';
import type { Query } from '../ui/links';

const RUN_COUNTS = [10, 25, 50, 100];
const RUNS_PER_PAGE = 50;
const STATS_OVER_RUNS = 50;
const markdown = new MarkdownIt({ html: false, linkify: false });

export const dagTabs = [
  { id: '', label: 'Grid' },
  { id: 'graph', label: 'Graph' },
  { id: 'runs', label: 'Runs' },
  { id: 'tasks', label: 'Tasks' },
  { id: 'backfills', label: 'Backfills' },
  { id: 'code', label: 'Code' },
  { id: 'details', label: 'Details' },
  { id: 'audit', label: 'Audit log' },
] as const;
export type DagTab = (typeof dagTabs)[number]['id'];

export async function loadDag(context: WebContext, dagId: string): Promise<DagHead> {
  const head = await readDagHead(context.database.pool, dagId);
  if (head) return head;
  const close = await closeDagIds(context.database.pool, dagId);
  throw new ThenceError('NOT_FOUND', `There is no DAG "${dagId}".`, {
    details: close.map((id) => ({ text: id, href: context.links.dag(id) })),
  });
}

/** A tab inside the frame of its DAG. */
export async function sendDagPage(
  context: WebContext,
  request: Request,
  response: Response,
  page: { dag: DagHead; tab: DagTab; view: string; locals: object; status?: number; liveMs?: number | null },
): Promise<void> {
  const { dag } = page;
  const { pool } = context.database;
  const [importErrors, lateRuns, favorite] = await Promise.all([
    readImportErrors(pool, dag.filePath),
    readLateRuns(pool, dag.dagId),
    isFavorite(pool, dag.dagId, actorOf(request).user),
  ]);
  const tab = dagTabs.find(({ id }) => id === page.tab);
  await sendPage(context, request, response, {
    view: page.view,
    title: tab && tab.id !== '' ? `${dag.dagId} · ${tab.label}` : dag.dagId,
    nav: 'dags',
    status: page.status,
    dagZone: dag.timezone,
    liveMs: page.liveMs !== undefined ? page.liveMs : isBusy(dag) ? LIVE_MS : IDLE_MS,
    locals: { dag, tab: page.tab, tabs: dagTabs, importErrors, lateRuns, isFavorite: favorite, ...page.locals },
  });
}

const isBusy = (dag: DagHead): boolean => dag.runs.running > 0 || (dag.runs.queued > 0 && !dag.isPaused);

export function dagRoutes(context: WebContext): Router {
  const router = Router();
  const { pool } = context.database;

  router.get('/dags/:dagId', async (request, response) => {
    const dag = await loadDag(context, param(request, 'dagId'));
    const limit = RUN_COUNTS.find((n) => n === queryNumber(request, 'runs', 25, 1, 100)) ?? 25;
    const filters = { types: queryList(request, 'type'), states: queryList(request, 'state') };
    const locals = { limit, limits: RUN_COUNTS, filters, codes: CELL_CODES };
    await sendDagPage(context, request, response, { dag, tab: '', view: 'pages/dag-grid', locals });
  });
  router.get('/dags/:dagId/grid', (request, response) => response.redirect(302, context.links.dag(param(request, 'dagId'))));

  router.get('/dags/:dagId/grid.json', async (request, response) => {
    const dag = await loadDag(context, param(request, 'dagId'));
    response.set('Cache-Control', 'private, no-cache').set('X-Live', String(isBusy(dag) ? LIVE_MS : IDLE_MS));
    if (dag.version === null) {
      response.json(EMPTY_GRID);
      return;
    }
    const compiled = await readCompiledDag(pool, dag.version);
    const limit = queryNumber(request, 'runs', 25, 1, 100);
    response.json(
      await readGrid(pool, compiled, dag.dagId, {
        limit,
        before: null,
        types: queryList(request, 'type'),
        states: queryList(request, 'state'),
      }),
    );
  });

  router.get('/dags/:dagId/graph', async (request, response) => {
    const dag = await loadDag(context, param(request, 'dagId'));
    const recent = await readRuns(pool, { dagId: dag.dagId, states: [], types: [], search: '', limit: 25, offset: 0 });
    // '' means "the newest run"; 'none' the bare graph.
    const wanted = queryText(request, 'run');
    // A queued run has no tasks yet: the newest that has begun says more.
    const newest = recent.runs.find((run) => run.startDate !== null) ?? recent.runs[0];
    const runId = wanted === 'none' ? '' : wanted || (newest?.runId ?? '');
    const address = (change: Query): string => context.links.dag(dag.dagId, 'graph', { run: wanted, ...change });
    const locals = { ...(await graphLocals(context, request, dag, runId, address)), recentRuns: recent.runs, wanted };
    await sendDagPage(context, request, response, { dag, tab: 'graph', view: 'pages/dag-graph', locals });
  });

  router.get('/dags/:dagId/runs', async (request, response) => {
    const dag = await loadDag(context, param(request, 'dagId'));
    const page = queryNumber(request, 'page', 1, 1, 100_000);
    const filters = { states: queryList(request, 'state'), types: queryList(request, 'type'), search: queryText(request, 'q') };
    const list = await readRuns(pool, { dagId: dag.dagId, ...filters, limit: RUNS_PER_PAGE, offset: (page - 1) * RUNS_PER_PAGE });
    const locals = { ...list, filters, page, pageSize: RUNS_PER_PAGE };
    await sendDagPage(context, request, response, { dag, tab: 'runs', view: 'pages/dag-runs', locals });
  });

  router.get('/dags/:dagId/tasks', async (request, response) => {
    const dag = await loadDag(context, param(request, 'dagId'));
    const compiled = dag.version === null ? null : await readCompiledDag(pool, dag.version);
    const stats = await readTaskStats(pool, dag.dagId, STATS_OVER_RUNS);
    const rows = compiled ? arrangeRows(compiled) : [];
    const locals = { compiled, rows, stats, statsOver: STATS_OVER_RUNS };
    await sendDagPage(context, request, response, { dag, tab: 'tasks', view: 'pages/dag-tasks', locals, liveMs: IDLE_MS });
  });

  router.get('/dags/:dagId/code', async (request, response) => {
    const dag = await loadDag(context, param(request, 'dagId'));
    const versions = await readVersions(pool, dag.dagId);
    const number = queryNumber(request, 'version', dag.versionNumber ?? 1, 1, 1e9);
    const version = versions.find((one) => one.number === number) ?? versions[0] ?? null;
    const sources = version ? await readSources(pool, version.id) : [];
    const files = sources.map(({ path, text }) => ({
      path,
      lines: text.replace(/\n$/, '').split('\n').length,
      html: highlight(path, text),
    }));
    await sendDagPage(context, request, response, {
      dag,
      tab: 'code',
      view: 'pages/dag-code',
      locals: { versions, version, files },
      liveMs: IDLE_MS,
    });
  });

  router.get('/dags/:dagId/details', async (request, response) => {
    const dag = await loadDag(context, param(request, 'dagId'));
    const compiled = dag.version === null ? null : await readCompiledDag(pool, dag.version);
    const docHtml = compiled?.spec.docMd ? markdown.render(compiled.spec.docMd) : null;
    await sendDagPage(context, request, response, {
      dag,
      tab: 'details',
      view: 'pages/dag-details',
      locals: { compiled, docHtml, options: compiled ? dagOptions(compiled.spec) : [] },
      liveMs: IDLE_MS,
    });
  });

  router.get('/dags/:dagId/audit', async (request, response) => {
    const dag = await loadDag(context, param(request, 'dagId'));
    const page = queryNumber(request, 'page', 1, 1, 100_000);
    const audit = await readAudit(pool, dag.dagId, RUNS_PER_PAGE, (page - 1) * RUNS_PER_PAGE);
    const locals = { ...audit, page, pageSize: RUNS_PER_PAGE };
    await sendDagPage(context, request, response, { dag, tab: 'audit', view: 'pages/dag-audit', locals, liveMs: IDLE_MS });
  });
  return router;
}

/**
 * The graph of a run's version (of the newest one without a run), and its states. `address` makes the page's address for another
 * choice of closed groups (`closed`: ids with commas, '-' for none; without it the size decides) or direction.
 */
export async function graphLocals(
  context: WebContext,
  request: Request,
  dag: DagHead,
  runId: string,
  address: (change: Query) => string,
): Promise<object> {
  const { pool } = context.database;
  const run = runId === '' ? null : await readRun(pool, dag.dagId, runId);
  const version = run?.version ?? dag.version;
  const direction = queryText(request, 'dir') === 'TB' ? 'TB' : 'LR';
  const given = queryText(request, 'closed');
  const closed = given === '' ? null : new Set(given.split(','));
  const compiled = version ? await readCompiledDag(pool, version) : null;
  const [layout, summaries] = await Promise.all([
    compiled ? graphLayout(compiled, direction, closed) : null,
    run ? readTaskSummaries(pool, [run.pk], { times: false }) : [],
  ]);
  const states = new Map(summaries.map(({ taskId, state }) => [taskId, state ?? 'none']));
  const lengths = new Map(summaries.flatMap(({ taskId, mapped }) => (mapped ? [[taskId, mapped.length] as const] : [])));
  const shut = (layout?.groups ?? []).filter((group) => group.closed).map((group) => group.id);
  const graphAddress = ({ toggle, ...change }: { toggle?: string; dir?: string | null; closed?: string }): string => {
    const toggled = shut.includes(toggle ?? '') ? shut.filter((id) => id !== toggle) : [...shut, toggle];
    const next = toggle === undefined ? given : toggled.join(',') || '-';
    return address({ dir: direction === 'TB' ? 'TB' : null, closed: next, ...change });
  };
  /** A box shows what most needs a look in it. */
  const nodeState = (layout?.nodes ?? []).map((node): [string, string] => {
    const shown = node.tasks.flatMap((task) => states.get(task) ?? []);
    return [`${node.kind} ${node.id}`, mostUrgent(shown) ?? ''];
  });
  /** '12' of a mapped task or group that has 12 instances, ' ' before that is known, null of all others. */
  const mappedLength = (id: string): string | null => {
    const expansion = compiled?.expansions.get(id) ?? (compiled?.tasks.get(id)?.mappedGroup ? { tasks: [id] } : null);
    return expansion ? String(lengths.get(expansion.tasks[0] ?? '') ?? ' ') : null;
  };
  return { run, graph: layout, direction, graphAddress, nodeState: Object.fromEntries(nodeState), mappedLength, hasRun: run !== null };
}
