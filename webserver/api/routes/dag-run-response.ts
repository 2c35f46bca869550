import { z } from 'zod';
import { RUN_STATES, RUN_TYPES } from '../../../src/core/states';
import type { RunRow } from '../../../src/read-model/rest/runs';
import { date, jsonObject, nullableDate, seconds } from '../fields';
import { versionResponse, versionSchema } from './dag-version';

export const runSchema = z.object({
  dag_run_id: z.string(),
  dag_id: z.string(),
  dag_display_name: z.string(),
  logical_date: nullableDate,
  queued_at: nullableDate,
  start_date: nullableDate,
  end_date: nullableDate,
  duration: z.number().nullable(),
  data_interval_start: nullableDate,
  data_interval_end: nullableDate,
  run_after: date,
  last_scheduling_decision: nullableDate,
  run_type: z.enum(RUN_TYPES),
  state: z.enum(RUN_STATES),
  triggered_by: z.string().nullable(),
  triggering_user_name: z.string().nullable(),
  conf: jsonObject.nullable(),
  note: z.string().nullable(),
  dag_versions: z.array(versionSchema),
  bundle_version: z.string().nullable(),
  partition_key: z.string().nullable(),
});
export const runCollection = z.object({ dag_runs: z.array(runSchema), total_entries: z.int() });

export function runResponse(run: RunRow): z.input<typeof runSchema> {
  const version = versionResponse(run.dag_id, run);
  return {
    dag_run_id: run.run_id,
    dag_id: run.dag_id,
    dag_display_name: run.dag_id,
    logical_date: run.logical_date,
    queued_at: run.queued_at,
    start_date: run.start_date,
    end_date: run.end_date,
    duration: seconds(run.start_date, run.end_date),
    data_interval_start: run.interval_start,
    data_interval_end: run.interval_end,
    run_after: run.run_after,
    last_scheduling_decision: null,
    run_type: run.run_type,
    state: run.state,
    triggered_by: run.triggered_by,
    triggering_user_name: run.triggering_user,
    conf: run.conf,
    note: run.note,
    dag_versions: version ? [version] : [],
    bundle_version: null,
    partition_key: null,
  };
}
