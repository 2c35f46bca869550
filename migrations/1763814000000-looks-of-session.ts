import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which built-in waits a triggerer is looking at: when it dies, they are found by its session. */
export class LooksOfSession1763814000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX wait_look_of_session ON wait (session) WHERE kind <> 'custom' AND session IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX wait_look_of_session`);
  }
}
