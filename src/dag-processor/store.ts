/**
 * What a file made → its rows, in one transaction per file: dag, dag_version, bundle, import_error.
 *
 * A version is (spec, code); what was there before becomes current again instead of being stored twice. A file that fails stores its
 * error and nothing else, so that the last good version stays live. A DAG id belongs to the file that stored it first, until that file is
 * gone or makes it no longer.
 */
import type { Pool, PoolClient } from 'pg';
import type { Config } from '../config/config';
import type { Instant } from '../core/time';
import { specHash } from '../dag-spec/canonical';
import { newestScheduledRuns } from '../read-model/newest-scheduled-runs';
import { firstRunOf, scheduleHashOf, timetableOfDag } from '../timetables/next-run';
import type { ScheduledRun } from '../timetables/timetable';
import type { AskedTimetable, AskedTimetables } from './ask-timetables';
import { plainError } from './import-error';
import type { ImportError } from './import-error';
import { inTransaction, type ProcessorLease } from './lease';
import type { LoadedFile, MadeDag } from './load-file';
import { duplicateError } from './ownership';
import { selectPools, storeWarnings } from './store-warnings';

export interface StoreContext {
  readonly pool: Pool;
  readonly lease: ProcessorLease;
  readonly config: Pick<Config, 'dagsPausedAtCreation' | 'executors'>;
  readonly now: Instant;
  /** Whether a path (relative to the dags folder) is a DAG file that exists. */
  readonly exists: (filePath: string) => boolean;
  /** Left out: no DAG of the file has a timetable of its own. */
  readonly asked?: AskedTimetables;
}

/** A user-defined timetable was asked after a run that is not the newest any more: ask again. */
export class AskedTooEarly extends Error {}

export interface Stored {
  /** DAGs that are new, have another version, or are active again. */
  readonly changed: readonly string[];
  readonly deactivated: readonly string[];
  /** DAG ids that belong to another file. */
  readonly refused: readonly string[];
  readonly error: ImportError | null;
}

/** @throws LeaseLost, and what the database says when it is away. What it refuses about the data becomes an import error. */
export async function storeFile(context: StoreContext, loaded: LoadedFile, own: readonly MadeDag[]): Promise<Stored> {
  if (loaded.error !== null) return storeError(context, loaded.error);
  try {
    return await inTransaction(context.pool, (client) => storeDags(client, context, loaded, own));
  } catch (error) {
    if (!isDataError(error)) throw error;
    return storeError(context, plainError(loaded.filePath, `The database cannot store what ${loaded.filePath} makes: ${error.message}`));
  }
}

export async function storeError({ pool, lease }: StoreContext, error: ImportError): Promise<Stored> {
  await inTransaction(pool, async (client) => {
    await lease.hold(client);
    await writeError(client, error);
  });
  return { changed: [], deactivated: [], refused: [], error };
}

export async function clearError({ pool, lease }: StoreContext, filePath: string): Promise<void> {
  await inTransaction(pool, async (client) => {
    await lease.hold(client);
    await client.query('DELETE FROM import_error WHERE file_path = $1', [filePath]);
  });
}

/** Files that somebody wants looked at again. They are taken by whoever has the folder: a process that starts anew looks at all of them. */
export async function takeParseRequests({ pool, lease }: Pick<StoreContext, 'pool' | 'lease'>): Promise<string[]> {
  const { rowCount } = await pool.query('SELECT FROM parse_request LIMIT 1');
  if (rowCount === 0) return [];
  return inTransaction(pool, async (client) => {
    await lease.hold(client);
    const { rows } = await client.query<{ file_path: string }>('DELETE FROM parse_request RETURNING file_path');
    return rows.map((row) => row.file_path);
  });
}

