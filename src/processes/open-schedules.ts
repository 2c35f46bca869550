import type { Pool } from 'pg';
import type { Config } from '../config/config';
import { ThenceError } from '../core/errors';
import type { BundleCode } from '../core/workload';
import { ScheduleOracle } from '../timetables/schedule-oracle';
import { HostedTimetables } from '../user-code/hosted-timetables';

/** Answers for every stored DAG when it runs. `stop` it: a process for user code may have been started. */
export function openSchedules(config: Pick<Config, 'dagsFolder' | 'dagFileTimeoutMs' | 'dagFileMemoryMb'>, pool: Pool): ScheduleOracle {
  return new ScheduleOracle(
    new HostedTimetables({ limits: config, dagsFolder: config.dagsFolder, fetchBundle: (hash) => selectBundle(pool, hash) }),
  );
}

async function selectBundle(pool: Pool, hash: string): Promise<BundleCode> {
  const { rows } = await pool.query<BundleCode>('SELECT hash, format, code, files FROM bundle WHERE hash = $1', [hash]);
  if (rows[0]) return rows[0];
  throw new ThenceError('NOT_FOUND', `there is no stored code with the hash ${hash}`);
}
