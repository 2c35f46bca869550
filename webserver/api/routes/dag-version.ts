import { z } from 'zod';
import { date } from '../fields';

export const versionSchema = z.object({
  id: z.uuid(),
  version_number: z.int(),
  dag_id: z.string(),
  dag_display_name: z.string(),
  bundle_name: z.string().nullable(),
  bundle_version: z.string().nullable(),
  bundle_url: z.string().nullable(),
  created_at: date,
});

interface VersionColumns {
  readonly version_id: string | null;
  readonly version_number: number | null;
  readonly version_created_at: Date | null;
}

/** Null for a run that has not started, and so has no version yet. */
export function versionResponse(dagId: string, row: VersionColumns): z.input<typeof versionSchema> | null {
  if (row.version_id === null) return null;
  return {
    id: row.version_id,
    version_number: row.version_number!,
    dag_id: dagId,
    dag_display_name: dagId,
    bundle_name: 'dags-folder',
    bundle_version: null,
    bundle_url: null,
    created_at: row.version_created_at!,
  };
}
