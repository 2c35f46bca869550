import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A wake may outlive its run: whoever wakes the runs beside it neither waits for a deletion nor fails over one. (With a foreign key two
 * deletions of neighbouring runs deadlocked, and a hop that woke a run which was being deleted failed.) The next hop takes such a wake away.
 */
export class WakesOfDeletedRuns1763819400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE run_wake DROP CONSTRAINT run_wake_run_fkey');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DELETE FROM run_wake w WHERE NOT EXISTS (SELECT FROM dag_run r WHERE r.pk = w.run)');
    await runner.query(
      'ALTER TABLE run_wake ADD CONSTRAINT run_wake_run_fkey FOREIGN KEY (run) REFERENCES dag_run(pk) ON DELETE CASCADE',
    );
  }
}
