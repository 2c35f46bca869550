import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { migrations } from '../../migrations';
import { packageRoot } from '../../src/config/package-root';
import { entities } from '../../src/db/entities';
import { dumpSchema } from '../../src/db/dump-schema';
import { migrate, pendingMigrations, undoMigrations } from '../../src/db/migrate';
import { useTestDatabase } from '../support/database';

const names = migrations.map((migration) => migration.name);

describe('migrations', () => {
  const db = useTestDatabase({ migrated: false });

  it('go up, down to nothing and up again, to the same schema', async () => {
    expect(await pendingMigrations(db.url)).toEqual(names);
    expect(await migrate(db.url)).toEqual(names);
    expect(await pendingMigrations(db.url)).toEqual([]);
    const first = await dumpSchema(db.pool);

    await undoMigrations(db.url);
    const { rows } = await db.pool.query(
      "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'schema_migration'",
    );
    expect(rows).toEqual([]);
    expect(await pendingMigrations(db.url)).toEqual(names);

    expect(await migrate(db.url)).toEqual(names);
    expect(await dumpSchema(db.pool)).toBe(first);
  });

  it('are applied once when several processes migrate at the same moment', async () => {
    await undoMigrations(db.url);
    const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(db.url)));
    expect(applied.flat()).toEqual(names);
    expect(await migrate(db.url)).toEqual([]);
  });

  it('refuse a schema that a newer thence has made', async () => {
    await migrate(db.url);
    await db.pool.query("INSERT INTO schema_migration (timestamp, name) VALUES (9999999999999, 'FromTheFuture9999999999999')");
    await expect(migrate(db.url)).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringContaining('FromTheFuture9999999999999') });
    await db.pool.query("DELETE FROM schema_migration WHERE name LIKE 'FromTheFuture%'");
  });
});

describe('the schema', () => {
  const db = useTestDatabase();

  it('is the one in docs/schema.sql (run this with UPDATE_SCHEMA=1 after a change)', async () => {
    const file = path.join(packageRoot, 'docs/schema.sql');
    const schema = await dumpSchema(db.pool);
    if (process.env.UPDATE_SCHEMA) writeFileSync(file, schema);
    expect(schema).toBe(readFileSync(file, 'utf8'));
  });

  it('is what the entities say: TypeORM would change nothing', async () => {
    const source = await db.database.orm();
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('has an entity for each table, which reads what was written', async () => {
    const { rows } = await db.pool.query<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migration' ORDER BY 1",
    );
    expect(entities.map((entity) => entity.options.name).sort()).toEqual(rows.map((row) => row.name));
    const source = await db.database.orm();
    for (const entity of entities) await source.getRepository(entity).find({ take: 1 });
    expect(await source.getRepository('pool').findOneBy({ name: 'default_pool' })).toMatchObject({
      name: 'default_pool',
      slots: 128,
      include_deferred: false,
    });
  });
});
