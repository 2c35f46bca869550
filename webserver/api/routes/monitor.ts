import { z } from 'zod';
import { packageVersion } from '../../../src/config/package-root';
import { getHeartbeats, type Heartbeat } from '../../../src/read-model/rest/health';
import { nullableDate } from '../fields';
import { defineRoute } from '../route';

const status = z.enum(['healthy', 'unhealthy']).nullable();

export const monitorRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/version',
    id: 'get_version',
    tag: 'Version',
    summary: 'The version of thence',
    isPublic: true,
    response: z.object({ version: z.string(), git_version: z.string().nullable() }),
    handle: async () => ({ version: packageVersion, git_version: null }),
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/monitor/health',
    id: 'get_health',
    tag: 'Monitor',
    summary: 'Whether the database answers and the processes live. A status of null: there is no such process, and need not be',
    isPublic: true,
    response: z.object({
      metadatabase: z.object({ status }),
      scheduler: z.object({ status, latest_scheduler_heartbeat: nullableDate }),
      triggerer: z.object({ status, latest_triggerer_heartbeat: nullableDate }),
      dag_processor: z.object({ status, latest_dag_processor_heartbeat: nullableDate }),
    }),
    handle: async ({ context: { database } }) => {
      // A database that is away is what this route is asked about: it answers 200 all the same.
      const beats = await getHeartbeats(database.pool).catch(() => null);
      const [scheduler, triggerer, processor] = ['scheduler', 'triggerer', 'dag-processor'].map((kind) => beats?.get(kind));
      const healthOf = (beat: Heartbeat | undefined) => (beat ? (beat.alive ? ('healthy' as const) : ('unhealthy' as const)) : null);
      return {
        metadatabase: { status: beats ? ('healthy' as const) : ('unhealthy' as const) },
        scheduler: { status: healthOf(scheduler) ?? ('unhealthy' as const), latest_scheduler_heartbeat: scheduler?.latest ?? null },
        triggerer: { status: healthOf(triggerer), latest_triggerer_heartbeat: triggerer?.latest ?? null },
        dag_processor: { status: healthOf(processor), latest_dag_processor_heartbeat: processor?.latest ?? null },
      };
    },
  }),
];
