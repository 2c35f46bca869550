import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When runs should have ended, of DAGs that say so, and the callbacks of those that have not. */
export class Deadlines1763816000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) await runner.query(statement);
  }
}

const up = [
  `ALTER TABLE dag ADD COLUMN has_deadlines boolean NOT NULL DEFAULT false`,
  // number: its place in the DAG's option. due_at is null while it depends on the run's start, and for good when there is nothing to compare with.
  `CREATE TABLE deadline (
    run bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    number smallint NOT NULL CHECK (number >= 0),
    due_at timestamptz,
    settled boolean NOT NULL,
    missed_at timestamptz,
    PRIMARY KEY (run, number),
    CONSTRAINT deadline_settled CHECK (settled OR due_at IS NULL),
    CONSTRAINT deadline_missed CHECK (missed_at IS NULL OR due_at IS NOT NULL)
  )`,
  `CREATE INDEX deadline_due ON deadline (due_at) WHERE missed_at IS NULL AND due_at IS NOT NULL`,
  `ALTER TABLE callback ADD COLUMN deadline smallint, DROP CONSTRAINT callback_event_check,
     ADD CONSTRAINT callback_event_check CHECK (event IN ('success','failure','retry','skipped','deadline')),
     ADD CONSTRAINT callback_deadline CHECK ((event = 'deadline') = (deadline IS NOT NULL))`,
];

const down = [
  `DELETE FROM callback WHERE event = 'deadline'`,
  `ALTER TABLE callback DROP CONSTRAINT callback_deadline, DROP CONSTRAINT callback_event_check,
     ADD CONSTRAINT callback_event_check CHECK (event IN ('success','failure','retry','skipped')), DROP COLUMN deadline`,
  `DROP TABLE deadline`,
  `ALTER TABLE dag DROP COLUMN has_deadlines`,
];
