import { schedule } from 'node-cron';
import type { Logger } from '../telemetry/logger';
import type { Service } from './service';
import { ServiceRunner } from './service-runner';

/** Housekeeping that is due at wall-clock times (UTC) rather than all the time: node-cron says when, the runner does the rest. */
export class CronService {
  private readonly runner: ServiceRunner;
  private task: { stop(): unknown; destroy(): unknown } | null = null;

  /** `expression`: five fields, or six with seconds first. The service's own interval is not used. */
  constructor(
    private readonly expression: string,
    service: Omit<Service, 'intervalMs'>,
    logger: Logger,
  ) {
    this.runner = new ServiceRunner({ ...bound(service), intervalMs: NEVER_MS }, { logger, jitter: 0 });
  }

  /** Runs once at the start too: what was due while nothing ran is done then. */
  start(): void {
    if (this.task) return;
    this.runner.start();
    this.task = schedule(this.expression, () => this.runner.wake(), { timezone: 'UTC' });
  }

  async stop(): Promise<void> {
    await this.task?.destroy();
    this.task = null;
    await this.runner.stop();
  }
}

/** The longest that a timer takes. */
const NEVER_MS = 2 ** 31 - 1;

function bound(service: Omit<Service, 'intervalMs'>): Omit<Service, 'intervalMs'> {
  return { name: service.name, runOnce: (signal) => service.runOnce(signal) };
}
