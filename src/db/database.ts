/**
 * The connections of one process. `pool` carries the hot path and all transitions (parametrised SQL, int8 as number, timestamptz
 * as epoch milliseconds is NOT done: dates come as `Date`); `dataSource` is TypeORM's, for schemas, migrations, simple reads and CRUD.
 */
import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';

export interface Database {
  readonly url: string;
  readonly pool: Pool;
  readonly dataSource: DataSource;
  close(): Promise<void>;
}
