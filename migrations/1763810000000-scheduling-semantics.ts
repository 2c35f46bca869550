import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What mapped tasks, deferral, callbacks and rules between runs need. Expand only: a process of the version before works on with it.
 */
export class SchedulingSemantics1763810000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) await runner.query(statement);
  }
}

const up = [
  // Of an expanded task: how many instances do what. Changed only under the run's lock; `removed` ones count nowhere.
  `CREATE TABLE task_tally (
    run bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    task_id text NOT NULL,
    lengths integer[] NOT NULL,
    length integer NOT NULL CHECK (length >= 0),
    none integer NOT NULL DEFAULT 0 CHECK (none >= 0),
    waiting integer NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    active integer NOT NULL DEFAULT 0 CHECK (active >= 0),
    sleeping integer NOT NULL DEFAULT 0 CHECK (sleeping >= 0),
    success integer NOT NULL DEFAULT 0 CHECK (success >= 0),
    failed integer NOT NULL DEFAULT 0 CHECK (failed >= 0),
    skipped integer NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    upstream_failed integer NOT NULL DEFAULT 0 CHECK (upstream_failed >= 0),
    PRIMARY KEY (run, task_id),
    CONSTRAINT task_tally_sum CHECK (none + waiting + active + sleeping + success + failed + skipped + upstream_failed <= length)
  ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0)`,
  // Tasks and groups that a hop found ready to be expanded: the instances are made outside of it, in chunks.
  `CREATE TABLE expansion (
    run bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    owner text NOT NULL,
    lengths integer[], next_index integer NOT NULL DEFAULT 0,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run, owner)
  )`,
  `CREATE INDEX ti_gated ON task_instance (run, task_id, map_index) WHERE state = 'scheduled' AND NOT admissible AND map_index >= 0`,

  // What a deferred task instance waits for. It holds no process; a generation that rose refuses what its former owner still reports.
  `CREATE TABLE wait (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    ti bigint NOT NULL UNIQUE REFERENCES task_instance ON DELETE CASCADE,
    run bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    attempt uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('time','http','file','sql','external-task','dag-run','custom')),
    trigger text, args json NOT NULL,
    version uuid NOT NULL REFERENCES dag_version,
    resume text NOT NULL,
    interval_ms bigint, next_check_at timestamptz NOT NULL, timeout_at timestamptz,
    session uuid REFERENCES session ON DELETE SET NULL, generation integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT wait_custom CHECK ((kind = 'custom') = (trigger IS NOT NULL))
  ) WITH (fillfactor = 80)`,
  `CREATE INDEX wait_due ON wait (next_check_at) WHERE kind <> 'custom'`,
  `CREATE INDEX wait_timeout ON wait (timeout_at) WHERE timeout_at IS NOT NULL`,
  `CREATE INDEX wait_of_session ON wait (session) WHERE kind = 'custom'`,
  `ALTER TABLE ti_detail ADD COLUMN resume json, ADD COLUMN map_label text`,

  // Callbacks to be run: written in the transaction of their cause.
  `CREATE TABLE callback (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    run bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    ti bigint REFERENCES task_instance ON DELETE CASCADE,
    event text NOT NULL CHECK (event IN ('success','failure','retry','skipped')),
    version uuid NOT NULL REFERENCES dag_version,
    try_number integer NOT NULL DEFAULT 0, reason text, error json,
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    session uuid REFERENCES session ON DELETE SET NULL, tries integer NOT NULL DEFAULT 0,
    done_at timestamptz, outcome text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`,
  `CREATE INDEX callback_due ON callback (due_at) WHERE done_at IS NULL`,
  `CREATE INDEX callback_of_run ON callback (run)`,

  // waits_for_past: all that is left of the run waits for an earlier one. keep_version: it was cleared to run on its own version again.
  `ALTER TABLE dag_run ADD COLUMN waits_for_past boolean NOT NULL DEFAULT false, ADD COLUMN keep_version boolean NOT NULL DEFAULT false,
     ADD COLUMN retries_used integer NOT NULL DEFAULT 0, ADD COLUMN retry_at timestamptz, ADD COLUMN end_reason text`,
  `CREATE INDEX run_retry ON dag_run (retry_at) WHERE retry_at IS NOT NULL`,
];

const down = [
  `DROP INDEX run_retry`,
  `ALTER TABLE dag_run DROP COLUMN waits_for_past, DROP COLUMN keep_version, DROP COLUMN retries_used, DROP COLUMN retry_at, DROP COLUMN end_reason`,
  `DROP TABLE callback`,
  `ALTER TABLE ti_detail DROP COLUMN resume, DROP COLUMN map_label`,
  `DROP TABLE wait`,
  `DROP INDEX ti_gated`,
  `DROP TABLE expansion`,
  `DROP TABLE task_tally`,
];
