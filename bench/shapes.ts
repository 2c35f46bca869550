import { Standalone } from '../test/support/standalone';
import { median, ms, rawCommits, type Benchmark } from './benchmark';

/** A chain of no-op tasks: what one hand-over from task to task costs. */
export const chain: Benchmark = async ({ executor, smoke }) => {
  const tasks = smoke ? 5 : 40;
  return measure(
    executor,
    smoke ? 1 : 5,
    tasks,
    `chain of ${tasks}`,
    `let before = null;
    for (let i = 0; i < ${tasks}; i++) { const task = dag.task('t' + i, () => undefined); before?.then(task); before = task; }`,
  );
};

/** 1 → n → 1 */
export const fanOut: Benchmark = async ({ executor, smoke }) => {
  const width = smoke ? 10 : 500;
  return measure(
    executor,
    smoke ? 1 : 5,
    width + 2,
    `fan-out 1 → ${width} → 1`,
    `const first = dag.task('first', () => undefined), last = dag.task('last', () => undefined);
    for (let i = 0; i < ${width}; i++) first.then(dag.task('t' + i, () => undefined)).then(last);`,
  );
};

async function measure(executor: string, runs: number, tasks: number, name: string, body: string): Promise<string[]> {
  const standalone = new Standalone({ THENCE_EXECUTOR: executor });
  try {
    standalone.writeDag(
      'bench.js',
      `const { DAG } = require('thence');\nconst dag = new DAG('bench', { maxActiveTasks: 1000 });\n${body}\n`,
    );
    await standalone.start();
    await standalone.waitForDag('bench');
    await standalone.query('UPDATE pool SET slots = 1000');
    const took: number[] = [];
    const raw: number[] = [];
    for (let i = 0; i <= runs; i++) {
      const runId = await standalone.trigger('bench');
      const state = await standalone.waitForRun('bench', runId);
      if (state !== 'success') throw new Error(`the run ended as ${state}`);
      const [row] = await standalone.query<{ ms: number }>(
        'SELECT extract(epoch FROM end_date - queued_at)::float8 * 1000 AS ms FROM dag_run WHERE run_id = $1',
        [runId],
      );
      if (i === 0 && runs > 1) continue; // warms the threads up
      took.push(row!.ms);
      raw.push(await rawCommits(standalone, tasks));
    }
    return [
      `${name}: median ${ms(median(took))} from trigger to end (${took.map(ms).join(', ')}); ${(median(took) / tasks).toFixed(1)} ms a task`,
      `${tasks} raw single-row commits: median ${ms(median(raw))}; ratio ${(median(took) / median(raw)).toFixed(1)}`,
    ];
  } finally {
    await standalone.dispose();
  }
}
