import type { Ledger, SessionId } from '../ledger/ledger';
import type { Service } from '../service/service';
import { thisHost } from '../service/session-keeper';
import type { Logger } from '../telemetry/logger';

export interface ReapSessionsDeps {
  readonly ledger: Ledger;
  readonly session: () => SessionId;
  readonly leaseMs: number;
  readonly logger: Logger;
  /** Kills what processes that have died on this host left running. */
  readonly sweep: () => void;
  /** Runs have been woken. */
  readonly onLost: (attempts: number) => void;
}

/** Ends the attempts of processes that are gone. Its first pass, at the start, finds those that a kill -9 left on this host. */
export class ReapSessions implements Service {
  readonly name = 'reap-sessions';
  readonly intervalMs: number;

  constructor(private readonly deps: ReapSessionsDeps) {
    this.intervalMs = Math.min(2_000, deps.leaseMs / 3);
  }

  async runOnce(): Promise<void> {
    const { ledger, session, leaseMs, logger, sweep, onLost } = this.deps;
    const { host, bootId } = thisHost;
    // Its tasks may live a moment longer than a process; they go before anybody starts them again.
    const isAlive = (pid: number) => {
      if (thisHost.isAlive(pid)) return true;
      sweep();
      return false;
    };
    const marginMs = leaseMs / 5;
    const lost = await ledger.reapSessions({ own: session(), host, bootId, isAlive, marginMs, intervalMs: this.intervalMs, leaseMs });
    if (lost === 0) return;
    logger.warn(`${lost} ${lost === 1 ? 'try' : 'tries'} of processes that are gone; they start again`);
    onLost(lost);
  }
}
