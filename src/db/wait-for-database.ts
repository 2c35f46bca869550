import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from '../telemetry/logger';
import { unreachable, withoutPassword } from './database';
import { isOutage } from './outage';

const pauseMs = 500;
const sayAgainMs = 10_000;
/** Long enough for a restart of the server; a process that gives up says why, and whoever keeps it alive starts it again. */
const longestMs = 20_000;

export interface WaitOptions {
  /** @default 20 s */
  readonly waitMs?: number;
  /** Ends the waiting with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Waits until a server that is starting, or that the network does not lead to yet, answers. At once @throws UNAVAILABLE for what waiting
 * does not cure (a wrong password, a database that does not exist), and after `waitMs` for everything else.
 */
export async function waitForDatabase(url: string, logger?: Logger, { waitMs = longestMs, signal }: WaitOptions = {}): Promise<void> {
  const begin = performance.now();
  for (let nextWord = 0; ; await sleep(pauseMs, undefined, { signal })) {
    const error = await connectOnce(url);
    if (error === null) return;
    const waited = performance.now() - begin;
    if (!isOutage(error) || (error as { code?: string }).code === '3D000' || waited > waitMs) throw unreachable(url, error);
    if (waited >= nextWord) {
      logger?.warn(`waiting for the database at ${withoutPassword(url)}`, { because: unreachable(url, error).message });
      nextWord = waited + sayAgainMs;
    }
  }
}

async function connectOnce(url: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url, application_name: 'thence-wait', connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return null;
  } catch (error) {
    return error ?? new Error('unknown');
  } finally {
    await client.end().catch(() => undefined);
  }
}
