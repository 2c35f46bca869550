import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { packageRoot, thenceCommand } from '../src/config/package-root';
import { Standalone } from '../test/support/standalone';
import { ms, rawCommits, type Benchmark } from './benchmark';

/** seattle_weather over 2012-2015: 1,461 runs over real input, as a person would start it. */
export const backfill: Benchmark = async ({ executor, smoke }) => {
  const [to, runs] = smoke ? ['2012-01-05', 5] : ['2015-12-31', 1461];
  const standalone = new Standalone({
    THENCE_EXECUTOR: executor,
    THENCE_DAGS_FOLDER: path.join(packageRoot, 'dags'),
    THENCE_LOAD_EXAMPLES: 'true',
  });
  try {
    await standalone.start();
    await standalone.waitForDag('seattle_weather');
    const start = performance.now();
    execFileSync(
      process.execPath,
      [
        thenceCommand,
        'backfill',
        'create',
        '--dag-id',
        'seattle_weather',
        '--from-date',
        '2012-01-01',
        '--to-date',
        to,
        '--max-active-runs',
        '16',
      ],
      {
        env: { ...process.env, THENCE_HOME: standalone.home, THENCE_DAGS_FOLDER: path.join(packageRoot, 'dags') },
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    const took = performance.now() - start;
    const [row] = await standalone.query<{ runs: number; tasks: number }>(
      `SELECT count(DISTINCT r.pk)::int AS runs, count(t.pk)::int AS tasks FROM dag_run r JOIN task_instance t ON t.run = r.pk WHERE r.state = 'success'`,
    );
    if (row?.runs !== runs) throw new Error(`${row?.runs} of ${runs} runs succeeded`);
    const raw = await rawCommits(standalone, row.tasks);
    return [
      `${runs} runs, ${row.tasks} tasks: ${ms(took)} from the command to its end`,
      `${row.tasks} raw single-row commits: ${ms(raw)}; ratio ${(took / raw).toFixed(1)}`,
    ];
  } finally {
    await standalone.dispose();
  }
};
