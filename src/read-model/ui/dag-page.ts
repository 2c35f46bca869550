/** What the head of every DAG page shows, and the specs behind all of them. */
import type { Pool } from 'pg';
import { closeNames } from '../../core/did-you-mean';
import { compileDag } from '../../dag-spec/compiled-dag';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { DagSpec } from '../../dag-spec/spec';

export interface DagHead {
  readonly dagId: string;
  readonly filePath: string;
  readonly isActive: boolean;
  readonly isPaused: boolean;
  readonly description: string | null;
  readonly owner: string | null;
  readonly tags: readonly string[];
  readonly schedule: string | null;
  readonly scheduleDescription: string | null;
  readonly timezone: string;
  readonly nextRunAfter: Date | null;
  readonly nextIntervalStart: Date | null;
  readonly nextIntervalEnd: Date | null;
  readonly warnings: readonly unknown[];
  readonly version: string | null;
  readonly versionNumber: number | null;
  readonly lastParsedAt: Date | null;
  readonly lastParseMs: number | null;
  readonly runs: { readonly queued: number; readonly running: number };
}

/** null: there is no such DAG. A DAG whose file is gone is found, with `isActive` false. */
export async function readDagHead(pool: Pool, dagId: string): Promise<DagHead | null> {
  const { rows } = await pool.query<DagHead>(
    `SELECT d.dag_id AS "dagId", d.file_path AS "filePath", d.is_active AS "isActive", d.is_paused AS "isPaused", d.description, d.owner, d.tags,
            nullif(d.timetable_summary, 'None') AS schedule, d.timetable_description AS "scheduleDescription", d.timezone, d.next_run_after AS "nextRunAfter",
            d.next_interval_start AS "nextIntervalStart", d.next_interval_end AS "nextIntervalEnd", d.warnings,
            d.current_version AS version, v.number AS "versionNumber", d.last_parsed_at AS "lastParsedAt", d.last_parse_ms AS "lastParseMs",
            (SELECT jsonb_build_object('queued', count(*) FILTER (WHERE state = 'queued'), 'running', count(*) FILTER (WHERE state = 'running'))
             FROM dag_run r WHERE r.dag_id = d.dag_id AND r.state IN ('queued','running')) AS runs
     FROM dag d LEFT JOIN dag_version v ON v.id = d.current_version WHERE d.dag_id = $1`,
    [dagId],
  );
  return rows[0] ?? null;
}

/** Ids that look like this one, for a page about an id that does not exist. */
export async function closeDagIds(pool: Pool, dagId: string): Promise<string[]> {
  const { rows } = await pool.query<{ dag_id: string }>('SELECT dag_id FROM dag WHERE is_active ORDER BY dag_id LIMIT 5000');
  return closeNames(
    dagId,
    rows.map((row) => row.dag_id),
  );
}

/** Specs never change under their id: a small cache keeps those of the pages that are open. */
const compiled = new Map<string, CompiledDag>();
const KEPT = 64;

export async function readCompiledDag(pool: Pool, version: string): Promise<CompiledDag> {
  const known = compiled.get(version);
  if (known) return known;
  const { rows } = await pool.query<{ spec: DagSpec }>('SELECT spec FROM dag_version WHERE id = $1', [version]);
  if (!rows[0]) throw new Error(`there is no DAG version ${version}`);
  const dag = compileDag(version, rows[0].spec);
  compiled.set(version, dag);
  for (const oldest of compiled.keys()) if (compiled.size > KEPT) compiled.delete(oldest);
  return dag;
}

export interface VersionRow {
  readonly id: string;
  readonly number: number;
  readonly createdAt: Date;
  readonly bundleHash: string;
}

/** Newest first. */
export async function readVersions(pool: Pool, dagId: string): Promise<VersionRow[]> {
  const { rows } = await pool.query<VersionRow>(
    `SELECT v.id, v.number, v.created_at AS "createdAt", v.bundle_hash AS "bundleHash"
     FROM dag_version v WHERE v.dag_id = $1 ORDER BY v.number DESC LIMIT 200`,
    [dagId],
  );
  return rows;
}

/** The files of a version by path, the DAG file first. */
export async function readSources(pool: Pool, version: string): Promise<{ path: string; text: string }[]> {
  const { rows } = await pool.query<{ sources: unknown; file_path: string }>(
    'SELECT b.sources, v.file_path FROM dag_version v JOIN bundle b ON b.hash = v.bundle_hash WHERE v.id = $1',
    [version],
  );
  const row = rows[0];
  if (!row || typeof row.sources !== 'object' || row.sources === null) return [];
  return Object.entries(row.sources as Record<string, string>)
    .map(([path, text]) => ({ path, text: String(text) }))
    .toSorted((a, b) => Number(b.path === row.file_path) - Number(a.path === row.file_path) || a.path.localeCompare(b.path));
}
