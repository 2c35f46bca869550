import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../test/support/eventually';
import { Standalone } from '../test/support/standalone';
import { ms, type Benchmark } from './benchmark';

/** 10,000 mapped tasks that have deferred: half wait for a moment, half for a file that is looked for every minute; or each by a trigger. */
const source = (count: number) => `
import { BaseOperator, DAG, Trigger, TriggerEvent } from 'thence';
class Hour extends Trigger {
  static kind = 'hour';
  async *run({ signal }) {
    while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 60_000));
    yield new TriggerEvent(null);
  }
}
class Wait extends BaseOperator {
  execute(context) {
    const { own, n } = this.options;
    if (own) context.defer(new Hour({ n }), { resume: 'done' });
    if (n % 2 === 0) context.defer({ kind: 'time', args: { at: Date.now() + 3_600_000 } }, { resume: 'done' });
    context.defer({ kind: 'file', args: { path: '/tmp/never-there-' + n }, intervalMs: 60_000 }, { resume: 'done', timeout: { hours: 1 } });
  }
  done() {}
}
const numbers = Array.from({ length: ${count} }, (_, n) => n);
for (const own of [false, true]) {
  const dag = new DAG(own ? 'triggers' : 'built_in', { maxActiveTasks: ${count} });
  new Wait('wait', { dag, own, maxMapLength: ${count}, expand: { n: numbers } });
}
`;

/** What 10,000 deferred waits cost while nothing happens: slots, memory, and processor time. */
export const waits: Benchmark = async ({ executor, smoke }) => {
  const [count, idleMs] = smoke ? [20, 500] : [10_000, 20_000];
  const standalone = new Standalone({ THENCE_EXECUTOR: executor, THENCE_TRIGGERER_CAPACITY: String(count) });
  const lines: string[] = [];
  try {
    standalone.writeDag('waits.ts', source(count));
    await standalone.start();
    for (const [dagId, what] of [
      ['built_in', 'waits that thence looks at (half a time, half a file each minute)'],
      ['triggers', 'triggers of a DAG file'],
    ] as const) {
      // prettier-ignore
      await standalone.waitForDag(dagId);
      const start = performance.now();
      const runId = await standalone.trigger(dagId);
      await eventually(async () => {
        const [row] = await standalone.query<{ waits: number; begun: number }>(
          `SELECT count(*)::int AS waits, count(*) FILTER (WHERE kind <> 'custom' OR session IS NOT NULL)::int AS begun FROM wait`,
        );
        if (row!.begun < count) throw new Error(`${row!.waits} waits, ${row!.begun} watched\n${standalone.output.slice(-2000)}`);
      }, 600_000);
      const took = performance.now() - start;
      await sleep(smoke ? 100 : 5_000);
      const [slots] = await standalone.query<{ n: number }>(`SELECT coalesce(sum(slots), 0)::int AS n FROM attempt WHERE state <> 'ended'`);
      const before = processorTime(standalone.home);
      await sleep(idleMs);
      const after = processorTime(standalone.home);
      const percent = (name: 'triggerer' | 'postgres') => `${((spent(before[name], after[name]) * 100) / idleMs).toFixed(1)} %`;
      lines.push(
        `${count} ${what}: deferred in ${ms(took)}; slots ${slots!.n}; triggerer ${after.processes.map(({ mb }) => `${mb} MB`).join(' + ')}`,
        `  over ${idleMs / 1000} s of waiting: ${percent('triggerer')} of a core, and ${percent('postgres')} in Postgres (which serves the other processes too)`,
      );
      await standalone.api('PATCH', `/dags/${dagId}/dagRuns/${runId}`, { state: 'failed' });
      await eventually(async () => {
        const [left] = await standalone.query<{ n: number }>('SELECT count(*)::int AS n FROM wait');
        if (left!.n > 0) throw new Error(`${left!.n} waits are left`);
      }, 60_000);
    }
    return lines;
  } finally {
    await standalone.dispose();
  }
};

interface Usage {
  /** The triggerer and its hosts. */
  readonly processes: readonly { readonly mb: number }[];
  /** By process, milliseconds since its start. */
  readonly triggerer: ReadonlyMap<number, number>;
  readonly postgres: ReadonlyMap<number, number>;
}

/** From /proc: of the triggerer of this home with all that it started, and of the Postgres in this home. */
function processorTime(home: string): Usage {
  const all = readdirSync('/proc').map(Number).filter(Number.isInteger).flatMap(readProcess);
  const root = all.find(({ command, environment }) => command.includes('main.js triggerer') && environment.includes(home));
  if (!root) throw new Error('there is no triggerer');
  const tree = [root, ...all.filter(({ parent }) => parent === root.pid)];
  const server = all.find(({ command }) => command.includes('postgres') && command.includes(home));
  const times = (processes: typeof all) => new Map(processes.map(({ pid, cpuMs }) => [pid, cpuMs]));
  return {
    processes: tree.map(({ rssMb }) => ({ mb: Math.round(rssMb) })),
    triggerer: times(tree),
    postgres: times(server ? all.filter(({ pid, parent }) => pid === server.pid || parent === server.pid) : []),
  };
}

/** Of the processes that were there at both times. */
function spent(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  return [...before].reduce((total, [pid, ms]) => total + ((after.get(pid) ?? ms) - ms), 0);
}

const TICK_MS = 10;

function readProcess(pid: number) {
  try {
    const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8');
    const stat = read('stat');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const rssMb = Number(/^VmRSS:\s+(\d+)/m.exec(read('status'))?.[1] ?? 0) / 1024;
    const command = read('cmdline').replaceAll('\0', ' ');
    const environment = read('environ');
    return [{ pid, parent: Number(fields[1]), cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS, rssMb, command, environment }];
  } catch {
    return []; // gone
  }
}
