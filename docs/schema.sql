-- The schema as the migrations make it; test/db/schema.test.ts holds it so (run it with UPDATE_SCHEMA=1 to write this file anew).

CREATE TABLE app_user (
  username text NOT NULL,
  password_hash text NOT NULL,
  role text NOT NULL,
  created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT app_user_pkey PRIMARY KEY (username),
  CONSTRAINT app_user_role_check CHECK ((role = 'admin'::text))
);

CREATE TABLE attempt (
  id uuid NOT NULL,
  ti bigint NOT NULL,
  try_number integer NOT NULL,
  piece integer DEFAULT 0 NOT NULL,
  session uuid NOT NULL,
  version uuid NOT NULL,
  pool text NOT NULL,
  slots integer NOT NULL,
  state text DEFAULT 'claimed'::text NOT NULL,
  claimed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  started_at timestamp with time zone,
  ended_at timestamp with time zone,
  end_state text,
  end_reason text,
  error jsonb,
  host text,
  pid integer,
  cpu_ms integer,
  peak_kb integer,
  CONSTRAINT attempt_pkey PRIMARY KEY (id),
  CONSTRAINT attempt_number UNIQUE (ti, try_number, piece),
  CONSTRAINT attempt_ended CHECK (((state = 'ended'::text) = (ended_at IS NOT NULL))),
  CONSTRAINT attempt_state_check CHECK ((state = ANY (ARRAY['claimed'::text, 'running'::text, 'ending'::text, 'parked'::text, 'ended'::text]))),
  CONSTRAINT attempt_session_fkey FOREIGN KEY (session) REFERENCES session(id),
  CONSTRAINT attempt_ti_fkey FOREIGN KEY (ti) REFERENCES task_instance(pk) ON DELETE CASCADE,
  CONSTRAINT attempt_version_fkey FOREIGN KEY (version) REFERENCES dag_version(id)
) WITH (fillfactor=80, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_cost_delay=0);
CREATE UNIQUE INDEX attempt_live ON attempt USING btree (ti) WHERE (state <> 'ended'::text);
CREATE INDEX attempt_of_session ON attempt USING btree (session) WHERE (state <> 'ended'::text);
CREATE INDEX attempt_slots ON attempt USING btree (pool) INCLUDE (slots) WHERE ((state <> 'ended'::text) AND (slots > 0));

CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  actor text NOT NULL,
  via text NOT NULL,
  action text NOT NULL,
  dag_id text,
  run_id text,
  task_id text,
  map_index integer,
  details jsonb DEFAULT '{}'::jsonb NOT NULL,
  CONSTRAINT audit_log_pkey PRIMARY KEY (id)
);
CREATE INDEX audit_of_dag ON audit_log USING btree (dag_id, id DESC);

