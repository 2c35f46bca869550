/**
 * The waits, as a triggerer reads and claims them. What ends a wait is the Ledger's (`fireWaits`), fenced by id and generation.
 *
 * - Built-in waits belong to nobody. Who looks at one moves its `next_check_at` ahead and leaves its name, with SKIP LOCKED, so that two
 *   triggerers never look at one at the same time; should it die, the next to notice makes its waits due again at once.
 * - Waits of user triggers belong to a triggerer's session as long as that lives. Each take-over raises the generation, which refuses what
 *   the former owner may still report.
 */
import type { Pool } from 'pg';
import type { JsonObject } from '../core/json';
import type { WaitKind } from '../core/waits';
import type { SessionId } from '../ledger/ledger';

export interface DueWait {
  readonly id: string;
  readonly generation: number;
  readonly kind: WaitKind;
  readonly args: JsonObject;
  readonly interval_ms: number | null;
  /** The time that it had is over: this look is the last. */
  readonly timed_out: boolean;
}

/** A wait of a user's trigger, with all that is needed to run it. */
export interface OwnedWait {
  readonly id: string;
  readonly generation: number;
  readonly trigger: string;
  readonly args: JsonObject;
  readonly attempt: string;
  readonly bundle_hash: string;
  readonly file_path: string;
  readonly dag_id: string;
  readonly run_id: string;
  readonly task_id: string;
  readonly map_index: number;
  readonly try_number: number;
}

export interface Place {
  readonly host: string;
  readonly bootId: string;
  /** Of a process of this host. */
  readonly isAlive: (pid: number) => boolean;
}

export class WaitStore {
  constructor(private readonly pool: Pool) {}

  /** Built-in waits of these kinds that are due, as this session's for so many milliseconds (and as long as their request may take). */
  async claimDue(session: SessionId, claimMs: ReadonlyMap<WaitKind, number>, limit: number): Promise<DueWait[]> {
    const { rows } = await this.pool.query<DueWait>({
      name: 'claim_due_waits',
      text: `WITH due AS (
         SELECT id FROM wait WHERE kind <> 'custom' AND kind = ANY($4::text[]) AND next_check_at <= clock_timestamp()
         ORDER BY next_check_at LIMIT $3 FOR UPDATE SKIP LOCKED)
       UPDATE wait w SET session = $1::uuid,
         next_check_at = clock_timestamp() + (($2::int[])[array_position($4::text[], kind)] + coalesce((args->'request'->>'timeoutMs')::float8, 0)) * interval '1 millisecond'
       FROM due WHERE w.id = due.id
       RETURNING w.id, w.generation, w.kind, w.args, w.interval_ms, coalesce(w.timeout_at <= clock_timestamp(), false) AS timed_out`,
      values: [session, [...claimMs.values()], limit, [...claimMs.keys()]],
    });
    return rows;
  }

  /** Not yet: the next look is an interval away; `backoffToMs` doubles it each time. */
  async postpone(session: SessionId, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.pool.query({
      name: 'postpone_waits',
      text: `UPDATE wait SET session = NULL, next_check_at = clock_timestamp() + coalesce(interval_ms, 1000) * interval '1 millisecond',
         interval_ms = CASE WHEN args->>'backoffToMs' IS NULL THEN interval_ms
           ELSE greatest(interval_ms, least(interval_ms * 2, (args->>'backoffToMs')::numeric::bigint)) END
       WHERE id = ANY($1::uuid[]) AND session = $2::uuid`,
      values: [ids, session],
    });
  }

  /** Waits whose time is over, soonest first. A built-in one that is due has its last look first. */
  async timedOut(limit: number): Promise<{ readonly id: string; readonly generation: number }[]> {
    const { rows } = await this.pool.query<{ id: string; generation: number }>({
      name: 'timed_out_waits',
      text: `SELECT id, generation FROM wait
       WHERE timeout_at <= clock_timestamp() AND (kind = 'custom' OR next_check_at > clock_timestamp()) ORDER BY timeout_at LIMIT $1`,
      values: [limit],
    });
    return rows;
  }

  /**
   * Milliseconds until the next look or timeout; null: there is none. Moments and timeouts are met as they are; looks at everything else
   * are put together, as far as they fall within `togetherMs` from now.
   */
  async nextDueInMs(togetherMs: number): Promise<number | null> {
    const { rows } = await this.pool.query<{ first: number | null; exact: number | null }>({
      name: 'next_due_wait',
      text: `WITH next AS (
         SELECT (SELECT next_check_at FROM wait WHERE kind <> 'custom' ORDER BY next_check_at LIMIT 1) AS first,
           least(
             (SELECT next_check_at FROM wait WHERE kind <> 'custom' AND kind = 'time' AND next_check_at < clock_timestamp() + $1 * interval '1 millisecond'
               ORDER BY next_check_at LIMIT 1),
             (SELECT timeout_at FROM wait WHERE timeout_at IS NOT NULL ORDER BY timeout_at LIMIT 1)) AS exact)
       SELECT extract(epoch FROM first - clock_timestamp())::float8 * 1000 AS first,
         extract(epoch FROM exact - clock_timestamp())::float8 * 1000 AS exact FROM next`,
      values: [togetherMs],
    });
    const { first, exact } = rows[0]!;
    const due = [...(first === null ? [] : [Math.max(first, togetherMs)]), ...(exact === null ? [] : [exact])];
    return due.length === 0 ? null : Math.min(...due);
  }

