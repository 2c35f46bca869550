/**
 * A session is a process that owns attempts. One row carries its lease; only the database's clock counts. A session that was declared
 * lost never comes back: its process opens a new one.
 */
import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../core/json';
import type { ReapRequest, SessionId, SessionInfo } from '../ledger';
import { prepared } from './connections';
import type { LedgerContext } from './context';
import { endOrphans } from './orphans';

const insert = prepared(
  'open_session',
  `INSERT INTO session (id, kind, host, boot_id, pid, version, lanes, capacity, lease_until)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + $9 * interval '1 millisecond')`,
);
const renew = prepared(
  'renew_session',
  `UPDATE session SET renewed_at = clock_timestamp(), lease_until = clock_timestamp() + $2 * interval '1 millisecond', details = $3
   WHERE id = $1::uuid AND state IN ('alive', 'draining')`,
);
const close = prepared(
  'close_session',
  `UPDATE session SET state = 'ended', ended_at = clock_timestamp() WHERE id = $1::uuid AND state IN ('alive', 'draining')`,
);
const readLeases = prepared<{ id: SessionId; pid: number; here: boolean; expired: boolean }>(
  'read_leases',
  `SELECT id, pid, host = $2 AND boot_id = $3 AS here, lease_until + $4 * interval '1 millisecond' < clock_timestamp() AS expired
   FROM session WHERE state IN ('alive', 'draining') AND id <> $1::uuid`,
);
/** `$2`: of a dead process, whatever its lease says. */
const declareLost = prepared(
  'declare_lost',
  `UPDATE session SET state = 'lost', ended_at = clock_timestamp()
   WHERE id = ANY($1::uuid[]) AND state IN ('alive', 'draining')
     AND (id = ANY($2::uuid[]) OR lease_until + $3 * interval '1 millisecond' < clock_timestamp())`,
);
const readNow = prepared<{ now: number }>('read_now', 'SELECT clock_timestamp() AS now');

export async function openSession({ pool }: LedgerContext, info: SessionInfo): Promise<SessionId> {
  const id = randomUUID();
  await insert(pool, id, info.kind, info.host, info.bootId, info.pid, info.version, info.lanes, info.capacity, info.leaseMs);
  return id;
}

export async function renewSession({ pool }: LedgerContext, session: SessionId, leaseMs: number, details: JsonObject): Promise<boolean> {
  const { rowCount } = await renew(pool, session, leaseMs, JSON.stringify(details));
  return rowCount === 1;
}

export async function closeSession(context: LedgerContext, session: SessionId): Promise<void> {
  await close(context.pool, session);
  await endOrphans(context);
}

/**
 * Declares the dead lost. An outage is not a death: when this process has not been able to look for longer than two of its intervals
 * (the database was away, the laptop slept, it stalled itself), the others had no chance to renew either, and it waits one full
 * lease before it believes in expired ones. A dead process of this host is believed at once.
 */
export class Reaper {
  private lastPass: number | null = null;
  private trustAfter = 0;

  async run(context: LedgerContext, request: ReapRequest): Promise<number> {
    const { own, host, bootId, isAlive, marginMs, intervalMs, leaseMs } = request;
    const now = (await readNow(context.pool)).rows[0]!.now;
    if (this.lastPass === null || now - this.lastPass > 2 * intervalMs) this.trustAfter = now + leaseMs;
    this.lastPass = now;

    const { rows } = await readLeases(context.pool, own, host, bootId, marginMs);
    const dead = rows.filter((session) => session.here && !isAlive(session.pid));
    const expired = now < this.trustAfter ? [] : rows.filter((session) => session.expired);
    const ids = (sessions: typeof rows) => sessions.map(({ id }) => id);
    if (dead.length + expired.length > 0) await declareLost(context.pool, ids([...dead, ...expired]), ids(dead), marginMs);
    return endOrphans(context);
  }
}