CREATE TABLE backfill (
  id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  dag_id text NOT NULL,
  from_date timestamp with time zone NOT NULL,
  to_date timestamp with time zone NOT NULL,
  max_active_runs integer NOT NULL,
  reprocess_behavior text NOT NULL,
  run_backwards boolean DEFAULT false NOT NULL,
  is_paused boolean DEFAULT false NOT NULL,
  conf jsonb DEFAULT '{}'::jsonb NOT NULL,
  created_by text,
  created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  completed_at timestamp with time zone,
  cancelled boolean DEFAULT false NOT NULL,
  task_ids text[],
  run_on_latest_version boolean DEFAULT true NOT NULL,
  CONSTRAINT backfill_pkey PRIMARY KEY (id),
  CONSTRAINT backfill_cancelled CHECK (((NOT cancelled) OR (completed_at IS NOT NULL))),
  CONSTRAINT backfill_max_active_runs_check CHECK ((max_active_runs > 0)),
  CONSTRAINT backfill_range CHECK ((from_date <= to_date)),
  CONSTRAINT backfill_reprocess_behavior_check CHECK ((reprocess_behavior = ANY (ARRAY['none'::text, 'failed'::text, 'completed'::text]))),
  CONSTRAINT backfill_dag_id_fkey FOREIGN KEY (dag_id) REFERENCES dag(dag_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX backfill_open ON backfill USING btree (dag_id) WHERE (completed_at IS NULL);

CREATE TABLE backfill_run (
  backfill_id bigint NOT NULL,
  ordinal integer NOT NULL,
  logical_date timestamp with time zone NOT NULL,
  interval_start timestamp with time zone NOT NULL,
  interval_end timestamp with time zone NOT NULL,
  run bigint,
  outcome text,
  CONSTRAINT backfill_run_pkey PRIMARY KEY (backfill_id, ordinal),
  CONSTRAINT backfill_run_outcome_check CHECK ((outcome = ANY (ARRAY['created'::text, 'cleared'::text, 'already exists'::text, 'in flight'::text, 'cancelled'::text]))),
  CONSTRAINT backfill_run_backfill_id_fkey FOREIGN KEY (backfill_id) REFERENCES backfill(id) ON DELETE CASCADE,
  CONSTRAINT backfill_run_run_fkey FOREIGN KEY (run) REFERENCES dag_run(pk) ON DELETE SET NULL
);
CREATE INDEX backfill_run_of_run ON backfill_run USING btree (run) WHERE (run IS NOT NULL);
CREATE INDEX backfill_run_todo ON backfill_run USING btree (backfill_id, ordinal) WHERE (outcome IS NULL);

CREATE TABLE bundle (
  hash text NOT NULL,
  format text NOT NULL,
  code text NOT NULL,
  sources jsonb NOT NULL,
  files jsonb DEFAULT '{}'::jsonb NOT NULL,
  created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT bundle_pkey PRIMARY KEY (hash),
  CONSTRAINT bundle_format_check CHECK ((format = ANY (ARRAY['cjs'::text, 'esm'::text])))
);

CREATE TABLE callback (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  run bigint NOT NULL,
  ti bigint,
  event text NOT NULL,
  version uuid NOT NULL,
  try_number integer DEFAULT 0 NOT NULL,
  reason text,
  error json,
  due_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  session uuid,
  tries integer DEFAULT 0 NOT NULL,
  done_at timestamp with time zone,
  outcome text,
  created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  deadline smallint,
  CONSTRAINT callback_pkey PRIMARY KEY (id),
  CONSTRAINT callback_deadline CHECK (((event = 'deadline'::text) = (deadline IS NOT NULL))),
  CONSTRAINT callback_event_check CHECK ((event = ANY (ARRAY['success'::text, 'failure'::text, 'retry'::text, 'skipped'::text, 'deadline'::text]))),
  CONSTRAINT callback_run_fkey FOREIGN KEY (run) REFERENCES dag_run(pk) ON DELETE CASCADE,
  CONSTRAINT callback_session_fkey FOREIGN KEY (session) REFERENCES session(id) ON DELETE SET NULL,
  CONSTRAINT callback_ti_fkey FOREIGN KEY (ti) REFERENCES task_instance(pk) ON DELETE CASCADE,
  CONSTRAINT callback_version_fkey FOREIGN KEY (version) REFERENCES dag_version(id)
);
CREATE INDEX callback_due ON callback USING btree (due_at) WHERE (done_at IS NULL);
CREATE INDEX callback_of_run ON callback USING btree (run);
CREATE INDEX callback_of_ti ON callback USING btree (ti) WHERE (ti IS NOT NULL);

CREATE TABLE connection (
  conn_id text NOT NULL,
  conn_type text NOT NULL,
  description text,
  host text,
  port integer,
  login text,
  schema text,
  password text,
  extra text,
  key_id text NOT NULL,
  updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT connection_pkey PRIMARY KEY (conn_id),
  CONSTRAINT connection_conn_id_check CHECK ((conn_id ~ '^[A-Za-z0-9_.-]{1,200}$'::text)),
  CONSTRAINT connection_port_check CHECK (((port >= 0) AND (port <= 65535)))
);

CREATE TABLE dag (
  dag_id text NOT NULL,
  file_path text NOT NULL,
  is_active boolean DEFAULT true NOT NULL,
  is_paused boolean NOT NULL,
  current_version uuid,
  description text,
  owner text,
  tags text[] DEFAULT '{}'::text[] NOT NULL,
  timetable_summary text,
  timetable_description text,
  timezone text DEFAULT 'UTC'::text NOT NULL,
  max_active_runs integer NOT NULL,
  max_active_tasks integer NOT NULL,
  next_run_after timestamp with time zone,
  next_logical_date timestamp with time zone,
  next_interval_start timestamp with time zone,
  next_interval_end timestamp with time zone,
  schedule_hash text,
  warnings jsonb DEFAULT '[]'::jsonb NOT NULL,
  last_parsed_at timestamp with time zone,
  last_parse_ms integer,
  created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  has_deadlines boolean DEFAULT false NOT NULL,
  CONSTRAINT dag_pkey PRIMARY KEY (dag_id),
  CONSTRAINT dag_current_version FOREIGN KEY (current_version) REFERENCES dag_version(id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX dag_due ON dag USING btree (next_run_after) WHERE (is_active AND (NOT is_paused));
CREATE INDEX dag_of_file ON dag USING btree (file_path);

CREATE TABLE dag_favorite (
  username text NOT NULL,
  dag_id text NOT NULL,
  CONSTRAINT dag_favorite_pkey PRIMARY KEY (username, dag_id),
  CONSTRAINT dag_favorite_dag_id_fkey FOREIGN KEY (dag_id) REFERENCES dag(dag_id) ON DELETE CASCADE,
  CONSTRAINT dag_favorite_username_fkey FOREIGN KEY (username) REFERENCES app_user(username) ON DELETE CASCADE
);
CREATE INDEX dag_favorite_of_dag ON dag_favorite USING btree (dag_id);

CREATE TABLE dag_run (
  pk bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  dag_id text NOT NULL,
  run_id text NOT NULL,
  run_type text NOT NULL,
  state text DEFAULT 'queued'::text NOT NULL,
  logical_date timestamp with time zone,
  interval_start timestamp with time zone,
  interval_end timestamp with time zone,
  run_after timestamp with time zone NOT NULL,
  version uuid,
  conf jsonb DEFAULT '{}'::jsonb NOT NULL,
  triggered_by text NOT NULL,
  triggering_user text,
  note text,
  backfill_id bigint,
  backfill_ordinal integer,
  queued_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  start_date timestamp with time zone,
  end_date timestamp with time zone,
  deadline_at timestamp with time zone,
  seq bigint DEFAULT 0 NOT NULL,
  waits_for_past boolean DEFAULT false NOT NULL,
  keep_version boolean DEFAULT false NOT NULL,
  retries_used integer DEFAULT 0 NOT NULL,
  retry_at timestamp with time zone,
  end_reason text,
  only_tasks text[],
  CONSTRAINT dag_run_pkey PRIMARY KEY (pk),
  CONSTRAINT dag_run_id UNIQUE (dag_id, run_id),
  CONSTRAINT dag_run_logical_date UNIQUE (dag_id, logical_date),
  CONSTRAINT dag_run_finished CHECK (((state = ANY (ARRAY['success'::text, 'failed'::text])) = (end_date IS NOT NULL))),
  CONSTRAINT dag_run_interval CHECK ((((interval_start IS NULL) = (interval_end IS NULL)) AND (interval_start <= interval_end))),
  CONSTRAINT dag_run_run_type_check CHECK ((run_type = ANY (ARRAY['scheduled'::text, 'manual'::text, 'backfill'::text]))),
  CONSTRAINT dag_run_started CHECK (((state = 'queued'::text) OR (version IS NOT NULL))),
  CONSTRAINT dag_run_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'success'::text, 'failed'::text]))),
  CONSTRAINT dag_run_backfill_id_fkey FOREIGN KEY (backfill_id) REFERENCES backfill(id) ON DELETE SET NULL,
  CONSTRAINT dag_run_dag_id_fkey FOREIGN KEY (dag_id) REFERENCES dag(dag_id) ON DELETE CASCADE,
  CONSTRAINT dag_run_version_fkey FOREIGN KEY (version) REFERENCES dag_version(id)
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_cost_delay=0);
CREATE INDEX run_deadline ON dag_run USING btree (deadline_at) WHERE ((state = 'running'::text) AND (deadline_at IS NOT NULL));
CREATE INDEX run_ended ON dag_run USING btree (end_date) WHERE (end_date IS NOT NULL);
CREATE INDEX run_of_backfill ON dag_run USING btree (backfill_id) WHERE (backfill_id IS NOT NULL);
CREATE INDEX run_page ON dag_run USING btree (dag_id, run_after DESC, pk DESC);
CREATE INDEX run_queue ON dag_run USING btree (dag_id, backfill_id, backfill_ordinal, run_after, pk) WHERE (state = 'queued'::text);
CREATE INDEX run_recent ON dag_run USING btree (run_after DESC, pk DESC);
CREATE INDEX run_retry ON dag_run USING btree (retry_at) WHERE (retry_at IS NOT NULL);
CREATE INDEX run_running ON dag_run USING btree (dag_id, backfill_id) WHERE (state = 'running'::text);

