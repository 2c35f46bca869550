/**
 * Quickness between processes: an empty NOTIFY after a commit, at most one every 10 ms from a process. It carries nothing and promises
 * nothing: what has to be done stands in the tables, and everybody looks there from time to time anyway.
 */
import pg from 'pg';
import type { Pool } from 'pg';
import type { Logger } from '../telemetry/logger';

/** Says that something may be there to be done. Never throws, never waits. Call it after the commit, not inside the transaction. */
export type Wakeup = () => void;

const CHANNEL = 'thence_wake';
const DEBOUNCE_MS = 10;
const PING_MS = 10_000;
const RECONNECT_MS = 1_000;

/** For the processes that change something. */
export function createWakeup(pool: Pool): Wakeup {
  let timer: NodeJS.Timeout | null = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      pool.query(`NOTIFY ${CHANNEL}`).catch(() => undefined);
    }, DEBOUNCE_MS);
  };
}

/**
 * For the schedulers: calls `onWake` for each NOTIFY of any process, and after every reconnect (what was sent meanwhile is lost). `url`
 * must reach the server itself, not a pooler (THENCE_DATABASE_DIRECT_URL). A connection can die without a word: it is asked every 10 s.
 */
export class WakeListener {
  private client: pg.Client | null = null;
  private timer: NodeJS.Timeout | null = null;
  private stopped = true;

  constructor(
    private readonly url: string,
    private readonly onWake: () => void,
    private readonly logger: Logger,
  ) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    void this.connect();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer) clearTimeout(this.timer);
    await this.client?.end().catch(() => undefined);
    this.client = null;
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.url,
      application_name: 'thence-wake',
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
      keepAlive: true,
    });
    this.client = client;
    client.on('notification', () => this.onWake());
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.onWake();
      this.again(PING_MS, () => this.ping(client));
    } catch (error) {
      await this.reconnect(client, error);
    }
  }

  private async ping(client: pg.Client): Promise<void> {
    try {
      await client.query('SELECT 1');
      this.again(PING_MS, () => this.ping(client));
    } catch (error) {
      await this.reconnect(client, error);
    }
  }

  private async reconnect(client: pg.Client, error: unknown): Promise<void> {
    if (this.stopped) return;
    this.logger.debug('the wake-up connection was lost, connecting again', { error });
    client.end().catch(() => undefined);
    this.again(RECONNECT_MS, () => this.connect());
  }

  private again(afterMs: number, work: () => Promise<void>): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => void work(), afterMs);
  }
}
