import { z } from 'zod';
import { packageVersion } from '../../src/config/package-root';
import type { Route } from './route';

const errorSchema = { type: 'object', properties: { detail: { anyOf: [{ type: 'string' }, { type: 'object' }] } }, required: ['detail'] };
const validationSchema = {
  type: 'object',
  properties: {
    detail: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          loc: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'integer' }] } },
          msg: { type: 'string' },
          type: { type: 'string' },
          input: {},
          ctx: { type: 'object' },
        },
        required: ['loc', 'msg', 'type'],
      },
    },
  },
};
const problem = (name: string) => ({
  description: 'Error',
  content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } },
});

/** OpenAPI 3.1 of exactly these routes. */
export function openApiDocument(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method] = operation(route);
  return {
    openapi: '3.1.0',
    info: {
      title: 'thence',
      version: packageVersion,
      description: 'The REST API of thence. Get a token at POST /auth/token and send it as `Authorization: Bearer …`.',
    },
    paths,
    components: {
      schemas: { HTTPExceptionResponse: errorSchema, HTTPValidationError: validationSchema },
      securitySchemes: { HTTPBearer: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operation(route: Route): object {
  const takesInput = route.params !== undefined || route.query !== undefined || route.body !== undefined;
  const errors = new Set([...(route.isPublic ? [] : [401]), ...(route.errors ?? [])]);
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.isPublic ? { security: [] } : { security: [{ HTTPBearer: [] }] }),
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
    ...(route.body
      ? { requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(route.body, 'input') } } } }
      : {}),
    responses: {
      [route.status ?? 200]: {
        description: 'Success',
        ...(route.status === 204 ? {} : { content: contentOf(route) }),
      },
      ...Object.fromEntries([...errors].map((status) => [status, problem('HTTPExceptionResponse')])),
      ...(takesInput ? { 422: problem('HTTPValidationError') } : {}),
    },
  };
}

function contentOf(route: Route): object {
  return {
    'application/json': { schema: jsonSchema(route.response, 'output') },
    ...Object.fromEntries((route.otherTypes ?? []).map((type) => [type, { schema: { type: 'string' } }])),
  };
}

function parameters(schema: z.ZodObject | undefined, place: 'path' | 'query'): object[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
    properties?: Record<string, { description?: string }>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description ? { description } : {}),
    schema: property,
  }));
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema: made }) => {
      if (zodSchema._zod.def.type === 'date') Object.assign(made, { type: 'string', format: 'date-time' });
    },
  });
  return rest;
}
