/** Ends the attempts of sessions that are lost or ended: their tasks start again as the next try (or fail), and their runs are woken. */
import { isFinished } from '../../core/states';
import type { AttemptId, RunPk } from '../ledger';
import { insertCallbacks, taskCallbacks } from './callbacks';
import { inTransaction, prepared } from './connections';
import type { LedgerContext } from './context';
import { hasDagLimits, lockDags, wakeRunsOfDags } from './dag-room';
import { decideEnding, findLiveAttempts, recordEndings } from './endings';
import type { Ending } from './endings';
import { insertWakes, lockRuns, updateRuns } from './lock-runs';
import { countEndings } from './mapped';
import { observedByNextRun, wakeNextRuns } from './past';

/** A parked attempt has no process that it could lose. */
const readOrphans = prepared<{ id: AttemptId }>(
  'read_orphans',
  `SELECT a.id FROM session s JOIN attempt a ON a.session = s.id
   WHERE s.state IN ('lost', 'ended') AND a.state <> 'ended' AND a.state <> 'parked' LIMIT $1`,
);

const BATCH = 500;

/** Also finds what an earlier pass declared lost and did not get to. Returns how many attempts ended. */
export async function endOrphans(context: LedgerContext): Promise<number> {
  let ended = 0;
  for (;;) {
    const { rows } = await readOrphans(context.pool, BATCH);
    const attempts = await findLiveAttempts(
      context.pool,
      rows.map(({ id }) => id),
    );
    if (attempts.length === 0) return ended;
    await context.versions.load(context.pool, new Set(attempts.map(({ version }) => version)));
    const endings = attempts.map((attempt) => {
      const outcome = { kind: 'lost', message: 'its process is gone' } as const;
      const report = { attemptId: attempt.attemptId, outcome, cpuMs: null, peakKb: null };
      return decideEnding(attempt, report, context.versions, null, Date.now(), context.maxLostTries);
    });
    await recordLost(context, endings);
    ended += attempts.length;
  }
}

function recordLost({ pool, versions }: LedgerContext, endings: readonly Ending[]): Promise<void> {
  const runs: RunPk[] = [...new Set(endings.map(({ attempt }) => attempt.run))];
  const dagOf = (version: string) => versions.get(version).dag;
  const dags = endings.map(({ attempt }) => dagOf(attempt.version)).filter(hasDagLimits);
  const limited = [...new Set(dags.map(({ spec }) => spec.dagId))];
  const observed = endings.filter(
    ({ attempt, after }) => isFinished(after.state) && observedByNextRun(dagOf(attempt.version)).has(attempt.taskId),
  );

  return inTransaction(pool, async (client) => {
    await lockRuns(client, runs);
    if (limited.length > 0) await lockDags(client, limited);
    const { rows: recorded } = await recordEndings(client, endings);
    await countEndings(client, recorded);
    await insertCallbacks(client, taskCallbacks(endings, recorded, versions));
    await updateRuns(
      client,
      runs.map((run) => ({ run })),
    );
    await insertWakes(client, runs, 'attempt lost');
    await wakeNextRuns(client, [...new Set(observed.map(({ attempt }) => attempt.run))]);
    await wakeRunsOfDags(client, limited, runs);
  });
}
