import { z } from 'zod';
import { dagExists } from '../../../src/read-model/rest/dags';
import { getDagSource } from '../../../src/read-model/rest/dag-source';
import { notFound } from '../api-error';
import { defineRoute, OtherAnswer } from '../route';

export const dagSourceRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/dagSources/{dag_id}',
    id: 'get_dag_source',
    tag: 'DagSource',
    summary: 'The DAG file of a version; the newest one, unless another is named',
    params: z.object({ dag_id: z.string() }),
    query: z.object({ version_number: z.int().max(2147483647).optional() }),
    response: z.object({
      content: z.string().nullable(),
      dag_id: z.string(),
      dag_display_name: z.string(),
      version_number: z.int().nullable(),
    }),
    otherTypes: ['text/plain'],
    errors: [404, 406],
    handle: async ({ params, query, accepts, context: { database } }) => {
      const source = await getDagSource(database.pool, params.dag_id, query.version_number);
      if (!source) {
        if (query.version_number !== undefined && (await dagExists(database.pool, params.dag_id)))
          throw notFound(`The version of DAG "${params.dag_id}"`, query.version_number);
        throw notFound('The DAG', params.dag_id);
      }
      if (accepts === 'text/plain') return new OtherAnswer('text/plain', source.content ?? '');
      return { content: source.content, dag_id: params.dag_id, dag_display_name: params.dag_id, version_number: source.version_number };
    },
  }),
];
