import { z } from 'zod';
import { getVersion, listVersions, versionOrder, type VersionRow } from '../../../src/read-model/rest/dag-versions';
import { dagExists } from '../../../src/read-model/rest/dags';
import { notFound } from '../api-error';
import { orderBy, paging, readOrder } from '../fields';
import { defineRoute, type ApiContext } from '../route';
import { versionResponse, versionSchema } from './dag-version';
import { bundleName } from './dags';

const number = z.int().min(0).max(2147483647);

export const dagVersionRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/dagVersions',
    id: 'get_dag_versions',
    tag: 'DagVersion',
    summary: 'The versions of a DAG, or with `~` of all DAGs, by page',
    params: z.object({ dag_id: z.string() }),
    query: z.object({
      ...paging,
      version_number: number.optional(),
      bundle_name: z.string().optional(),
      bundle_version: z.string().optional(),
      order_by: orderBy(versionOrder, 'id'),
    }),
    response: z.object({ dag_versions: z.array(versionSchema), total_entries: z.int() }),
    errors: [400, 404],
    handle: async ({ params, query, context }) => {
      const filter = {
        dagId: params.dag_id === '~' ? undefined : await known(params.dag_id, context),
        number: query.version_number,
        nothing: query.bundle_version !== undefined || (query.bundle_name ?? bundleName) !== bundleName,
      };
      const { versions, total } = await listVersions(context.database.pool, filter, readOrder(query.order_by, versionOrder), query);
      return { dag_versions: versions.map(response), total_entries: total };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/dags/{dag_id}/dagVersions/{version_number}',
    id: 'get_dag_version',
    tag: 'DagVersion',
    summary: 'One version of a DAG',
    params: z.object({ dag_id: z.string(), version_number: number }),
    response: versionSchema,
    errors: [404],
    handle: async ({ params, context }) => {
      const dagId = await known(params.dag_id, context);
      const found = await getVersion(context.database.pool, dagId, params.version_number);
      if (!found) throw notFound(`The version of DAG "${dagId}"`, params.version_number);
      return response(found);
    },
  }),
];

async function known(dagId: string, { database }: ApiContext): Promise<string> {
  if (await dagExists(database.pool, dagId)) return dagId;
  throw notFound('The DAG', dagId);
}

const response = (row: VersionRow) => versionResponse(row.dag_id, row)!;
