import type { RunState } from '../core/states';
import { isRunFinished } from '../core/states';
import type { JsonObject } from '../core/json';
import type { Database } from '../db/database';
import type { Ledger, NewRun, RunPk, Transaction } from '../ledger/ledger';
import type { Service } from '../service/service';
import type { ReprocessBehavior } from '../commands/commands';
import { startsAgain } from '../commands/plan-backfill';
import { runIdOf } from '../commands/run-ids';

interface OpenBackfill {
  readonly id: number;
  readonly dag_id: string;
  readonly max_active_runs: number;
  readonly reprocess_behavior: ReprocessBehavior;
  readonly conf: JsonObject;
  readonly created_by: string | null;
  /** Null: all. */
  readonly task_ids: readonly string[] | null;
  readonly run_on_latest_version: boolean;
  /** Not paused, and its DAG is there. */
  readonly goes_on: boolean;
  readonly unfinished: number;
  readonly left: boolean;
}

interface Slot {
  readonly ordinal: number;
  readonly logical_date: Date;
  readonly interval_start: Date;
  readonly interval_end: Date;
  readonly run: RunPk | null;
  readonly state: RunState | null;
}

/** Intervals looked at in one pass of one backfill. */
const SLOTS_PER_PASS = 200;
const FEWEST_AHEAD = 20;
const MOST_AHEAD = 500;

/**
 * Carries out stored backfills: makes (or clears) their runs in the order of their ordinals, a bounded number ahead of what runs, so that
 * ten years are not ten thousand queued rows. Starting them, at most maxActiveRuns at a time, is the Ledger's. What becomes of an
 * interval is written beside it in the transaction of the change, only while that is still open: of two schedulers one does it.
 */
export class RunBackfills implements Service {
  readonly name = 'run-backfills';
  readonly intervalMs = 1_000;
  private open: ReadonlySet<string> = new Set();

  constructor(private readonly deps: { readonly database: Database; readonly ledger: Ledger; readonly onQueued: () => void }) {}

  /** Whether the end of a run of this DAG matters here. */
  waitsFor(dagId: string): boolean {
    return this.open.has(dagId);
  }

  async runOnce(signal: AbortSignal): Promise<boolean> {
    const backfills = await this.openBackfills();
    this.open = new Set(backfills.map((backfill) => backfill.dag_id));
    let more = false;
    let queued = 0;
    for (const backfill of backfills) {
      if (signal.aborted) return false;
      if (!backfill.left && backfill.unfinished === 0) await this.complete(backfill.id);
      const room = backfill.left && backfill.goes_on ? roomOf(backfill) : 0;
      if (room === 0) continue;
      const slots = await this.nextSlots(backfill, room);
      queued += await this.fill(backfill, slots);
      // Intervals that need nothing took no room: look at once for some that do.
      more ||= slots.some((slot) => slot.state !== null);
    }
    if (queued > 0) this.deps.onQueued();
    return more;
  }

  private async openBackfills(): Promise<OpenBackfill[]> {
    const { rows } = await this.deps.database.pool.query<OpenBackfill>(
      `SELECT b.id, b.dag_id, b.max_active_runs, b.reprocess_behavior, b.conf, b.created_by, b.task_ids, b.run_on_latest_version,
              d.is_active AND NOT b.is_paused AS goes_on,
              (SELECT count(*) FROM dag_run r WHERE r.dag_id = b.dag_id AND r.backfill_id = b.id AND r.state = 'queued')::int
            + (SELECT count(*) FROM dag_run r WHERE r.dag_id = b.dag_id AND r.backfill_id = b.id AND r.state = 'running')::int AS unfinished,
              EXISTS (SELECT FROM backfill_run s WHERE s.backfill_id = b.id AND s.outcome IS NULL) AS left
         FROM backfill b JOIN dag d USING (dag_id) WHERE b.completed_at IS NULL ORDER BY b.id`,
    );
    return rows;
  }

  private async nextSlots(backfill: OpenBackfill, room: number): Promise<Slot[]> {
    const { rows } = await this.deps.database.pool.query<Slot>(
      `SELECT s.ordinal, s.logical_date, s.interval_start, s.interval_end, r.pk AS run, r.state
         FROM backfill_run s LEFT JOIN dag_run r ON r.dag_id = $2 AND r.logical_date = s.logical_date
        WHERE s.backfill_id = $1 AND s.outcome IS NULL ORDER BY s.ordinal LIMIT $3`,
      [backfill.id, backfill.dag_id, Math.min(room, SLOTS_PER_PASS)],
    );
    return rows;
  }

  /** Returns how many runs are queued now that were not. */
  private async fill(backfill: OpenBackfill, slots: readonly Slot[]): Promise<number> {
    const fresh = slots.filter((slot) => slot.run === null);
    const again = slots.filter((slot) => slot.state !== null && startsAgain(slot.state, backfill.reprocess_behavior));
    const left = slots.filter((slot) => slot.state !== null && !startsAgain(slot.state, backfill.reprocess_behavior));
    await this.leaveAsTheyAre(backfill, left);
    let queued = await this.create(backfill, fresh);
    for (const slot of again) {
      const outcome = await this.clear(backfill, slot);
      if (outcome === 'queued') queued++;
      // It has none of the tasks, on its own version.
      if (outcome === 'unchanged') await this.leaveAsTheyAre(backfill, [slot]);
    }
    return queued;
  }