CREATE TABLE dag_version (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  dag_id text NOT NULL,
  number integer NOT NULL,
  spec_hash text NOT NULL,
  bundle_hash text NOT NULL,
  file_path text NOT NULL,
  spec json NOT NULL,
  created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT dag_version_pkey PRIMARY KEY (id),
  CONSTRAINT dag_version_content UNIQUE (dag_id, spec_hash, bundle_hash),
  CONSTRAINT dag_version_number UNIQUE (dag_id, number),
  CONSTRAINT dag_version_bundle_hash_fkey FOREIGN KEY (bundle_hash) REFERENCES bundle(hash),
  CONSTRAINT dag_version_dag_id_fkey FOREIGN KEY (dag_id) REFERENCES dag(dag_id) ON DELETE CASCADE
);

CREATE TABLE deadline (
  run bigint NOT NULL,
  number smallint NOT NULL,
  due_at timestamp with time zone,
  settled boolean NOT NULL,
  missed_at timestamp with time zone,
  CONSTRAINT deadline_pkey PRIMARY KEY (run, number),
  CONSTRAINT deadline_missed CHECK (((missed_at IS NULL) OR (due_at IS NOT NULL))),
  CONSTRAINT deadline_number_check CHECK ((number >= 0)),
  CONSTRAINT deadline_settled CHECK ((settled OR (due_at IS NULL))),
  CONSTRAINT deadline_run_fkey FOREIGN KEY (run) REFERENCES dag_run(pk) ON DELETE CASCADE
);
CREATE INDEX deadline_due ON deadline USING btree (due_at) WHERE ((missed_at IS NULL) AND (due_at IS NOT NULL));

