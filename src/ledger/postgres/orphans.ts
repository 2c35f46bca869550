/** Ends the attempts of sessions that are lost or ended: their tasks start again as the next try (or fail), and their runs are woken. */
import type { AttemptId, RunPk } from '../ledger';
import { inTransaction, prepared } from './connections';
import type { LedgerContext } from './context';
import { decideEnding, findLiveAttempts, recordEndings } from './endings';
import { insertWakes, lockRuns, updateRuns } from './lock-runs';

const readOrphans = prepared<{ id: AttemptId }>(
  'read_orphans',
  `SELECT a.id FROM session s JOIN attempt a ON a.session = s.id WHERE s.state IN ('lost', 'ended') AND a.state <> 'ended' LIMIT $1`,
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
    const runs: RunPk[] = [...new Set(attempts.map(({ run }) => run))];
    await inTransaction(context.pool, async (client) => {
      await lockRuns(client, runs);
      await recordEndings(client, endings);
      await updateRuns(
        client,
        runs,
        runs.map(() => null),
      );
      await insertWakes(client, runs, 'attempt lost');
    });
    ended += attempts.length;
  }
}
