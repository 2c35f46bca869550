/** The DAG's `params`: a schema as written → JSON Schema, for storing, checking and forms. */
import type { ErrorObject, ValidateFunction } from 'ajv';
import type { ZodType } from 'zod';
import { ThenceError } from '../core/errors';
import type { JsonObject } from '../core/json';
import type { DAG } from './dag';
import { madeAt } from './location';
import type { AnyParams } from './types';

/** JSON Schema 2020-12 of what a run may be given (the schema's input side); null when the DAG has no params. */
export function paramsToJsonSchema(dag: DAG<AnyParams>): JsonObject | null {
  const { params } = dag.options;
  if (params === undefined) return null;
  const owner = `\`params\` of DAG "${dag.id}"${madeAt(dag)}`;
  const raw = '~standard' in params ? fromStandard(params, owner) : params;
  const { $schema: _, ...schema } = JSON.parse(JSON.stringify(raw)) as Record<string, never>;
  if (schema['type'] !== 'object') {
    throw new ThenceError(
      'DAG_FILE',
      `${owner} is a schema of type ${JSON.stringify(schema['type'] ?? null)}; allowed is a schema of an object, such as z.object({ … })`,
    );
  }
  return schema;
}

/**
 * Checks the schema, and that its defaults satisfy it.
 * @param scheduled a run by schedule is given nothing, so nothing may be required
 */
export function checkParamDefaults(schema: JsonObject, scheduled: boolean, owner: string): void {
  const validate = compile(schema, owner);
  if (validate({})) return;
  const errors = (validate.errors ?? []).filter((error) => scheduled || error.keyword !== 'required');
  if (errors.length === 0) return;
  const why = scheduled ? 'a scheduled run is given no params, so each needs a valid default' : 'a default has to satisfy the schema';
  throw new ThenceError('DAG_FILE', `\`params\` of ${owner}: ${errors.map(describe).join('; ')}; ${why}`);
}

interface JsonSchemaConverter {
  input(options: { target: string }): object;
}

/* eslint-disable @typescript-eslint/no-require-imports -- ajv and zod are heavy: only DAGs with params load them, and at once */
function fromStandard(params: object, owner: string): object {
  const { vendor, jsonSchema } = (params as { '~standard': { vendor: string; jsonSchema?: JsonSchemaConverter } })['~standard'];
  try {
    if (jsonSchema) return jsonSchema.input({ target: 'draft-2020-12' });
    const { toJSONSchema } = require('zod') as typeof import('zod');
    if ('_zod' in params) return toJSONSchema(params as unknown as ZodType, { io: 'input' }); // before zod 4.2
  } catch (error) {
    throw new ThenceError('DAG_FILE', `${owner} cannot be written as JSON Schema: ${(error as Error).message}`);
  }
  throw new ThenceError(
    'DAG_FILE',
    `${owner}: this ${vendor} schema offers no JSON Schema; allowed are schemas that do (zod 4: \`import { z } from 'zod'\` or 'zod/v4'), or plain JSON Schema`,
  );
}

function compile(schema: JsonObject, owner: string): ValidateFunction {
  const { default: Ajv2020 } = require('ajv/dist/2020') as typeof import('ajv/dist/2020');
  const { default: addFormats } = require('ajv-formats') as typeof import('ajv-formats');
  const ajv = new Ajv2020({ useDefaults: true, allErrors: true, strict: false });
  addFormats(ajv);
  try {
    return ajv.compile(schema);
  } catch (error) {
    throw new ThenceError('DAG_FILE', `\`params\` of ${owner} is no valid JSON Schema: ${(error as Error).message}`);
  }
}
/* eslint-enable @typescript-eslint/no-require-imports */

function describe(error: ErrorObject): string {
  const at = error.instancePath.slice(1).replaceAll('/', '.');
  if (error.keyword === 'required')
    return `\`${[at, String(error.params['missingProperty'])].filter(Boolean).join('.')}\` is required and has no default`;
  return `${at === '' ? 'it' : `\`${at}\``} ${error.message ?? 'is not valid'}`;
}
