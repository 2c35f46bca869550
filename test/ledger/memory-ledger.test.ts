import { MemoryLedger } from '../../src/ledger/memory/memory-ledger';
import { everyTask } from '../../src/ledger/memory/memory-rows';
import type { MemoryTask } from '../../src/ledger/memory/memory-rows';
import { dagSpec } from '../support/factories';
import type { NewRun } from '../../src/ledger/ledger';
import { describeLedger, failed, Hand, newRun } from './conformance';
import { describeSemantics } from './semantics';
import type { SemanticsHarness } from './semantics';
import { describeVerdicts } from './verdicts';

const make = async (): Promise<SemanticsHarness> => {
  let now = Date.now();
  const ledger = new MemoryLedger({ clock: { now: () => now } });
  const nameOf = ({ id, mapIndex }: MemoryTask) => (mapIndex < 0 ? id : `${id}[${mapIndex}]`);
  return {
    ledger,
    addDag: async ({ isPaused, ...dag }) => void ledger.addDag({ spec: dagSpec(dag), isPaused }),
    setPaused: async (dagId, paused) => ledger.setPaused(dagId, paused),
    setPool: async (name, slots, includeDeferred = false) => {
      ledger.pools.set(name, slots);
      if (includeDeferred) ledger.poolsWithDeferred.add(name);
    },
    run: async (pk) => {
      const run = ledger.run(pk)!;
      return { state: run.state, tasks: Object.fromEntries([...everyTask(run)].map((task) => [nameOf(task), task])) };
    },
    error: async (run, taskId) => ledger.run(run)!.tasks.get(taskId)!.error,
    waits: async () =>
      ledger.waits().map(({ id, generation, spec, task }) => ({
        wait: id,
        generation,
        kind: spec.kind,
        taskId: task.id,
        mapIndex: task.mapIndex,
      })),
    callbacks: async (run) =>
      ledger
        .callbacks()
        .filter((each) => each.run.pk === run)
        .map(({ task, event }) => `${task ? nameOf(task) : 'run'} ${event}`),
    isPaused: async (dagId) => ledger.isPaused(dagId),
    xcom: async (run, taskId, mapIndex) => ledger.getXCom(run, taskId, 'return_value', mapIndex),
    advance: async (ms) => void (now += ms),
    close: async () => undefined,
  };
};

describeLedger('MemoryLedger', make);
describeVerdicts('MemoryLedger', make);
describeSemantics('MemoryLedger', make);

it('the first run of a backfill waits for no earlier run, the second for the first', async () => {
  const ledger = new MemoryLedger();
  ledger.addDag({ spec: dagSpec({ dagId: 'd', tasks: [{ id: 'a', dependsOnPast: true }] }) });
  const hand = await new Hand(ledger).open();
  const run = (n: number, options: Partial<NewRun> = {}) => newRun('d', { logicalDate: n * 86_400_000, runAfter: n, ...options });
  const backfill = (ordinal: number) => ({ runType: 'backfill', backfill: { id: 1, ordinal } }) as const;
  const [earlier] = await ledger.createRuns([run(1)]);
  await ledger.startQueuedRuns(1);
  await hand.end((await hand.look()).claimed[0]!, failed());
  expect(ledger.run(earlier!.run)!.state).toBe('failed');

  const created = await ledger.createRuns([run(2, backfill(0)), run(3, backfill(1))]);
  await ledger.startQueuedRuns(10);
  const first = await hand.look();
  expect(first.claimed.map((claim) => claim.run)).toEqual([created[0]!.run]);
  await hand.end(first.claimed[0]!);
  expect((await hand.look()).claimed.map((claim) => claim.run)).toEqual([created[1]!.run]);
});
