import { ThenceError } from '../core/errors';
import type { RunState } from '../core/states';
import type { DataInterval, Instant } from '../core/time';
import type { CreateRunResult, NewRun } from '../ledger/ledger';
import { writeAudit } from './audit';
import { checkConf } from './check-conf';
import type { Actor, TriggeredRun, TriggerRequest } from './commands';
import type { CommandContext } from './context';
import { instantOf } from './dates';
import { findDag, type StoredDag } from './find-dag';
import { checkRunId, isoOf, runIdOf } from './run-ids';

/** Runs triggered in the same millisecond step aside for each other this often. */
const STEPS_ASIDE = 50;

export async function triggerRun(context: CommandContext, request: TriggerRequest, actor: Actor): Promise<TriggeredRun> {
  const dag = await findDag(context, request.dagId);
  const conf = checkConf(dag, request.conf);
  const now = context.clock.now();
  for (let step = 0; ; step++) {
    const when = await datesOf(context, dag, request, now + step);
    const run: NewRun = {
      dagId: dag.dagId,
      runId: request.runId ? checkRunId(request.runId) : runIdOf('manual', when.logicalDate ?? when.runAfter),
      runType: 'manual',
      ...when,
      conf,
      triggeredBy: actor.via,
      triggeringUser: actor.user,
      note: request.note ?? null,
      backfill: null,
    };
    const [result] = await context.ledger.createRuns([run], async (transaction, [created]) => {
      if (!created!.created) return;
      const details = { conf, logical_date: when.logicalDate === null ? null : isoOf(when.logicalDate) };
      await writeAudit(transaction, actor, { action: 'trigger_run', dagId: dag.dagId, runId: run.runId, details });
    });
    if (result!.created) {
      context.wakeup();
      return { run: result!.run, isPaused: dag.isPaused, ...run };
    }
    const mayStepAside = result!.clash === 'logical_date' && request.logicalDate === undefined;
    if (!mayStepAside || step >= STEPS_ASIDE) throw await alreadyThere(context, run, result!);
  }
}

type When = Pick<NewRun, 'logicalDate' | 'interval' | 'runAfter'>;

async function datesOf(context: CommandContext, dag: StoredDag, request: TriggerRequest, now: Instant): Promise<When> {
  const zone = dag.spec.timezone;
  const runAfter = request.runAfter === undefined || request.runAfter === null ? now : instantOf('run_after', request.runAfter, zone);
  const logicalDate =
    request.logicalDate === undefined
      ? runAfter
      : request.logicalDate === null
        ? null
        : instantOf('logical date', request.logicalDate, zone);
  return { logicalDate, interval: await intervalOf(context, dag, request, logicalDate), runAfter };
}

async function intervalOf(
  { schedules }: CommandContext,
  dag: StoredDag,
  { dataInterval }: TriggerRequest,
  logicalDate: Instant | null,
): Promise<DataInterval | null> {
  if (!dataInterval) return logicalDate === null ? null : schedules.ask(dag.scheduled, { kind: 'manual', runAfter: logicalDate });
  const zone = dag.spec.timezone;
  const start = instantOf('start of the data interval', dataInterval.start, zone);
  const end = instantOf('end of the data interval', dataInterval.end, zone);
  if (start <= end) return { start, end };
  throw new ThenceError('INVALID_VALUE', `the data interval ends before it starts: ${isoOf(start)} to ${isoOf(end)}`);
}

async function alreadyThere(context: CommandContext, run: NewRun, { run: pk, ...result }: CreateRunResult): Promise<ThenceError> {
  const { rows } = await context.database.pool.query<{ run_id: string; state: RunState }>(
    'SELECT run_id, state FROM dag_run WHERE pk = $1',
    [pk],
  );
  const other = rows[0] ?? { run_id: run.runId, state: 'queued' };
  const what =
    'clash' in result && result.clash === 'logical_date' && run.logicalDate !== null
      ? `a run with the logical date ${isoOf(run.logicalDate)}: "${other.run_id}" (${other.state}). Give another logical date, or clear that run`
      : `a run "${run.runId}" (${other.state}). Give another run id, or clear that run`;
  return new ThenceError('ALREADY_EXISTS', `DAG "${run.dagId}" already has ${what}`, { details: { runId: other.run_id } });
}
