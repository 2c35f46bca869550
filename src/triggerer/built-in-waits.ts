/**
 * The waits without user code: looks at those that are due, ends those that have come true or whose time is over. A timer stands on the
 * earliest that is to come, so that a wait of 200 ms is 200 ms.
 */
import type { WaitKind } from '../core/waits';
import type { SessionId } from '../ledger/ledger';
import type { Service } from '../service/service';
import type { FireEvents } from './fire-events';
import { lookAtWaits } from './look';
import type { LookDeps } from './look';
import type { DueWait, Place, WaitStore } from './wait-store';

export interface BuiltInWaitsDeps {
  readonly store: WaitStore;
  readonly fire: Pick<FireEvents, 'add'>;
  readonly session: () => SessionId;
  readonly place: Place;
  readonly look: Omit<LookDeps, 'signal'>;
  /** Something is due in so many milliseconds. */
  readonly onNext: (ms: number) => void;
}

const BATCH = 500;
const QUICK = ['time', 'external-task', 'dag-run'] as const;
const SLOW = ['http', 'file', 'sql'] as const;
/** Whoever looks has so long to say what it saw; then somebody looks again. */
const QUICK_CLAIMS: ReadonlyMap<WaitKind, number> = new Map(QUICK.map((kind) => [kind, 5_000]));
const CLAIMS: ReadonlyMap<WaitKind, number> = new Map<WaitKind, number>([...QUICK_CLAIMS, ...SLOW.map((kind) => [kind, 60_000] as const)]);
/** Batches of slow looks at once. */
const MOST_ASIDE = 4;
/** Looks that fall together so closely are one batch. */
const TOGETHER_MS = 250;

export class BuiltInWaits implements Service {
  readonly name = 'built-in-waits';
  readonly intervalMs = 1_000;
  /** For metrics. */
  looks = 0;
  private reapedAt = -Infinity;
  /** A look that takes long (a request) must not hold up those that do not. */
  private readonly slow = new Set<Promise<void>>();

  constructor(private readonly deps: BuiltInWaitsDeps) {}

  async runOnce(signal: AbortSignal): Promise<boolean> {
    const { store, session, place, onNext } = this.deps;
    if (performance.now() - this.reapedAt > this.intervalMs) {
      this.reapedAt = performance.now();
      await store.freeLooks((await store.deadOwners(place)).filter((id) => id !== session()));
    }
    const busy = this.slow.size >= MOST_ASIDE;
    const due = await store.claimDue(session(), busy ? QUICK_CLAIMS : CLAIMS, BATCH);
    this.looks += due.length;
    this.lookAside(due.filter(isSlow), signal);
    await this.look(
      due.filter((wait) => !isSlow(wait)),
      signal,
    );
    const late = await this.endTimedOut();
    if (due.length === BATCH || late) return true;
    const next = await store.nextDueInMs(TOGETHER_MS);
    // While slow ones stand in line, the earliest is due already.
    if (next !== null) onNext(Math.max(busy ? TOGETHER_MS : 1, next));
    return false;
  }

  /** When all looks have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.slow);
  }

  private lookAside(waits: readonly DueWait[], signal: AbortSignal): void {
    if (waits.length === 0) return;
    // What a look throws is the database's absence: the claim runs out, and somebody looks again.
    const looking: Promise<void> = this.look(waits, signal)
      .catch(() => undefined)
      .finally(() => {
        this.slow.delete(looking);
        this.deps.onNext(0);
      });
    this.slow.add(looking);
  }

  private async look(waits: readonly DueWait[], signal: AbortSignal): Promise<void> {
    if (waits.length === 0) return;
    const { store, fire, session, look } = this.deps;
    const owner = session();
    const notYet: string[] = [];
    await lookAtWaits(waits, { ...look, signal }, (wait, seen) => {
      const event = seen ?? (wait.timed_out ? ({ kind: 'timeout' } as const) : null);
      if (event) void fire.add([{ wait: wait.id, generation: wait.generation, event }]);
      else notYet.push(wait.id);
    });
    await store.postpone(owner, notYet);
  }

  private async endTimedOut(): Promise<boolean> {
    const late = await this.deps.store.timedOut(BATCH);
    if (late.length > 0) await this.deps.fire.add(late.map(({ id, generation }) => ({ wait: id, generation, event: { kind: 'timeout' } })));
    return late.length === BATCH;
  }
}

const isSlow = ({ kind }: DueWait) => (SLOW as readonly string[]).includes(kind);
