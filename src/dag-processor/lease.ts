/**
 * One DAG processor at a time. Two that see different files would switch each other's DAGs off and on, so the second waits.
 *
 * The owner is the session (kind dag-processor) that is `active` and whose lease has not ended, by the database's clock. It renews one
 * row; whoever takes over marks the old session lost in the same transaction, so that a processor that slept can store nothing: each
 * of its transactions begins with `holdLease`, which locks the session's row and demands that it is alive.
 */
import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { packageVersion } from '../config/package-root';
import { thisHost } from '../service/session-keeper';

export interface ProcessorPlace {
  readonly dagsFolder: string;
  readonly leaseMs: number;
}

/** Somebody else who is at work. */
export interface Holder {
  readonly host: string;
  readonly pid: number;
  readonly dagsFolder: string;
}

/** The lease is gone: another processor has taken over, or this one was declared lost. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
  constructor() {
    super('another DAG processor has taken over');
  }
}

/** Sessions that processors of this very process hold. */
const heldHere = new Set<string>();

const ADVISORY_KEY = 'thence.dag-processor';

export class ProcessorLease {
  private id: string = randomUUID();

  constructor(
    private readonly pool: Pool,
    private readonly place: ProcessorPlace,
  ) {}

  /** Registers this process, active if nobody else is. Call it again until it gives null; each call renews the waiting session. */
  async acquire(): Promise<Holder | null> {
    return inTransaction(this.pool, async (client) => {
      // Two that start together decide one after the other.
      await client.query('SELECT pg_advisory_xact_lock(hashtext($1))', [ADVISORY_KEY]);
      const holder = await this.otherHolder(client);
      await this.dropEndedSession(client);
      const details = { dagsFolder: this.place.dagsFolder, active: holder === null };
      await client.query(
        `INSERT INTO session (id, kind, host, boot_id, pid, version, lease_until, details)
         VALUES ($1, 'dag-processor', $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 ms', $7)
         ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until, renewed_at = clock_timestamp(), details = excluded.details`,
        [this.id, thisHost.host, thisHost.bootId, thisHost.pid, packageVersion, this.place.leaseMs, JSON.stringify(details)],
      );
      if (holder === null) heldHere.add(this.id);
      return holder;
    });
  }

  /** @throws LeaseLost */
  async renew(): Promise<void> {
    const { rowCount } = await this.pool.query(
      `UPDATE session SET lease_until = clock_timestamp() + $2 * interval '1 ms', renewed_at = clock_timestamp()
       WHERE id = $1 AND state = 'alive'`,
      [this.id, this.place.leaseMs],
    );
    if (rowCount === 0) throw new LeaseLost();
  }

  /** First statement of every transaction that stores. @throws LeaseLost */
  async hold(client: PoolClient): Promise<void> {
    const { rowCount } = await client.query(`SELECT FROM session WHERE id = $1 AND state = 'alive' FOR SHARE`, [this.id]);
    if (rowCount === 0) throw new LeaseLost();
  }

  async release(): Promise<void> {
    heldHere.delete(this.id);
    await this.pool.query(`UPDATE session SET state = 'ended', ended_at = clock_timestamp() WHERE id = $1 AND state = 'alive'`, [this.id]);
  }

  /** A session that was declared lost (this process slept) never comes back: a new one takes its place. */
  private async dropEndedSession(client: PoolClient): Promise<void> {
    const { rowCount } = await client.query(`SELECT FROM session WHERE id = $1 AND state <> 'alive'`, [this.id]);
    if (rowCount !== 0) this.id = randomUUID();
  }

  /** Takes over from a processor whose lease has ended, or that was a process of this machine and is dead. */
  private async otherHolder(client: PoolClient): Promise<Holder | null> {
    const { rows } = await client.query<{ id: string; host: string; boot_id: string; pid: number; expired: boolean; folder: string }>(
      `SELECT id, host, boot_id, pid, lease_until <= clock_timestamp() AS expired, details->>'dagsFolder' AS folder
       FROM session WHERE kind = 'dag-processor' AND state = 'alive' AND id <> $1 AND details->>'active' = 'true' FOR UPDATE`,
      [this.id],
    );
    for (const other of rows) {
      const isHere = other.host === thisHost.host && other.boot_id === thisHost.bootId;
      if (!other.expired && !(isHere && !isHolderAlive(other))) return { host: other.host, pid: other.pid, dagsFolder: other.folder };
      await client.query(`UPDATE session SET state = 'lost', ended_at = clock_timestamp() WHERE id = $1`, [other.id]);
    }
    return null;
  }
}

/** Runs `work` between BEGIN and COMMIT on one connection. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    // A connection that cannot even roll back is thrown away.
    await client.query('ROLLBACK').then(
      () => client.release(),
      (broken: Error) => client.release(broken),
    );
    throw error;
  }
}

function isHolderAlive({ id, pid }: { readonly id: string; readonly pid: number }): boolean {
  // A container gives the process that replaces another the same pid.
  return pid === thisHost.pid ? heldHere.has(id) : thisHost.isAlive(pid);
}
