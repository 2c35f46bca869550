import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Deleting a run, or replacing a placeholder by its instances, looks for the waits and callbacks of its rows: by an index. */
export class DeletableRuns1763813500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX callback_of_ti ON callback (ti) WHERE ti IS NOT NULL');
    await runner.query('CREATE INDEX wait_of_run ON wait (run)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX wait_of_run');
    await runner.query('DROP INDEX callback_of_ti');
  }
}
