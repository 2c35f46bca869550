/**
 * What people do to a run and its tasks: clear, mark, run again from a task with other params, delete, note.
 *
 * Clear, mark and re-run are forms that list what they would change. What is confirmed is what was listed: `seen` names the choices that
 * the list was made for, and when others are sent, the answer is the list for those.
 */
import { createHash } from 'node:crypto';
import { Router } from 'express';
import type { Request, Response } from 'express';
import type { ClearRunRequest, ClearTasksRequest, MarkTasksRequest, TaskPick, TaskPlan, TaskScope } from '../../src/commands/commands';
import { ThenceError } from '../../src/core/errors';
import { readCompiledDag } from '../../src/read-model/ui/dag-page';
import type { DagHead } from '../../src/read-model/ui/dag-page';
import type { RunPage } from '../../src/read-model/ui/run';
import { actorOf, answerForm, field, param, sendPage, wantsJson } from '../ui/context';
import type { WebContext } from '../ui/context';
import { queryNumber } from '../ui/links';
import { confOfForm, paramFields, valuesOfConf, valuesOfForm } from '../ui/params-form';
import type { ParamField } from '../ui/params-form';
import { planRows } from '../ui/plan';
import { loadDag } from './dag';
import { loadRun } from './run';

/** What one of the forms asks for, and how it is planned and done. */
interface Wanted {
  readonly request: object;
  readonly plan: () => Promise<TaskPlan>;
  readonly act: () => Promise<TaskPlan>;
}

interface Target {
  readonly dag: DagHead;
  readonly run: RunPage;
  /** null: the whole run. */
  readonly taskId: string | null;
  /** -1: all of a mapped task, or not mapped. */
  readonly mapIndex: number;
}

interface Verb {
  readonly name: 'clear' | 'mark' | 'rerun';
  readonly heading: (what: string) => string;
  readonly button: string;
  readonly done: (what: string) => string;
  /** Choices of the form when it opens. */
  readonly initial: (target: Target, fields: readonly ParamField[]) => Record<string, string>;
  readonly wanted: (context: WebContext, request: Request, target: Target, fields: readonly ParamField[]) => Wanted;
}

const verbs: readonly Verb[] = [
  {
    name: 'clear',
    heading: (what) => `Clear ${what}`,
    button: 'Clear',
    done: (what) => `${what} is cleared and runs again.`,
    initial: ({ taskId, mapIndex }) => ({ ...(taskId === null ? {} : { downstream: 'true' }), instances: mapIndex < 0 ? 'all' : 'one' }),
    wanted({ commands }, request, target) {
      const scope = { ...scopeOf(request, target), onlyFailed: isOn(request, 'only_failed'), onlyRunning: isOn(request, 'only_running') };
      const more = { version: versionOf(request), note: field(request, 'note') || undefined };
      const isWholeRun = target.taskId === null && !scope.taskPattern && !scope.past && !scope.future && !scope.onlyRunning;
      if (isWholeRun) {
        const { dagId, runId } = target.run;
        const whole: ClearRunRequest = { dagId, runId, ...more, onlyFailed: scope.onlyFailed };
        return { request: whole, plan: () => commands.planClearRun(whole), act: () => commands.clearRun(whole, actorOf(request)) };
      }
      const some: ClearTasksRequest = { ...scope, ...more };
      return { request: some, plan: () => commands.planClear(some), act: () => commands.clearTasks(some, actorOf(request)) };
    },
  },
  {
    name: 'mark',
    heading: (what) => `Mark ${what}`,
    button: 'Mark',
    done: (what) => `${what} is marked.`,
    initial: ({ mapIndex }) => ({ state: 'success', instances: mapIndex < 0 ? 'all' : 'one' }),
    wanted({ commands }, request, target) {
      const state = field(request, 'state');
      if (state !== 'success' && state !== 'failed' && state !== 'skipped') {
        throw new ThenceError('INVALID_VALUE', `A task can be marked success, failed or skipped; "${state}" was sent.`);
      }
      const marked: MarkTasksRequest = { ...scopeOf(request, target), state, note: field(request, 'note') || undefined };
      return { request: marked, plan: () => commands.planMark(marked), act: () => commands.markTasks(marked, actorOf(request)) };
    },
  },
  {
    name: 'rerun',
    heading: (what) => `Run again from ${what}`,
    button: 'Run again',
    done: (what) => `${what} and all below it runs again.`,
    initial: ({ run, mapIndex }, fields) => ({ ...valuesOfConf(fields, run.conf), instances: mapIndex < 0 ? 'all' : 'one' }),
    wanted({ commands }, request, target, fields) {
      const { dagId, runId } = target.run;
      const conf = confOfForm(fields, request.body as Record<string, unknown>);
      const from = { dagId, runId, conf, version: versionOf(request) };
      const task = pickOf(request, target)!;
      return {
        request: { ...from, task },
        plan: () => commands.planClear({ ...from, tasks: [task], downstream: true }),
        act: () => commands.rerunFrom({ ...from, task }, actorOf(request)),
      };
    },
  },
];