/** DAGs and errors of files that are no more. Returns the DAGs that are inactive now. */
export async function forgetMissingFiles({ pool, lease }: StoreContext, present: readonly string[]): Promise<string[]> {
  return inTransaction(pool, async (client) => {
    await lease.hold(client);
    await client.query('DELETE FROM import_error WHERE file_path <> ALL($1)', [present]);
    const { rows } = await client.query<{ dag_id: string }>(
      'UPDATE dag SET is_active = false WHERE is_active AND file_path <> ALL($1) RETURNING dag_id',
      [present],
    );
    return rows.map((row) => row.dag_id);
  });
}

interface DagRow {
  readonly dag_id: string;
  readonly file_path: string;
  readonly is_active: boolean;
  readonly current_version: string | null;
  readonly schedule_hash: string | null;
}

async function storeDags(client: PoolClient, context: StoreContext, loaded: LoadedFile, own: readonly MadeDag[]): Promise<Stored> {
  const { filePath } = loaded;
  await context.lease.hold(client);
  const known = await lockDags(client, own);
  const ownerOf = (dagId: string) => {
    const row = known.get(dagId);
    return row !== undefined && row.is_active && row.file_path !== filePath && context.exists(row.file_path) ? row.file_path : null;
  };
  const refused = own.filter(({ spec }) => ownerOf(spec.dagId) !== null).map(({ spec }) => spec.dagId);
  const accepted = own.filter(({ spec }) => ownerOf(spec.dagId) === null);

  if (accepted.length > 0) {
    await insertBundle(client, loaded);
    await writeDags(client, context, loaded, accepted, known);
  }
  const current = accepted.length > 0 ? await writeVersions(client, loaded, accepted) : new Map<string, string>();
  const { rows: gone } = await client.query<{ dag_id: string }>(
    'UPDATE dag SET is_active = false WHERE is_active AND file_path = $1 AND dag_id <> ALL($2) RETURNING dag_id',
    [filePath, accepted.map(({ spec }) => spec.dagId)],
  );
  const error = refused[0] === undefined ? null : duplicateError(filePath, refused[0], ownerOf(refused[0])!);
  if (error === null) await client.query('DELETE FROM import_error WHERE file_path = $1', [filePath]);
  else await writeError(client, error);

  const isChanged = (dagId: string) => known.get(dagId)?.is_active !== true || known.get(dagId)!.current_version !== current.get(dagId);
  return {
    changed: accepted.map(({ spec }) => spec.dagId).filter(isChanged),
    deactivated: gone.map((row) => row.dag_id),
    refused,
    error,
  };
}

async function lockDags(client: PoolClient, own: readonly MadeDag[]): Promise<Map<string, DagRow>> {
  const { rows } = await client.query<DagRow>(
    `SELECT dag_id, file_path, is_active, current_version, schedule_hash FROM dag
     WHERE dag_id = ANY($1) ORDER BY dag_id FOR NO KEY UPDATE`,
    [own.map(({ spec }) => spec.dagId)],
  );
  return new Map(rows.map((row) => [row.dag_id, row]));
}

async function insertBundle(client: PoolClient, { bundle, sources }: LoadedFile): Promise<void> {
  const { hash, format, code, files } = bundle!;
  await client.query('INSERT INTO bundle (hash, format, code, sources, files) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (hash) DO NOTHING', [
    hash,
    format,
    code,
    jsonb(sources),
    jsonb(files),
  ]);
}

