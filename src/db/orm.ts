/** All that needs TypeORM itself. It takes longer to load than most commands take to run, so that database.ts and migrate.ts require this file only when they use it. */
import { DataSource } from 'typeorm';
import { migrations } from '../../migrations';
import { entities } from './entities';

interface OrmOptions {
  readonly url: string;
  readonly applicationName: string;
  /** Passed on to pg. */
  readonly guards: object;
}

export function connectOrm({ url, applicationName, guards }: OrmOptions): Promise<DataSource> {
  return new DataSource({
    type: 'postgres',
    url,
    applicationName,
    poolSize: 2,
    entities: [...entities],
    parseInt8: true,
    uuidExtension: 'pgcrypto', // gen_random_uuid(), which Postgres has by itself
    installExtensions: false,
    extra: { ...guards },
  }).initialize();
}

export async function withMigrations<T>(url: string, table: string, work: (source: DataSource) => Promise<T>): Promise<T> {
  const source = await new DataSource({
    type: 'postgres',
    url,
    applicationName: 'thence-migrate',
    poolSize: 1,
    migrations: [...migrations],
    migrationsTableName: table,
  }).initialize();
  try {
    return await work(source);
  } finally {
    await source.destroy();
  }
}