export function verbRoutes(context: WebContext): Router {
  const router = Router();
  const run = '/dags/:dagId/runs/:runId';

  for (const verb of verbs) {
    const addresses = [`${run}/tasks/:taskId/${verb.name}`, ...(verb.name === 'clear' ? [`${run}/clear`] : [])];
    router.get(addresses, async (request, response) => {
      const target = await loadTarget(context, request);
      const fields = await fieldsOf(context, verb, target.dag);
      request.body = verb.initial(target, fields);
      await sendForm(context, request, response, { verb, target, fields });
    });
    router.post(addresses, async (request, response) => {
      const target = await loadTarget(context, request);
      const fields = await fieldsOf(context, verb, target.dag);
      request.body = valuesOfForm(fields, (request.body ?? {}) as Record<string, string>);
      if (field(request, 'intent') === 'preview') return sendForm(context, request, response, { verb, target, fields });
      try {
        const wanted = verb.wanted(context, request, target, fields);
        if (field(request, 'seen') !== keyOf(wanted)) {
          if (!wantsJson(request)) return await sendForm(context, request, response, { verb, target, fields });
          throw new ThenceError('CONFLICT', 'Something else was chosen than what the list is for: look at it again.');
        }
        await wanted.act();
        answerForm(request, response, addressOf(context, target), verb.done(nameOf(target)));
      } catch (error) {
        if (!(error instanceof ThenceError) || error.code === 'NOT_FOUND' || wantsJson(request)) throw error;
        await sendForm(context, request, response, { verb, target, fields, error });
      }
    });
  }

  router.get(`${run}/delete`, async (request, response) => {
    const target = await loadTarget(context, request);
    await sendPage(context, request, response, {
      view: 'pages/delete-run',
      title: `Delete ${target.run.runId}`,
      nav: 'dags',
      liveMs: null,
      locals: target,
    });
  });
  router.post(`${run}/delete`, async (request, response) => {
    const [dagId, runId] = [param(request, 'dagId'), param(request, 'runId')];
    await context.commands.deleteRun({ dagId, runId }, actorOf(request));
    answerForm(request, response, context.links.dag(dagId, 'runs'), `${runId} is deleted.`);
  });

  router.post(`${run}/tasks/:taskId/note`, async (request, response) => {
    const target = await loadTarget(context, request);
    const { dagId, runId } = target.run;
    const note = { dagId, runId, taskId: target.taskId!, mapIndex: target.mapIndex, note: field(request, 'note') || null };
    await context.commands.setTaskNote(note, actorOf(request));
    answerForm(request, response, addressOf(context, target, 'details'), 'The note is saved.');
  });
  return router;
}

async function loadTarget(context: WebContext, request: Request): Promise<Target> {
  const dag = await loadDag(context, param(request, 'dagId'));
  const run = await loadRun(context, dag.dagId, param(request, 'runId'));
  return { dag, run, taskId: param(request, 'taskId') || null, mapIndex: queryNumber(request, 'map_index', -1, -1, 1_000_000) };
}

