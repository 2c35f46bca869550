import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The first schema. The invariants live here: one run per (dag, logical date), one live attempt per task instance, a slot is a live
 * attempt row, finished means end_date. Partial indexes are named for the query that they serve.
 */
export class Initial1763800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of tables.toReversed()) await runner.query(`DROP TABLE ${table} CASCADE`);
  }
}

const tables = [
  'session', 'bundle', 'dag', 'dag_version', 'import_error', 'pool', 'backfill', 'dag_run', 'backfill_run', 'run_wake',
  'task_instance', 'ti_detail', 'attempt', 'xcom', 'audit_log', 'app_user', 'web_session',
];

const up = [
  // A process that may own attempts. Its lease is renewed by one row; attempts point to it.
  `CREATE TABLE session (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('scheduler','webserver','dag-processor','triggerer','worker','test')),
    host text NOT NULL, boot_id text NOT NULL, pid integer NOT NULL, version text NOT NULL,
    lanes text[] NOT NULL DEFAULT '{}', capacity integer NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'alive' CHECK (state IN ('alive','draining','ended','lost')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    renewed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until timestamptz NOT NULL,
    ended_at timestamptz,
    details jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT session_ended CHECK ((state IN ('ended','lost')) = (ended_at IS NOT NULL))
  ) WITH (fillfactor = 50)`,
  `CREATE INDEX session_lease ON session (lease_until) WHERE state IN ('alive','draining')`,

  // Code, by content.
  `CREATE TABLE bundle (
    hash text PRIMARY KEY,
    format text NOT NULL CHECK (format IN ('cjs','esm')),
    code text NOT NULL,
    sources jsonb NOT NULL,
    files jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`,
  `CREATE TABLE dag (
    dag_id text PRIMARY KEY,
    file_path text NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    is_paused boolean NOT NULL,
    current_version uuid,
    description text, owner text, tags text[] NOT NULL DEFAULT '{}',
    timetable_summary text, timetable_description text, timezone text NOT NULL DEFAULT 'UTC',
    max_active_runs integer NOT NULL, max_active_tasks integer NOT NULL,
    next_run_after timestamptz, next_logical_date timestamptz, next_interval_start timestamptz, next_interval_end timestamptz,
    schedule_hash text,
    warnings jsonb NOT NULL DEFAULT '[]',
    last_parsed_at timestamptz, last_parse_ms integer,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`,
  `CREATE INDEX dag_due ON dag (next_run_after) WHERE is_active AND NOT is_paused`,
  `CREATE INDEX dag_of_file ON dag (file_path)`,
  `CREATE TABLE dag_version (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    dag_id text NOT NULL REFERENCES dag ON DELETE CASCADE,
    number integer NOT NULL,
    spec_hash text NOT NULL,
    bundle_hash text NOT NULL REFERENCES bundle,
    file_path text NOT NULL,
    -- json, not jsonb: the order in which params were written is the order of the form
    spec json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT dag_version_number UNIQUE (dag_id, number),
    CONSTRAINT dag_version_content UNIQUE (dag_id, spec_hash, bundle_hash)
  )`,
  `ALTER TABLE dag ADD CONSTRAINT dag_current_version FOREIGN KEY (current_version) REFERENCES dag_version DEFERRABLE INITIALLY DEFERRED`,
  `CREATE TABLE import_error (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_path text NOT NULL UNIQUE,
    message text NOT NULL, stack_trace text NOT NULL,
    line integer, col integer, frame text,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`,

  `CREATE TABLE pool (
    name text PRIMARY KEY,
    slots integer NOT NULL CHECK (slots >= -1),
    include_deferred boolean NOT NULL DEFAULT false,
    description text
  )`,
  `INSERT INTO pool (name, slots, description) VALUES ('default_pool', 128, 'Default pool')`,

  `CREATE TABLE backfill (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dag_id text NOT NULL REFERENCES dag ON DELETE CASCADE,
    from_date timestamptz NOT NULL, to_date timestamptz NOT NULL,
    max_active_runs integer NOT NULL CHECK (max_active_runs > 0),
    reprocess_behavior text NOT NULL CHECK (reprocess_behavior IN ('none','failed','completed')),
    run_backwards boolean NOT NULL DEFAULT false,
    is_paused boolean NOT NULL DEFAULT false,
    conf jsonb NOT NULL DEFAULT '{}',
    created_by text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at timestamptz,
    cancelled boolean NOT NULL DEFAULT false,
    CONSTRAINT backfill_range CHECK (from_date <= to_date),
    CONSTRAINT backfill_cancelled CHECK (NOT cancelled OR completed_at IS NOT NULL)
  )`,
  `CREATE UNIQUE INDEX backfill_open ON backfill (dag_id) WHERE completed_at IS NULL`,

  // A run's row is the mutex of the run. seq stands in no index, so that its updates stay HOT.
  `CREATE TABLE dag_run (
    pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dag_id text NOT NULL REFERENCES dag ON DELETE CASCADE,
    run_id text NOT NULL,
    run_type text NOT NULL CHECK (run_type IN ('scheduled','manual','backfill')),
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued','running','success','failed')),
    logical_date timestamptz, interval_start timestamptz, interval_end timestamptz,
    run_after timestamptz NOT NULL,
    version uuid REFERENCES dag_version,
    conf jsonb NOT NULL DEFAULT '{}',
    triggered_by text NOT NULL, triggering_user text, note text,
    backfill_id bigint REFERENCES backfill ON DELETE SET NULL, backfill_ordinal integer,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(), start_date timestamptz, end_date timestamptz,
    deadline_at timestamptz,
    seq bigint NOT NULL DEFAULT 0,
    CONSTRAINT dag_run_id UNIQUE (dag_id, run_id),
    CONSTRAINT dag_run_logical_date UNIQUE (dag_id, logical_date),
    CONSTRAINT dag_run_finished CHECK ((state IN ('success','failed')) = (end_date IS NOT NULL)),
    CONSTRAINT dag_run_started CHECK (state = 'queued' OR version IS NOT NULL),
    CONSTRAINT dag_run_interval CHECK ((interval_start IS NULL) = (interval_end IS NULL) AND interval_start <= interval_end)
  ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0)`,
  `CREATE INDEX run_queue ON dag_run (dag_id, backfill_id, backfill_ordinal, run_after, pk) WHERE state = 'queued'`,
  `CREATE INDEX run_running ON dag_run (dag_id, backfill_id) WHERE state = 'running'`,
  `CREATE INDEX run_deadline ON dag_run (deadline_at) WHERE state = 'running' AND deadline_at IS NOT NULL`,
  `CREATE INDEX run_page ON dag_run (dag_id, run_after DESC, pk DESC)`,
  `CREATE INDEX run_recent ON dag_run (run_after DESC, pk DESC)`,
  `CREATE INDEX run_ended ON dag_run (end_date) WHERE end_date IS NOT NULL`,
  `CREATE INDEX run_of_backfill ON dag_run (backfill_id) WHERE backfill_id IS NOT NULL`,

  `CREATE TABLE backfill_run (
    backfill_id bigint NOT NULL REFERENCES backfill ON DELETE CASCADE,
    ordinal integer NOT NULL,
    logical_date timestamptz NOT NULL, interval_start timestamptz NOT NULL, interval_end timestamptz NOT NULL,
    run bigint REFERENCES dag_run ON DELETE SET NULL,
    outcome text CHECK (outcome IN ('created','cleared','already exists','in flight','cancelled')),
    PRIMARY KEY (backfill_id, ordinal)
  )`,
  `CREATE INDEX backfill_run_todo ON backfill_run (backfill_id, ordinal) WHERE outcome IS NULL`,
  `CREATE INDEX backfill_run_of_run ON backfill_run (run) WHERE run IS NOT NULL`,

  // Inserted in the transaction of its cause, deleted under the run's lock.
  `CREATE TABLE run_wake (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    cause text NOT NULL,
    hint jsonb,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`,
  `CREATE INDEX run_wake_run ON run_wake (run)`,

  `CREATE TABLE task_instance (
    pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    task_id text NOT NULL,
    map_index integer NOT NULL DEFAULT -1,
    state text CHECK (state IN ('scheduled','queued','running','success','restarting','failed','up_for_retry','up_for_reschedule',
                                'upstream_failed','skipped','deferred','removed')),
    reason text,
    admissible boolean NOT NULL DEFAULT false,
    lane text NOT NULL, pool text NOT NULL, pool_slots integer NOT NULL CHECK (pool_slots > 0),
    rank_class smallint NOT NULL, priority integer NOT NULL, run_after timestamptz NOT NULL,
    try_number integer NOT NULL DEFAULT 0,
    retries_used integer NOT NULL DEFAULT 0,
    lost_in_a_row integer NOT NULL DEFAULT 0,
    piece integer NOT NULL DEFAULT 0,
    attempt uuid,
    branch jsonb,
    due_at timestamptz, scheduled_at timestamptz, start_date timestamptz, end_date timestamptz,
    CONSTRAINT task_instance_key UNIQUE (run, task_id, map_index),
    CONSTRAINT task_instance_finished CHECK ((state IS NOT NULL AND state IN ('success','failed','skipped','upstream_failed','removed')) = (end_date IS NOT NULL)),
    CONSTRAINT task_instance_admissible CHECK (NOT admissible OR (state IS NOT NULL AND state = 'scheduled')),
    CONSTRAINT task_instance_owned CHECK (state IS NULL OR state NOT IN ('queued','running','restarting') OR attempt IS NOT NULL),
    CONSTRAINT task_instance_due CHECK (state IS NULL OR state NOT IN ('up_for_retry','up_for_reschedule') OR due_at IS NOT NULL)
  ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0)`,
  `CREATE INDEX ti_admissible ON task_instance (lane, pool, rank_class, priority DESC, run_after, pk) WHERE admissible`,
  `CREATE INDEX ti_due ON task_instance (due_at) WHERE state IN ('up_for_retry','up_for_reschedule')`,
  // Wide things stay out of the hot row.
  `CREATE TABLE ti_detail (
    ti bigint PRIMARY KEY REFERENCES task_instance ON DELETE CASCADE,
    rendered jsonb,
    note text
  )`,

  // The slot, the owner and the place of one try. A slot is a row of this table that is not 'ended', never a counter.
  `CREATE TABLE attempt (
    id uuid PRIMARY KEY,
    ti bigint NOT NULL REFERENCES task_instance ON DELETE CASCADE,
    try_number integer NOT NULL, piece integer NOT NULL DEFAULT 0,
    session uuid NOT NULL REFERENCES session,
    version uuid NOT NULL REFERENCES dag_version,
    pool text NOT NULL, slots integer NOT NULL,
    state text NOT NULL DEFAULT 'claimed' CHECK (state IN ('claimed','running','ending','parked','ended')),
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(), started_at timestamptz, ended_at timestamptz,
    end_state text, end_reason text, error jsonb,
    host text, pid integer, cpu_ms integer, peak_kb integer,
    CONSTRAINT attempt_number UNIQUE (ti, try_number, piece),
    CONSTRAINT attempt_ended CHECK ((state = 'ended') = (ended_at IS NOT NULL))
  ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0)`,
  `CREATE UNIQUE INDEX attempt_live ON attempt (ti) WHERE state <> 'ended'`,
  `CREATE INDEX attempt_slots ON attempt (pool) INCLUDE (slots) WHERE state <> 'ended'`,
  `CREATE INDEX attempt_of_session ON attempt (session) WHERE state <> 'ended'`,

  // JSON text, never jsonb: Postgres's jsonb refuses values that are valid JSON.
  `CREATE TABLE xcom (
    run bigint NOT NULL REFERENCES dag_run ON DELETE CASCADE,
    task_id text NOT NULL, map_index integer NOT NULL DEFAULT -1, key text NOT NULL,
    value text NOT NULL, bytes integer NOT NULL,
    attempt uuid,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run, task_id, map_index, key)
  )`,

  `CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL, via text NOT NULL, action text NOT NULL,
    dag_id text, run_id text, task_id text, map_index integer,
    details jsonb NOT NULL DEFAULT '{}'
  )`,
  `CREATE INDEX audit_of_dag ON audit_log (dag_id, id DESC)`,

  `CREATE TABLE app_user (
    username text PRIMARY KEY,
    password_hash text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`,
  // Written by connect-pg-simple, in the shape that it wants.
  `CREATE TABLE web_session (sid text PRIMARY KEY, sess json NOT NULL, expire timestamptz NOT NULL)`,
  `CREATE INDEX web_session_expire ON web_session (expire)`,
];
