import type { Outcome } from '../../src/core/workload';
import { Engine } from '../../src/engine/engine';
import type { EngineOptions } from '../../src/engine/engine';
import type { ClaimedAttempt, HopResult, Ledger, RunPk } from '../../src/ledger/ledger';
import { MemoryLedger } from '../../src/ledger/memory/memory-ledger';
import type { Logger } from '../../src/telemetry/logger';
import { eventually } from '../support/eventually';
import { dagSpec } from '../support/factories';
import type { DagSpecInput } from '../support/factories';
import { failed, newRun, SESSION, succeeded } from '../ledger/conformance';

const silent = {
  debug: () => silent,
  info: () => silent,
  warn: () => silent,
  error: () => silent,
  child: () => silent,
} as unknown as Logger;

let engine: Engine;
afterEach(() => engine.stop());

/** An engine over a memory ledger, with an executor that answers at once; `outcomeOf` null leaves an attempt running. */
async function setUp(
  dag: DagSpecInput,
  {
    outcomeOf = () => succeeded(),
    slots = 4,
    ...options
  }: Partial<EngineOptions> & { outcomeOf?: (attempt: ClaimedAttempt) => Outcome | null; slots?: number } = {},
) {
  const ledger = new MemoryLedger();
  ledger.addDag({ spec: dagSpec(dag) });
  const session = await ledger.openSession(SESSION);
  const began: { taskId: string; tryNumber: number; at: number }[] = [];
  const running = new Map<string, ClaimedAttempt>();
  const cancelled: string[] = [];
  const hops: HopResult[] = [];
  let most = 0;
  const end = (attempt: ClaimedAttempt, outcome: Outcome) => {
    running.delete(attempt.attemptId);
    engine.attemptFinished({ attemptId: attempt.attemptId, outcome, cpuMs: null, peakKb: null });
  };
  engine = new Engine({
    ledger,
    session: () => session,
    capacity: () => new Map([['default', slots - running.size]]),
    dispatch: (claimed) => {
      for (const attempt of claimed) {
        running.set(attempt.attemptId, attempt);
        most = Math.max(most, running.size);
        began.push({ taskId: attempt.taskId, tryNumber: attempt.tryNumber, at: performance.now() });
        const outcome = outcomeOf(attempt);
        if (outcome) setImmediate(() => end(attempt, outcome));
      }
    },
    cancel: (attemptId) => void cancelled.push(attemptId),
    logger: silent,
    pollMs: 60_000,
    onHop: (result) => void hops.push(result),
    ...options,
  });
  engine.start();
  const start = async (): Promise<RunPk> => {
    const [created] = await ledger.createRuns([newRun(dag.dagId)]);
    engine.wakeUp(await ledger.startQueuedRuns(10));
    return created!.run;
  };
  const ended = (run: RunPk) => eventually(() => ['success', 'failed'].includes(ledger.run(run)!.state));
  return { ledger, began, running, cancelled, hops, start, ended, end, most: () => most };
}

const ids = (count: number) => Array.from({ length: count }, (_, i) => `t${String(i).padStart(3, '0')}`);

it('carries a chain to its end without being asked again', async () => {
  const chain = ids(40);
  const { start, ended, began, ledger } = await setUp({
    dagId: 'd',
    tasks: chain,
    edges: chain.slice(1).map((id, i) => [chain[i]!, id] as const),
  });
  const run = await start();
  await ended(run);
  expect(began.map(({ taskId }) => taskId)).toEqual(chain);
  expect(ledger.run(run)!.state).toBe('success');
});

it('never has more at work than there are slots, and uses each as soon as it is free', async () => {
  const { start, ended, began, most } = await setUp({ dagId: 'd', maxActiveTasks: 500, tasks: ids(100) }, { slots: 7 });
  await ended(await start());
  expect(began).toHaveLength(100);
  expect(most()).toBe(7);
});

it('takes along in one hop what ended meanwhile', async () => {
  const { start, ended, hops } = await setUp({ dagId: 'd', maxActiveTasks: 500, tasks: ids(100) }, { slots: 100 });
  await ended(await start());
  await eventually(() => hops.some(({ finished }) => finished.length > 20));
});