CREATE TABLE expansion (
  run bigint NOT NULL,
  owner text NOT NULL,
  lengths integer[],
  next_index integer DEFAULT 0 NOT NULL,
  at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT expansion_pkey PRIMARY KEY (run, owner),
  CONSTRAINT expansion_run_fkey FOREIGN KEY (run) REFERENCES dag_run(pk) ON DELETE CASCADE
);

CREATE TABLE import_error (
  id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  file_path text NOT NULL,
  message text NOT NULL,
  stack_trace text NOT NULL,
  line integer,
  col integer,
  frame text,
  at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT import_error_pkey PRIMARY KEY (id),
  CONSTRAINT import_error_file_path_key UNIQUE (file_path)
);

CREATE TABLE parse_request (
  file_path text NOT NULL,
  requested_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT parse_request_pkey PRIMARY KEY (file_path)
);

CREATE TABLE pool (
  name text NOT NULL,
  slots integer NOT NULL,
  include_deferred boolean DEFAULT false NOT NULL,
  description text,
  CONSTRAINT pool_pkey PRIMARY KEY (name),
  CONSTRAINT pool_slots_check CHECK ((slots >= '-1'::integer))
);

CREATE TABLE run_wake (
  id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  run bigint NOT NULL,
  cause text NOT NULL,
  hint jsonb,
  at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT run_wake_pkey PRIMARY KEY (id)
);
CREATE INDEX run_wake_run ON run_wake USING btree (run);

CREATE TABLE session (
  id uuid NOT NULL,
  kind text NOT NULL,
  host text NOT NULL,
  boot_id text NOT NULL,
  pid integer NOT NULL,
  version text NOT NULL,
  lanes text[] DEFAULT '{}'::text[] NOT NULL,
  capacity integer DEFAULT 0 NOT NULL,
  state text DEFAULT 'alive'::text NOT NULL,
  started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  renewed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  lease_until timestamp with time zone NOT NULL,
  ended_at timestamp with time zone,
  details jsonb DEFAULT '{}'::jsonb NOT NULL,
  number bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  CONSTRAINT session_pkey PRIMARY KEY (id),
  CONSTRAINT session_ended CHECK (((state = ANY (ARRAY['ended'::text, 'lost'::text])) = (ended_at IS NOT NULL))),
  CONSTRAINT session_kind_check CHECK ((kind = ANY (ARRAY['scheduler'::text, 'webserver'::text, 'dag-processor'::text, 'triggerer'::text, 'worker'::text, 'test'::text]))),
  CONSTRAINT session_state_check CHECK ((state = ANY (ARRAY['alive'::text, 'draining'::text, 'ended'::text, 'lost'::text])))
) WITH (fillfactor=50);
CREATE INDEX session_lease ON session USING btree (lease_until) WHERE (state = ANY (ARRAY['alive'::text, 'draining'::text]));

