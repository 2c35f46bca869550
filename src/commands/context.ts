import type { Clock } from '../core/time';
import type { Database } from '../db/database';
import type { Ledger } from '../ledger/ledger';
import type { LogStore } from '../logs/log-store';
import type { Cipher } from '../secrets/cipher';
import type { Wakeup } from '../service/wakeup';
import type { ScheduleOracle } from '../timetables/schedule-oracle';

/** What every command works with; its first argument. */
export interface CommandContext {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Called after each commit that gives the schedulers something to do. */
  readonly wakeup: Wakeup;
  /** Whose logs go with what is deleted. Left out: none do. */
  readonly logs?: Pick<LogStore, 'deleteRun'>;
  /** Made when a secret is to be stored. Left out, nothing secret can be. */
  readonly cipher?: () => Cipher;
  /** Whom to ask when a DAG runs. */
  readonly schedules: ScheduleOracle;
}