/** One statement for all DAGs of the file. `is_paused` is given once; the next run only where the schedule is another one. */
async function writeDags(
  client: PoolClient,
  { config, now, asked = new Map() }: StoreContext,
  loaded: LoadedFile,
  accepted: readonly MadeDag[],
  known: ReadonlyMap<string, DagRow>,
): Promise<void> {
  const hashOf = ({ spec }: MadeDag) => (asked.get(spec.dagId)?.problem ? null : scheduleHashOf(spec, loaded.bundle!.hash));
  const needsNextRun = (made: MadeDag) => {
    const row = known.get(made.spec.dagId);
    return row?.is_active !== true || row.schedule_hash === null || row.schedule_hash !== hashOf(made);
  };
  const rescheduled = accepted.filter(needsNextRun);
  const newest = await newestScheduledRuns(
    client,
    rescheduled.map(({ spec }) => spec.dagId),
  );
  const nextOf = ({ spec }: MadeDag): ScheduledRun | null => {
    const last = newest.get(spec.dagId) ?? null;
    if (spec.timetable.kind !== 'custom') return firstRunOf(spec, last, now);
    const answer = asked.get(spec.dagId);
    if (answer?.last?.logicalDate !== last?.logicalDate) throw new AskedTooEarly();
    return answer?.next ?? null;
  };
  const pools = await selectPools(client);
  const rows = accepted.map((made) => {
    const { spec } = made;
    const timetable = timetableOfDag(spec);
    const next = rescheduled.includes(made) ? nextOf(made) : null;
    return {
      dag_id: spec.dagId,
      is_paused: spec.pausedUponCreation ?? config.dagsPausedAtCreation,
      description: spec.description,
      owner: spec.owner,
      tags: spec.tags,
      timetable_summary: timetable.summary,
      timetable_description: timetable.description,
      timezone: spec.timezone,
      max_active_runs: spec.maxActiveRuns,
      max_active_tasks: spec.maxActiveTasks,
      has_deadlines: spec.deadlines !== undefined,
      rescheduled: rescheduled.includes(made),
      schedule_hash: hashOf(made),
      next_run_after: iso(next?.runAfter),
      next_logical_date: iso(next?.logicalDate),
      next_interval_start: iso(next?.interval.start),
      next_interval_end: iso(next?.interval.end),
      warnings: [...made.warnings, ...problemOf(asked.get(spec.dagId)), ...storeWarnings(spec, pools, config.executors)],
    };
  });
  await client.query(
    `INSERT INTO dag AS d (dag_id, file_path, is_active, is_paused, description, owner, tags, timetable_summary, timetable_description, timezone,
                           max_active_runs, max_active_tasks, has_deadlines, schedule_hash,
                           next_run_after, next_logical_date, next_interval_start, next_interval_end, warnings, last_parsed_at, last_parse_ms)
     SELECT r.dag_id, $2, true, r.is_paused, r.description, r.owner, r.tags, r.timetable_summary, r.timetable_description, r.timezone,
            r.max_active_runs, r.max_active_tasks, r.has_deadlines, r.schedule_hash,
            r.next_run_after, r.next_logical_date, r.next_interval_start, r.next_interval_end, r.warnings, clock_timestamp(), $3
     FROM (SELECT * FROM ${rowsOfJson}) r ORDER BY r.dag_id
     ON CONFLICT (dag_id) DO UPDATE SET
       file_path = excluded.file_path, is_active = true, description = excluded.description, owner = excluded.owner, tags = excluded.tags,
       timetable_summary = excluded.timetable_summary, timetable_description = excluded.timetable_description,
       timezone = excluded.timezone, max_active_runs = excluded.max_active_runs, max_active_tasks = excluded.max_active_tasks,
       has_deadlines = excluded.has_deadlines,
       schedule_hash = excluded.schedule_hash,
       warnings = excluded.warnings, last_parsed_at = excluded.last_parsed_at, last_parse_ms = excluded.last_parse_ms`,
    [jsonb(rows), loaded.filePath, Math.round(loaded.durationMs)],
  );
  await client.query(
    `UPDATE dag SET next_run_after = r.next_run_after, next_logical_date = r.next_logical_date,
                    next_interval_start = r.next_interval_start, next_interval_end = r.next_interval_end
     FROM ${rowsOfJson} WHERE dag.dag_id = r.dag_id AND r.rescheduled`,
    [jsonb(rows)],
  );
}

