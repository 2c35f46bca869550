/**
 * Quickness between processes: an empty NOTIFY after a commit, at most one every 10 ms from a process. It carries nothing and promises
 * nothing: what has to be done stands in the tables, and everybody looks there from time to time anyway.
 */
import type { Pool } from 'pg';

/** Says that something may be there to be done. Never throws, never waits. Call it after the commit, not inside the transaction. */
export type Wakeup = () => void;

/** What schedulers hear it by. */
export interface WakeSource {
  /** Returns how to stop listening. */
  onWake(listener: () => void): () => void;
  notify(): void;
}

/** Of NOTIFY. */
export const WAKE_CHANNEL = 'thence';
const DEBOUNCE_MS = 10;

/** For processes that change something and listen to nothing: the web server, the DAG processor, the command line. */
export function createWakeup(pool: Pool): Wakeup {
  let timer: NodeJS.Timeout | null = null;
  let again = false;
  const send = () => {
    again = false;
    pool.query(`NOTIFY ${WAKE_CHANNEL}`).catch(() => undefined);
    timer = setTimeout(() => {
      timer = null;
      if (again) send();
    }, DEBOUNCE_MS);
  };
  // The first one at once: a command may end its process right after it.
  return () => {
    if (timer) again = true;
    else send();
  };
}