CREATE TABLE task_instance (
  pk bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  run bigint NOT NULL,
  task_id text NOT NULL,
  map_index integer DEFAULT '-1'::integer NOT NULL,
  state text,
  reason text,
  admissible boolean DEFAULT false NOT NULL,
  lane text NOT NULL,
  pool text NOT NULL,
  pool_slots integer NOT NULL,
  rank_class smallint NOT NULL,
  priority integer NOT NULL,
  run_after timestamp with time zone NOT NULL,
  try_number integer DEFAULT 0 NOT NULL,
  retries_used integer DEFAULT 0 NOT NULL,
  lost_in_a_row integer DEFAULT 0 NOT NULL,
  piece integer DEFAULT 0 NOT NULL,
  attempt uuid,
  branch jsonb,
  due_at timestamp with time zone,
  scheduled_at timestamp with time zone,
  start_date timestamp with time zone,
  end_date timestamp with time zone,
  CONSTRAINT task_instance_pkey PRIMARY KEY (pk),
  CONSTRAINT task_instance_key UNIQUE (run, task_id, map_index),
  CONSTRAINT task_instance_admissible CHECK (((NOT admissible) OR ((state IS NOT NULL) AND (state = 'scheduled'::text)))),
  CONSTRAINT task_instance_due CHECK (((state IS NULL) OR (state <> ALL (ARRAY['up_for_retry'::text, 'up_for_reschedule'::text])) OR (due_at IS NOT NULL))),
  CONSTRAINT task_instance_finished CHECK ((((state IS NOT NULL) AND (state = ANY (ARRAY['success'::text, 'failed'::text, 'skipped'::text, 'upstream_failed'::text, 'removed'::text]))) = (end_date IS NOT NULL))),
  CONSTRAINT task_instance_owned CHECK (((state IS NULL) OR (state <> ALL (ARRAY['queued'::text, 'running'::text, 'restarting'::text])) OR (attempt IS NOT NULL))),
  CONSTRAINT task_instance_pool_slots_check CHECK ((pool_slots > 0)),
  CONSTRAINT task_instance_state_check CHECK ((state = ANY (ARRAY['scheduled'::text, 'queued'::text, 'running'::text, 'success'::text, 'restarting'::text, 'failed'::text, 'up_for_retry'::text, 'up_for_reschedule'::text, 'upstream_failed'::text, 'skipped'::text, 'deferred'::text, 'removed'::text]))),
  CONSTRAINT task_instance_run_fkey FOREIGN KEY (run) REFERENCES dag_run(pk) ON DELETE CASCADE
) WITH (fillfactor=80, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_cost_delay=0);
CREATE INDEX ti_admissible ON task_instance USING btree (lane, pool, rank_class, priority DESC, run_after, pk) WHERE admissible;
CREATE INDEX ti_due ON task_instance USING btree (due_at) WHERE (state = ANY (ARRAY['up_for_retry'::text, 'up_for_reschedule'::text]));
CREATE INDEX ti_gated ON task_instance USING btree (run, task_id, map_index) WHERE ((state = 'scheduled'::text) AND (NOT admissible) AND (map_index >= 0));

CREATE TABLE task_tally (
  run bigint NOT NULL,
  task_id text NOT NULL,
  lengths integer[] NOT NULL,
  length integer NOT NULL,
  none integer DEFAULT 0 NOT NULL,
  waiting integer DEFAULT 0 NOT NULL,
  active integer DEFAULT 0 NOT NULL,
  sleeping integer DEFAULT 0 NOT NULL,
  success integer DEFAULT 0 NOT NULL,
  failed integer DEFAULT 0 NOT NULL,
  skipped integer DEFAULT 0 NOT NULL,
  upstream_failed integer DEFAULT 0 NOT NULL,
  CONSTRAINT task_tally_pkey PRIMARY KEY (run, task_id),
  CONSTRAINT task_tally_active_check CHECK ((active >= 0)),
  CONSTRAINT task_tally_failed_check CHECK ((failed >= 0)),
  CONSTRAINT task_tally_length_check CHECK ((length >= 0)),
  CONSTRAINT task_tally_none_check CHECK (("none" >= 0)),
  CONSTRAINT task_tally_skipped_check CHECK ((skipped >= 0)),
  CONSTRAINT task_tally_sleeping_check CHECK ((sleeping >= 0)),
  CONSTRAINT task_tally_success_check CHECK ((success >= 0)),
  CONSTRAINT task_tally_sum CHECK ((((((((("none" + waiting) + active) + sleeping) + success) + failed) + skipped) + upstream_failed) <= length)),
  CONSTRAINT task_tally_upstream_failed_check CHECK ((upstream_failed >= 0)),
  CONSTRAINT task_tally_waiting_check CHECK ((waiting >= 0)),
  CONSTRAINT task_tally_run_fkey FOREIGN KEY (run) REFERENCES dag_run(pk) ON DELETE CASCADE
) WITH (fillfactor=50, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_cost_delay=0);

