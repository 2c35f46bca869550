import { readFileSync, readlinkSync } from 'node:fs';
import os from 'node:os';
import type { JsonObject } from '../core/json';
import type { Ledger, SessionId, SessionInfo } from '../ledger/ledger';
import type { Logger } from '../telemetry/logger';
import { ServiceRunner } from './service-runner';

/** Identifies the machine's present run: a pid means something only within it. */
export const thisHost = {
  host: os.hostname(),
  bootId: bootId(),
  pid: process.pid,
  isAlive(this: void, pid: number): boolean {
    try {
      process.kill(pid, 0);
      return !isZombie(pid);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  },
} as const;

export interface SessionKeeperOptions {
  readonly ledger: Ledger;
  readonly info: Omit<SessionInfo, 'host' | 'bootId' | 'pid'>;
  readonly logger: Logger;
  /** Stored with each renewal: figures for /metrics. */
  readonly details?: () => Promise<JsonObject>;
  /** The session was declared lost: what ran under it has to stop. Called again when a new one could not be opened at once. */
  readonly onLost?: (lost: SessionId) => void;
}

/**
 * A process's session: opened once, renewed three times in a lease, opened anew when somebody declared it lost. A database that is away
 * only delays the renewal: while it is away nobody can take the session, and the reaper waits a full lease when it is back.
 */
export class SessionKeeper {
  private session: SessionId | null = null;
  private readonly runner: ServiceRunner;

  constructor(private readonly options: SessionKeeperOptions) {
    const service = { name: 'renew-session', intervalMs: options.info.leaseMs / 3, runOnce: () => this.renew() };
    this.runner = new ServiceRunner(service, { logger: options.logger });
  }

  /** The present session. Only after `start`. */
  get id(): SessionId {
    if (this.session === null) throw new Error('the session has not been opened yet');
    return this.session;
  }

  async start(): Promise<SessionId> {
    this.session ??= await this.open();
    this.runner.start();
    return this.session;
  }

  /** Writes the details at once. */
  wake(): void {
    this.runner.wake();
  }

  /** Ends the session: attempts that it still has are lost. */
  async stop(): Promise<void> {
    await this.runner.stop();
    if (this.session === null) return;
    const { ledger, logger } = this.options;
    await ledger
      .closeSession(this.session)
      .catch((error: unknown) => logger.warn('could not close the session; its lease will run out', { error }));
    this.session = null;
  }

  private async renew(): Promise<void> {
    const { ledger, info, details, onLost, logger } = this.options;
    const session = this.id;
    if (await ledger.renewSession(session, info.leaseMs, (await details?.()) ?? {})) return;
    logger.warn('this process was taken for dead; it stops what it was running and goes on with a new session');
    // At once: others start it again, and the database may take its time for the new session.
    onLost?.(session);
    this.session = await this.open();
  }

  private open(): Promise<SessionId> {
    const { host, bootId, pid } = thisHost;
    return this.options.ledger.openSession({ ...this.options.info, host, bootId, pid });
  }
}

/** Dead, and not waited for yet by its parent. */
function isZombie(pid: number): boolean {
  try {
    return /\) Z [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false; // not Linux
  }
}

function bootId(): string {
  try {
    // Containers may share a host's name, and count their processes each from 1.
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // Not Linux: the time of the start, in minutes, because the clock is adjusted now and then.
    return `boot-${Math.round((Date.now() / 1000 - os.uptime()) / 60)}`;
  }
}