  /** Sessions of triggerers that are gone and still stand in waits: lost or ended ones, and of this host those whose process is dead. */
  async deadOwners({ host, bootId, isAlive }: Place): Promise<SessionId[]> {
    const { rows } = await this.pool.query<{ id: SessionId; pid: number; here: boolean; gone: boolean }>({
      name: 'dead_owners',
      text: `SELECT id, pid, host = $1 AND boot_id = $2 AS here, state NOT IN ('alive', 'draining') AS gone FROM session s
       WHERE kind = 'triggerer' AND (EXISTS (SELECT FROM wait w WHERE w.kind = 'custom' AND w.session = s.id)
         OR EXISTS (SELECT FROM wait w WHERE w.kind <> 'custom' AND w.session IS NOT NULL AND w.session = s.id))`,
      values: [host, bootId],
    });
    return rows.filter(({ gone, here, pid }) => gone || (here && !isAlive(pid))).map(({ id }) => id);
  }

  /** Looks that a dead triggerer began and did not end are due again. */
  async freeLooks(dead: readonly SessionId[]): Promise<void> {
    if (dead.length === 0) return;
    await this.pool.query({
      name: 'free_looks',
      text: `UPDATE wait SET session = NULL, next_check_at = least(next_check_at, clock_timestamp())
       WHERE kind <> 'custom' AND session = ANY($1::uuid[])`,
      values: [dead],
    });
  }

  /**
   * Takes waits of user triggers that belong to nobody, or to the dead, oldest first. While several triggerers live, each takes its equal
   * part at first, and what is left after 2 s whoever has room.
   */
  async take(session: SessionId, dead: readonly SessionId[], room: number, owned: number): Promise<OwnedWait[]> {
    if (room <= 0) return [];
    const { rows } = await this.pool.query<OwnedWait>({
      name: 'take_waits',
      text: `WITH free AS (
         SELECT id, created_at FROM wait WHERE kind = 'custom' AND (session IS NULL OR session = ANY($2::uuid[]))),
       share AS (
         SELECT greatest(0, ceil((SELECT count(*) FROM wait WHERE kind = 'custom')::numeric / greatest(1,
           (SELECT count(*) FROM session WHERE kind = 'triggerer' AND state = 'alive' AND lease_until > clock_timestamp() AND id <> ALL($2::uuid[])))) - $4)::int AS n
         WHERE EXISTS (SELECT FROM free)),
       locked AS (
         SELECT w.id, w.created_at FROM wait w JOIN free USING (id) ORDER BY w.created_at LIMIT $3 FOR UPDATE OF w SKIP LOCKED),
       mine AS (
         SELECT id FROM (SELECT id, created_at, row_number() OVER (ORDER BY created_at) AS place FROM locked) l
         WHERE place <= (SELECT n FROM share) OR created_at < clock_timestamp() - interval '2 seconds'),
       taken AS (
         UPDATE wait w SET session = $1::uuid, generation = generation + 1 FROM mine
         WHERE w.id = mine.id AND EXISTS (SELECT FROM session WHERE id = $1::uuid AND state = 'alive') RETURNING w.*)
       SELECT w.id, w.generation, w.trigger, w.args, w.attempt, v.bundle_hash, v.file_path, v.dag_id, r.run_id, t.task_id, t.map_index, t.try_number
       FROM taken w JOIN dag_version v ON v.id = w.version JOIN task_instance t ON t.pk = w.ti JOIN dag_run r ON r.pk = w.run`,
      values: [session, dead, room, owned],
    });
    return rows;
  }

  async countOwned(session: SessionId): Promise<number> {
    const { rows } = await this.pool.query<{ n: number }>({
      name: 'count_owned_waits',
      text: `SELECT count(*)::int AS n FROM wait WHERE kind = 'custom' AND session = $1::uuid`,
      values: [session],
    });
    return rows[0]!.n;
  }

  async owned(session: SessionId): Promise<Map<string, number>> {
    const { rows } = await this.pool.query<{ id: string; generation: number }>({
      name: 'owned_waits',
      text: `SELECT id, generation FROM wait WHERE kind = 'custom' AND session = $1::uuid`,
      values: [session],
    });
    return new Map(rows.map(({ id, generation }) => [id, generation]));
  }

  /** Waits of user triggers that this session has and does not run. */
  async giveBack(session: SessionId, ids: readonly string[]): Promise<void> {
    await this.pool.query(`UPDATE wait SET session = NULL WHERE id = ANY($2::uuid[]) AND session = $1::uuid`, [session, ids]);
  }

  /** What this session had is anybody's. */
  async release(session: SessionId): Promise<void> {
    await this.pool.query(
      `UPDATE wait SET session = NULL, next_check_at = CASE WHEN kind = 'custom' THEN next_check_at ELSE least(next_check_at, clock_timestamp()) END
       WHERE session = $1::uuid`,
      [session],
    );
  }
}
