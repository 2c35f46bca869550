import { MemoryLedger } from '../../src/ledger/memory/memory-ledger';
import { dagSpec } from '../support/factories';
import { describeLedger } from './conformance';
import type { LedgerHarness } from './conformance';
import { describeVerdicts } from './verdicts';

const make = async (): Promise<LedgerHarness> => {
  let now = Date.now();
  const ledger = new MemoryLedger({ clock: { now: () => now } });
  return {
    ledger,
    addDag: async ({ isPaused, ...dag }) => void ledger.addDag({ spec: dagSpec(dag), isPaused }),
    setPaused: async (dagId, paused) => ledger.setPaused(dagId, paused),
    setPool: async (name, slots) => void ledger.pools.set(name, slots),
    run: async (pk) => {
      const { state, tasks } = ledger.run(pk)!;
      return { state, tasks: Object.fromEntries(tasks) };
    },
    xcom: async (run, taskId) => ledger.getXCom(run, taskId),
    advance: async (ms) => void (now += ms),
    close: async () => undefined,
  };
};

describeLedger('MemoryLedger', make);
describeVerdicts('MemoryLedger', make);