async function fieldsOf(context: WebContext, verb: Verb, dag: DagHead): Promise<ParamField[]> {
  if (verb.name !== 'rerun' || dag.version === null) return [];
  return paramFields((await readCompiledDag(context.database.pool, dag.version)).spec.params);
}

interface Form {
  readonly verb: Verb;
  readonly target: Target;
  readonly fields: readonly ParamField[];
  readonly error?: ThenceError;
}

async function sendForm(context: WebContext, request: Request, response: Response, { verb, target, fields, error }: Form): Promise<void> {
  const { plan, seen, problem } = error
    ? { plan: null, seen: '', problem: error }
    : await planOf(() => verb.wanted(context, request, target, fields));
  const { run, taskId, mapIndex } = target;
  const at = { map_index: mapIndex >= 0 ? mapIndex : null };
  const compiled = run.version ? await readCompiledDag(context.database.pool, run.version) : null;
  await sendPage(context, request, response, {
    view: 'pages/verb',
    title: verb.heading(nameOf(target)),
    nav: 'dags',
    dagZone: target.dag.timezone,
    liveMs: null,
    status: problem && request.query['fragment'] === undefined ? problem.status : 200,
    locals: {
      ...target, fields, seen,
      verb: verb.name,
      heading: verb.heading(nameOf(target)),
      button: verb.button,
      isMapped: taskId !== null && (compiled?.tasks.get(taskId)?.expand ?? null) !== null,
      values: request.body as Record<string, string>,
      action: taskId === null ? context.links.runAction(run.dagId, run.runId, verb.name) : context.links.taskAction(run.dagId, run.runId, taskId, verb.name, at),
      back: addressOf(context, target),
      plan: plan && planRows(plan),
      error: problem?.message ?? null,
    }, // prettier-ignore
  });
}

async function planOf(wanted: () => Wanted): Promise<{ plan: TaskPlan | null; seen: string; problem: ThenceError | null }> {
  try {
    const asked = wanted();
    return { plan: await asked.plan(), seen: keyOf(asked), problem: null };
  } catch (error) {
    if (!(error instanceof ThenceError) || error.code === 'NOT_FOUND') throw error;
    return { plan: null, seen: '', problem: error };
  }
}

const keyOf = ({ request }: Wanted): string => createHash('sha256').update(JSON.stringify(request)).digest('hex').slice(0, 16);

const isOn = (request: Request, name: string): boolean => field(request, name) === 'true';

function scopeOf(request: Request, target: Target): TaskScope {
  const task = pickOf(request, target);
  return {
    dagId: target.run.dagId,
    runId: target.run.runId,
    ...(task ? { tasks: [task] } : { taskPattern: field(request, 'task_pattern') || null }),
    upstream: isOn(request, 'upstream'),
    downstream: isOn(request, 'downstream'),
    past: isOn(request, 'past'),
    future: isOn(request, 'future'),
  };
}

function pickOf(request: Request, { taskId, mapIndex }: Target): TaskPick | null {
  return taskId !== null && mapIndex >= 0 && field(request, 'instances') !== 'all' ? [taskId, mapIndex] : taskId;
}

function versionOf(request: Request): 'latest' | 'own' | undefined {
  const version = field(request, 'version');
  if (version === '' || version === 'latest' || version === 'own') return version || undefined;
  throw new ThenceError('INVALID_VALUE', `"${version}" is no choice of code; latest and own are.`);
}

function nameOf({ run, taskId, mapIndex }: Target): string {
  return taskId === null ? run.runId : mapIndex < 0 ? taskId : `${taskId} [${mapIndex}]`;
}

function addressOf({ links }: WebContext, { run, taskId, mapIndex }: Target, view?: string): string {
  if (taskId === null) return links.run(run.dagId, run.runId);
  return links.task(run.dagId, run.runId, taskId, { map_index: mapIndex >= 0 ? mapIndex : null, view });
}
