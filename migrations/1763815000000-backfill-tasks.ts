import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Backfills of some tasks only, and on the code that each run had. Expand only: a process of the version before works on with it. */
export class BackfillTasks1763815000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE backfill ADD COLUMN task_ids text[], ADD COLUMN run_on_latest_version boolean NOT NULL DEFAULT true');
    // The run has only these tasks of its version; the others are removed when it starts. Null: all.
    await runner.query('ALTER TABLE dag_run ADD COLUMN only_tasks text[]');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE dag_run DROP COLUMN only_tasks');
    await runner.query('ALTER TABLE backfill DROP COLUMN task_ids, DROP COLUMN run_on_latest_version');
  }
}
