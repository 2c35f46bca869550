/**
 * `npm run bench [-- name …] [--smoke]`: measures a real standalone (embedded Postgres, scheduler, executor, web server) and prints each
 * figure beside one of raw Postgres taken in the same minute on the same server. Machines are noisy: compare the ratios.
 */
import { parseArgs } from 'node:util';
import { backfill } from './backfill';
import { chain, fanOut } from './shapes';
import { waiting } from './waiting';
import { waits } from './waits';
import type { Benchmark } from './benchmark';

const benchmarks: Record<string, Benchmark> = { chain, 'fan-out': fanOut, backfill, waiting, waits };

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { smoke: { type: 'boolean', default: false }, executor: { type: 'string', default: 'thread' } },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(benchmarks);
  for (const name of names) {
    const benchmark = benchmarks[name];
    if (!benchmark) throw new Error(`unknown benchmark "${name}"; there are ${Object.keys(benchmarks).join(', ')}`);
    console.log(`\n${name} (executor ${values.executor}${values.smoke ? ', smoke size' : ''})`);
    for (const line of await benchmark({ executor: values.executor, smoke: values.smoke })) console.log(`  ${line}`);
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
