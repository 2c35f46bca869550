import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Thousands of deferred tasks cost admission nothing; and a task that could not be expanded says why. */
export class ParkedSlots1763813000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // A parked attempt has no slots (unless its pool counts deferred ones): it is not among those that the claim adds up.
    await runner.query('DROP INDEX attempt_slots');
    await runner.query(`CREATE INDEX attempt_slots ON attempt (pool) INCLUDE (slots) WHERE state <> 'ended' AND slots > 0`);
    // {name, message, stack} of what went wrong before any attempt began.
    await runner.query('ALTER TABLE ti_detail ADD COLUMN error json');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE ti_detail DROP COLUMN error');
    await runner.query('DROP INDEX attempt_slots');
    await runner.query(`CREATE INDEX attempt_slots ON attempt (pool) INCLUDE (slots) WHERE state <> 'ended'`);
  }
}