it('retries after the delay by its own timer, without a poll', async () => {
  const outcomeOf = ({ tryNumber }: ClaimedAttempt) => (tryNumber === 1 ? failed() : succeeded());
  const { start, ended, began } = await setUp({ dagId: 'd', tasks: [{ id: 'a', retries: 1, retryDelaysMs: [200] }] }, { outcomeOf });
  await ended(await start());
  const [first, second] = began;
  expect(second!.tryNumber).toBe(2);
  expect(second!.at - first!.at).toBeGreaterThanOrEqual(195);
});

it('hands back what it claimed for a session that was lost meanwhile, and claims it anew for the next one', async () => {
  let session = '';
  const { ledger, start, ended, began } = await setUp({ dagId: 'd', tasks: ['a'] }, { session: () => session });
  const [old, next] = [await ledger.openSession(SESSION), await ledger.openSession(SESSION)];
  const hop = ledger.hop.bind(ledger);
  ledger.hop = async (...request) => {
    const result = await hop(...request);
    session = next;
    return result;
  };
  session = old;
  const run = await start();
  await ended(run);
  expect(began.map(({ taskId, tryNumber }) => `${taskId} ${tryNumber}`)).toEqual(['a 1']);
});

it('stops what was marked, once, and goes on when it has ended', async () => {
  const { start, ledger, running, cancelled, end } = await setUp({ dagId: 'd' }, { outcomeOf: () => null });
  const run = await start();
  await eventually(() => running.size === 1);
  const [attempt] = running.values();
  await ledger.markRun(run, 'failed');
  engine.wakeUp();
  await eventually(() => cancelled.length === 1);
  engine.wakeUp();
  end(attempt!, succeeded());
  await eventually(async () => (await ledger.attention('', [], 1)).cancels.length === 0);
  expect(cancelled).toEqual([attempt!.attemptId]);
});

it('claims for a slot that becomes free without an outcome', async () => {
  let open = false;
  const { start, ended, began } = await setUp({ dagId: 'd' }, { capacity: () => new Map(open ? [['default', 1]] : []) });
  const run = await start();
  await eventually(() => engineIsIdle());
  expect(began).toEqual([]);
  open = true;
  engine.wakeUp();
  await ended(run);
});

it('keeps every outcome while the ledger is away, and goes on by itself', async () => {
  const { ledger, start, ended, began } = await setUp({
    dagId: 'd',
    tasks: ids(12),
    edges: ids(12)
      .slice(1)
      .map((id, i) => [ids(12)[i]!, id] as const),
  });
  let failures = 0;
  const hop = ledger.hop.bind(ledger);
  jest.spyOn(ledger as Ledger, 'hop').mockImplementation((request, decide) => {
    if (request.outcomes.length > 0 && failures < 4) {
      failures++;
      return Promise.reject(new Error('the database is away'));
    }
    return hop(request, decide);
  });
  await ended(await start());
  expect(failures).toBe(4);
  expect(began).toHaveLength(12);
});

it('one run that cannot be resolved does not hold up the others', async () => {
  const { ledger, start, ended } = await setUp({ dagId: 'd', tasks: ['a', 'b'], edges: [['a', 'b']] });
  const hop = ledger.hop.bind(ledger);
  let poisoned = -1;
  jest.spyOn(ledger as Ledger, 'hop').mockImplementation((request, decide) => {
    if (request.runs.includes(poisoned)) return Promise.reject(new Error('this run is broken'));
    return hop(request, decide);
  });
  poisoned = 99_999;
  engine.wakeUp([poisoned]);
  await ended(await start());
});

it('records at its stop what was reported before', async () => {
  const { ledger, start, running, end } = await setUp({ dagId: 'd' }, { outcomeOf: () => null });
  const run = await start();
  await eventually(() => running.size === 1);
  end([...running.values()][0]!, succeeded());
  await engine.stop();
  expect(ledger.run(run)!.state).toBe('success');
});

it('claims nothing more once it drains', async () => {
  const { ledger, start, running, end } = await setUp({ dagId: 'd', tasks: ['a', 'b'], edges: [['a', 'b']] }, { outcomeOf: () => null });
  const run = await start();
  await eventually(() => running.size === 1);
  engine.drain();
  end([...running.values()][0]!, succeeded());
  await eventually(() => ledger.run(run)!.tasks.get('b')!.admissible);
  expect(running.size).toBe(0);
});

/** Two turns of the event loop: whatever could be claimed would have been. */
async function engineIsIdle(): Promise<boolean> {
  for (let i = 0; i < 10; i++) await new Promise(setImmediate);
  return true;
}