const rowsOfJson = `jsonb_to_recordset($1) AS r (dag_id text, is_paused boolean, description text, owner text, tags text[],
  timetable_summary text, timetable_description text, timezone text, max_active_runs integer, max_active_tasks integer, has_deadlines boolean,
  rescheduled boolean, schedule_hash text, next_run_after timestamptz, next_logical_date timestamptz,
  next_interval_start timestamptz, next_interval_end timestamptz, warnings jsonb)`;

/** Returns the version that each DAG has now. */
async function writeVersions(client: PoolClient, loaded: LoadedFile, accepted: readonly MadeDag[]): Promise<Map<string, string>> {
  const { hash } = loaded.bundle!;
  const rows = accepted.map(({ spec }) => ({ dag_id: spec.dagId, spec_hash: specHash(spec), spec: JSON.stringify(spec) }));
  const columns = 'jsonb_to_recordset($1) AS r (dag_id text, spec_hash text, spec text)';
  await client.query(
    `INSERT INTO dag_version (dag_id, number, spec_hash, bundle_hash, file_path, spec)
     SELECT r.dag_id, 1 + coalesce((SELECT max(v.number) FROM dag_version v WHERE v.dag_id = r.dag_id), 0), r.spec_hash, $2, $3, r.spec::json
     FROM ${columns}
     ON CONFLICT ON CONSTRAINT dag_version_content DO NOTHING`,
    [jsonb(rows), hash, loaded.filePath],
  );
  const { rows: current } = await client.query<{ dag_id: string; current_version: string }>(
    `UPDATE dag SET current_version = v.id FROM ${columns} JOIN dag_version v ON v.dag_id = r.dag_id AND v.spec_hash = r.spec_hash AND v.bundle_hash = $2
     WHERE dag.dag_id = r.dag_id RETURNING dag.dag_id, dag.current_version`,
    [jsonb(rows), hash],
  );
  return new Map(current.map((row) => [row.dag_id, row.current_version]));
}

function problemOf(answer: AskedTimetable | undefined): readonly string[] {
  return answer?.problem ? [answer.problem] : [];
}

/** The time stays that of the first time it looked like this. */
async function writeError(client: PoolClient, error: ImportError): Promise<void> {
  const { filePath, stackTrace, file, line, column, frame } = error;
  const place = file === null ? null : `${file}:${line}:${column}`;
  const shown = frame === null || place === null ? frame : `${place}\n${frame}`;
  // The line of another file beside the name of this one would send people to the wrong place.
  const isElsewhere = place !== null && file !== filePath;
  const message = isElsewhere && !error.message.includes(place) ? `${error.message} (${place})` : error.message;
  await client.query(
    `INSERT INTO import_error AS e (file_path, message, stack_trace, line, col, frame) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (file_path) DO UPDATE SET message = excluded.message, stack_trace = excluded.stack_trace, line = excluded.line,
       col = excluded.col, frame = excluded.frame, at = clock_timestamp()
     WHERE (e.message, e.line, e.col, e.frame) IS DISTINCT FROM (excluded.message, excluded.line, excluded.col, excluded.frame)`,
    [
      filePath,
      storable(message),
      storable(stackTrace),
      isElsewhere ? null : line,
      isElsewhere ? null : column,
      shown === null ? null : storable(shown),
    ],
  );
}

/** Postgres has no NUL in a text, and takes no half of a surrogate pair. */
function storable(text: string): string {
  return Buffer.from(text).toString().replaceAll('\u0000', '\ufffd');
}

/** Source texts may hold what jsonb refuses; in a spec that is an error of its own. */
function jsonb(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'string' ? storable(inner) : inner));
}

function iso(instant: Instant | undefined): string | null {
  return instant === undefined ? null : new Date(instant).toISOString();
}

/** 22: the value cannot be stored, 23: a constraint forbids it. */
function isDataError(error: unknown): error is Error {
  return error instanceof Error && /^2[23]/.test((error as { code?: string }).code ?? '');
}
