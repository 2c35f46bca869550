import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../../src/config/package-root';
import { Standalone } from '../support/standalone';
import { eventually } from '../support/eventually';

/** 200 tasks that wait until a file is there: every other one by a trigger of its own, the others by a wait that thence looks at itself. */
const source = (journal: string, open: string) => `
import { appendFileSync, existsSync } from 'node:fs';
import { BaseOperator, DAG, Trigger, TriggerEvent } from 'thence';
class Gate extends Trigger<{ open: string; n: number }> {
  static kind = 'gate';
  async *run({ signal }) {
    while (!signal.aborted) {
      if (existsSync(this.args.open)) yield new TriggerEvent(this.args.n);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
class Wait extends BaseOperator<unknown, { n: number }> {
  execute(context) {
    const { n } = this.options;
    if (n % 2 === 0) context.defer(new Gate({ open: ${JSON.stringify(open)}, n }), { resume: 'done' });
    context.defer({ kind: 'file', args: { path: ${JSON.stringify(open)} }, intervalMs: 500 }, { resume: 'done' });
  }
  done(context, event) {
    appendFileSync(${JSON.stringify(journal)}, this.options.n + ' ' + context.tryNumber + ' ' + JSON.stringify(event) + '\\n');
  }
}
const dag = new DAG('waits', { schedule: null, maxActiveTasks: 1000 });
for (let n = 0; n < 200; n++) new Wait('w' + n, { dag, n });
`;

function pidsOf(home: string, word: string): number[] {
  const read = (pid: number, name: string) => {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return ''; // gone
    }
  };
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.filter((pid) => read(pid, 'cmdline').includes(word) && read(pid, 'environ').includes(home));
}

const killTriggerer = (home: string) => {
  const pids = pidsOf(home, 'main.js triggerer');
  expect(pids).toHaveLength(1);
  process.kill(pids[0]!, 'SIGKILL');
};

it('200 waits of both kinds outlive kill -9 of the triggerer and of everything; each task goes on exactly once', async () => {
  const standalone = new Standalone({ THENCE_EXECUTOR: 'thread', THENCE_PARALLELISM: '8' });
  try {
    const [journal, open] = ['journal', 'open'].map((name) => path.join(standalone.folder, name)) as [string, string];
    standalone.writeDag('waits.ts', source(journal, open));
    standalone.writeDag('deferred-wait.ts', readFileSync(path.join(packageRoot, 'dags/deferred-wait.ts'), 'utf8'));
    await standalone.start();
    await standalone.waitForDag('waits');
    await standalone.waitForDag('deferred_wait');
    const example = await standalone.trigger('deferred_wait');
    const runId = await standalone.trigger('waits');
    expect(await standalone.waitForRun('deferred_wait', example)).toBe('success');
    expect(await standalone.query(`SELECT task_id, value FROM xcom ORDER BY task_id`)).toEqual([
      { task_id: 'launch', value: '{"counted":3}' },
      { task_id: 'pause', value: '"rested"' },
    ]);
    const owned = async () => {
      const [row] = await standalone.query<{ waits: number; owned: number; session: string }>(
        `SELECT count(*)::int AS waits, count(*) FILTER (WHERE kind = 'custom' AND session IS NOT NULL)::int AS owned,
           max(session::text) FILTER (WHERE kind = 'custom') AS session FROM wait`,
      );
      expect({ waits: row!.waits, owned: row!.owned }).toEqual({ waits: 200, owned: 100 });
      return row!.session;
    };
    const first = await eventually(owned, 60_000);
    expect(await standalone.query(`SELECT sum(slots)::int AS slots FROM attempt WHERE state <> 'ended'`)).toEqual([{ slots: 0 }]);

    killTriggerer(standalone.home);
    const second = await eventually(async () => {
      const session = await owned();
      expect(session).not.toBe(first);
      return session;
    }, 30_000);

    await standalone.kill();
    await standalone.start();
    await eventually(async () => expect(await owned()).not.toBe(second), 30_000);

    writeFileSync(open, '');
    const lines = () => (existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n') : []);
    await eventually(() => expect(lines().length).toBeGreaterThan(10), 30_000);
    killTriggerer(standalone.home);

    expect(await standalone.waitForRun('waits', runId, 90_000)).toBe('success');
    const expected = Array.from({ length: 200 }, (_, n) => `${n} 1 ${n % 2 === 0 ? n : JSON.stringify({ paths: [open] })}`);
    expect(lines().toSorted()).toEqual(expected.toSorted());
    const pieces = `SELECT a.ti, count(*)::int AS n, max(a.piece) AS piece, max(a.try_number) AS try FROM attempt a JOIN task_instance t ON t.pk = a.ti WHERE t.task_id LIKE 'w%' GROUP BY a.ti`;
    expect(await standalone.query(`SELECT DISTINCT n, piece, try FROM (${pieces}) p`)).toEqual([{ n: 2, piece: 1, try: 1 }]);
    expect(await standalone.query(`SELECT FROM attempt WHERE state <> 'ended'`)).toEqual([]);
    await standalone.stop();
    expect(pidsOf(standalone.home, '')).toEqual([]);
  } finally {
    await standalone.dispose();
  }
}, 240_000);
