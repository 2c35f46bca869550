import { setTimeout as sleep } from 'node:timers/promises';

/** Tries `check` until it neither throws nor returns false, and returns what it returned; after `withinMs` the last failure is thrown. */
export async function eventually<T>(check: () => T | Promise<T>, withinMs = 15_000): Promise<T> {
  const until = performance.now() + withinMs;
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    try {
      const result = await check();
      if (result !== false) return result;
      throw new Error(`still false after ${withinMs} ms: ${check.toString()}`);
    } catch (error) {
      if (performance.now() > until) throw error;
    }
    await sleep(pauseMs);
  }
}
