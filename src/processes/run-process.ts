/**
 * What all long-lived processes share: they start, say so, and stop once, gracefully, when they are told to (SIGTERM, SIGINT) or when
 * the supervisor that started them is gone. A second signal ends them at once.
 */
import type { Logger } from '../telemetry/logger';
import { ThenceError } from '../core/errors';
import { DO_NOT_RESTART } from './supervisor';

export interface Running {
  /** Resolves when the process ends by itself, to its exit code. Left out: never. */
  readonly ended?: Promise<number>;
  stop(): Promise<void>;
}

/** `start` may stop early, by an AbortError, when its signal says so. Resolves to the exit code when the process has stopped. Errors that a person can mend are logged as one sentence. */
export async function runProcess(name: string, logger: Logger, start: (signal: AbortSignal) => Promise<Running>): Promise<number> {
  const toldToStop = new AbortController();
  const told = new Promise<number>((resolve) => {
    let signals = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (++signals > 1) process.exit(signal === 'SIGINT' ? 130 : 143);
      logger.info(`${name} is stopping (${signal})`);
      toldToStop.abort();
      resolve(0);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    if (process.connected) process.once('disconnect', () => (toldToStop.abort(), resolve(0)));
  });

  let running: Running;
  try {
    running = await start(toldToStop.signal);
  } catch (error) {
    if (toldToStop.signal.aborted && (error as Error).name === 'AbortError') return 0;
    if (!(error instanceof ThenceError)) throw error;
    logger.error(error.message);
    // A database that was away for too long comes back some day; what is configured wrongly stays so.
    return process.connected && error.code !== 'UNAVAILABLE' ? DO_NOT_RESTART : error.exitCode;
  }
  const code = await Promise.race([told, ...(running.ended ? [running.ended] : [])]);
  await running.stop();
  return code;
}
