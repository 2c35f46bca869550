/** A database that is away for a while must not fail a task: questions wait for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ThenceError } from '../core/errors';

const patienceMs = 5 * 60_000;

/** Runs `ask`, again and again while its error says that the database cannot be reached. @throws UNAVAILABLE after five minutes */
export async function whileAway<T>(ask: () => Promise<T>): Promise<T> {
  const until = performance.now() + patienceMs;
  for (let pauseMs = 100; ; pauseMs = Math.min(2_000, pauseMs * 2)) {
    try {
      return await ask();
    } catch (error) {
      if (!isAway(error)) throw error;
      if (performance.now() > until)
        throw new ThenceError('UNAVAILABLE', 'the database could not be reached for five minutes', { cause: error });
    }
    await sleep(pauseMs);
  }
}

/** Sockets, SQLSTATE class 08, shutdown and start-up of the server, too many connections, and what `pg` says without a code. */
export function isAway(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (/^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|08|57P0[1-5]|53300)/.test(code)) return true;
  return /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Connection ended unexpectedly/.test(
    message,
  );
}