  private async create(backfill: OpenBackfill, slots: readonly Slot[]): Promise<number> {
    if (slots.length === 0) return 0;
    return unlessChanged(0, async () => {
      const results = await this.deps.ledger.createRuns(
        slots.map((slot) => newRunOf(backfill, slot)),
        async (transaction, results) => {
          // One that came into being meanwhile stays open: the next pass sees it as existing.
          const made = slots.flatMap((slot, i) => (results[i]!.created ? [{ ordinal: slot.ordinal, run: results[i]!.run }] : []));
          if (backfill.task_ids) {
            await transaction.query('UPDATE dag_run SET only_tasks = $2 WHERE pk = ANY($1)', [
              made.map(({ run }) => run),
              backfill.task_ids,
            ]);
          }
          await record(transaction, backfill, 'created', made);
        },
      );
      return results.filter((result) => result.created).length;
    });
  }

  /** It becomes a run of this backfill, so that it counts here and runs while the DAG is paused. Of some tasks only these are cleared. */
  private async clear(backfill: OpenBackfill, slot: Slot): Promise<'queued' | 'unchanged' | 'changed meanwhile'> {
    const run = slot.run!;
    const tasks = backfill.task_ids && backfill.task_ids.map((taskId) => ({ taskId, mapIndexes: null }));
    const version = backfill.run_on_latest_version ? 'latest' : 'own';
    return unlessChanged('changed meanwhile', async () => {
      const verdict = await this.deps.ledger.clearTasks({ run, tasks, version, conf: backfill.conf }, async (transaction, verdict) => {
        if (!verdict) throw new ChangedMeanwhile();
        if (verdict.to !== 'queued') return;
        await transaction.query(
          `UPDATE dag_run SET run_type = 'backfill', triggered_by = 'backfill', triggering_user = $2, backfill_id = $3, backfill_ordinal = $4,
             only_tasks = CASE WHEN $5 THEN NULL ELSE only_tasks END WHERE pk = $1`,
          [run, backfill.created_by, backfill.id, slot.ordinal, tasks === null],
        );
        await record(transaction, backfill, 'cleared', [{ ordinal: slot.ordinal, run }]);
      });
      return verdict!.to === 'queued' ? 'queued' : 'unchanged';
    });
  }

  private async leaveAsTheyAre(backfill: OpenBackfill, slots: readonly Slot[]): Promise<void> {
    if (slots.length === 0) return;
    await this.deps.database.pool.query(
      `UPDATE backfill_run s SET run = o.run, outcome = o.outcome FROM unnest($2::int[], $3::bigint[], $4::text[]) AS o(ordinal, run, outcome)
        WHERE s.backfill_id = $1 AND s.ordinal = o.ordinal AND s.outcome IS NULL`,
      [
        backfill.id,
        slots.map((slot) => slot.ordinal),
        slots.map((slot) => slot.run),
        slots.map((slot) => (isRunFinished(slot.state!) ? 'already exists' : 'in flight')),
      ],
    );
  }

  private async complete(id: number): Promise<void> {
    await this.deps.database.pool.query(
      `UPDATE backfill b SET completed_at = clock_timestamp(), updated_at = clock_timestamp() WHERE id = $1 AND completed_at IS NULL
          AND NOT EXISTS (SELECT FROM backfill_run s WHERE s.backfill_id = b.id AND s.outcome IS NULL)
          AND NOT EXISTS (SELECT FROM dag_run r WHERE r.backfill_id = b.id AND r.state IN ('queued', 'running'))`,
      [id],
    );
  }
}

/** In batches: as long as half of what may be queued ahead is still there, nothing is made. */
function roomOf({ max_active_runs, unfinished }: OpenBackfill): number {
  const ahead = Math.min(Math.max(max_active_runs, FEWEST_AHEAD), MOST_AHEAD);
  const room = max_active_runs + ahead - unfinished;
  return room >= ahead / 2 ? room : 0;
}

/** The backfill was cancelled or paused, or another scheduler did it. */
class ChangedMeanwhile extends Error {}

async function unlessChanged<T>(otherwise: T, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ChangedMeanwhile) return otherwise;
    throw error;
  }
}

/** Runs are locked before backfills, by everybody. */
async function record(
  transaction: Transaction,
  backfill: OpenBackfill,
  outcome: string,
  runs: readonly { ordinal: number; run: RunPk }[],
): Promise<void> {
  const { rowCount: open } = await transaction.query(
    'SELECT FROM backfill WHERE id = $1 AND completed_at IS NULL AND NOT is_paused FOR NO KEY UPDATE',
    [backfill.id],
  );
  if (open === 0) throw new ChangedMeanwhile();
  const { rowCount } = await transaction.query(
    `UPDATE backfill_run s SET run = o.run, outcome = $2 FROM unnest($3::int[], $4::bigint[]) AS o(ordinal, run)
      WHERE s.backfill_id = $1 AND s.ordinal = o.ordinal AND s.outcome IS NULL`,
    [backfill.id, outcome, runs.map((run) => run.ordinal), runs.map((run) => run.run)],
  );
  if (rowCount !== runs.length) throw new ChangedMeanwhile();
}

function newRunOf(backfill: OpenBackfill, slot: Slot): NewRun {
  const logicalDate = slot.logical_date.getTime();
  return {
    dagId: backfill.dag_id,
    runId: runIdOf('backfill', logicalDate),
    runType: 'backfill',
    logicalDate,
    interval: { start: slot.interval_start.getTime(), end: slot.interval_end.getTime() },
    // A backfill runs its past at once; the order among its runs is that of the ordinals.
    runAfter: slot.interval_end.getTime(),
    conf: backfill.conf,
    triggeredBy: 'backfill',
    triggeringUser: backfill.created_by,
    note: null,
    backfill: { id: backfill.id, ordinal: slot.ordinal },
  };
}