CREATE TABLE ti_detail (
  ti bigint NOT NULL,
  rendered jsonb,
  note text,
  resume json,
  map_label text,
  error json,
  CONSTRAINT ti_detail_pkey PRIMARY KEY (ti),
  CONSTRAINT ti_detail_ti_fkey FOREIGN KEY (ti) REFERENCES task_instance(pk) ON DELETE CASCADE
);

CREATE TABLE variable (
  key text NOT NULL,
  value text NOT NULL,
  description text,
  key_id text NOT NULL,
  updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT variable_pkey PRIMARY KEY (key),
  CONSTRAINT variable_key_check CHECK (((key <> ''::text) AND (length(key) <= 250)))
);

CREATE TABLE wait (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  ti bigint NOT NULL,
  run bigint NOT NULL,
  attempt uuid NOT NULL,
  kind text NOT NULL,
  trigger text,
  args json NOT NULL,
  version uuid NOT NULL,
  resume text NOT NULL,
  interval_ms bigint,
  next_check_at timestamp with time zone NOT NULL,
  timeout_at timestamp with time zone,
  session uuid,
  generation integer DEFAULT 0 NOT NULL,
  created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT wait_pkey PRIMARY KEY (id),
  CONSTRAINT wait_ti_key UNIQUE (ti),
  CONSTRAINT wait_custom CHECK (((kind = 'custom'::text) = (trigger IS NOT NULL))),
  CONSTRAINT wait_kind_check CHECK ((kind = ANY (ARRAY['time'::text, 'http'::text, 'file'::text, 'sql'::text, 'external-task'::text, 'dag-run'::text, 'custom'::text]))),
  CONSTRAINT wait_run_fkey FOREIGN KEY (run) REFERENCES dag_run(pk) ON DELETE CASCADE,
  CONSTRAINT wait_session_fkey FOREIGN KEY (session) REFERENCES session(id) ON DELETE SET NULL,
  CONSTRAINT wait_ti_fkey FOREIGN KEY (ti) REFERENCES task_instance(pk) ON DELETE CASCADE,
  CONSTRAINT wait_version_fkey FOREIGN KEY (version) REFERENCES dag_version(id)
) WITH (fillfactor=80);
CREATE INDEX wait_due ON wait USING btree (next_check_at) WHERE (kind <> 'custom'::text);
CREATE INDEX wait_look_of_session ON wait USING btree (session) WHERE ((kind <> 'custom'::text) AND (session IS NOT NULL));
CREATE INDEX wait_of_run ON wait USING btree (run);
CREATE INDEX wait_of_session ON wait USING btree (session) WHERE (kind = 'custom'::text);
CREATE INDEX wait_timeout ON wait USING btree (timeout_at) WHERE (timeout_at IS NOT NULL);

CREATE TABLE web_session (
  sid text NOT NULL,
  sess json NOT NULL,
  expire timestamp with time zone NOT NULL,
  CONSTRAINT web_session_pkey PRIMARY KEY (sid)
);
CREATE INDEX web_session_expire ON web_session USING btree (expire);

CREATE TABLE xcom (
  run bigint NOT NULL,
  task_id text NOT NULL,
  map_index integer DEFAULT '-1'::integer NOT NULL,
  key text NOT NULL,
  value text NOT NULL,
  bytes integer NOT NULL,
  attempt uuid,
  at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT xcom_pkey PRIMARY KEY (run, task_id, map_index, key),
  CONSTRAINT xcom_run_fkey FOREIGN KEY (run) REFERENCES dag_run(pk) ON DELETE CASCADE
);
