/**
 * NOTIFY makes things quick and nothing more: what matters is in `run_wake` and in the states, which the poll reads anyway. It is
 * sent after the commit, empty, at most once per 10 ms: inside a transaction it cut commits to a third when measured.
 *
 * One connection listens and notifies. A listening connection can die without a word, so it is asked every 10 s; a new one wakes
 * everybody here, since what was announced meanwhile was missed.
 */
import pg from 'pg';
import { WAKE_CHANNEL } from '../../service/wakeup';
import type { Logger } from '../../telemetry/logger';

const DEBOUNCE_MS = 10;
const PING_MS = 10_000;
const RECONNECT_MS = 1_000;

export interface PgWakeupOptions {
  /** Straight to the server, not through a pooler (LISTEN belongs to a connection). */
  readonly url: string;
  readonly applicationName?: string;
  readonly logger?: Logger;
}

export class PgWakeup {
  private readonly listeners = new Set<() => void>();
  private client: pg.Client | null = null;
  private stopped = true;
  private ping: NodeJS.Timeout | null = null;
  private reconnect: NodeJS.Timeout | null = null;
  private announce: NodeJS.Timeout | null = null;

  constructor(private readonly options: PgWakeupOptions) {}

  /** Called when another process said that something changed, and when the connection is new. Returns how to stop it. */
  onWake(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells the other processes to look. After the commit. Lost when the connection is away. */
  notify(): void {
    this.announce ??= setTimeout(() => {
      this.announce = null;
      this.client?.query(`NOTIFY ${WAKE_CHANNEL}`).catch(() => undefined);
    }, DEBOUNCE_MS);
  }

  /** Resolves when the first connection listens or has failed; a failed one is tried again for ever. */
  async start(): Promise<void> {
    this.stopped = false;
    await this.connect();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const timer of [this.ping, this.reconnect, this.announce]) if (timer) clearTimeout(timer);
    const { client } = this;
    this.client = null;
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const { url, applicationName = 'thence-wakeup', logger } = this.options;
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
    });
    const lost = (error: Error) => {
      client.removeAllListeners('notification');
      if (this.client === client) this.client = null;
      client.end().catch(() => undefined);
      if (this.stopped || this.reconnect) return;
      logger?.warn(`not listening for wake-ups, the poll goes on: ${error.message}`);
      this.reconnect = setTimeout(() => {
        this.reconnect = null;
        void this.connect();
      }, RECONNECT_MS);
    };
    client.on('error', lost);
    client.on('end', () => this.client === client && lost(new Error('the connection ended')));
    client.on('notification', ({ processId }) => {
      if (processId !== (client as unknown as { processID: number }).processID) this.wakeAll();
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${WAKE_CHANNEL}`);
    } catch (error) {
      lost(error as Error);
      return;
    }
    if (this.stopped) {
      await client.end().catch(() => undefined);
      return;
    }
    this.client = client;
    this.wakeAll();
    if (this.ping) clearInterval(this.ping);
    this.ping = setInterval(() => {
      this.client?.query('SELECT 1').catch(lost);
    }, PING_MS);
  }

  private wakeAll(): void {
    for (const listener of this.listeners) listener();
  }
}
