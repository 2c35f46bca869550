/** The DAG's `params`: a schema as written → JSON Schema, for storing, checking and forms. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { ErrorObject, ValidateFunction } from 'ajv';
import type { ZodType } from 'zod';
import { didYouMean } from '../core/did-you-mean';
import { ThenceError } from '../core/errors';
import type { JsonObject } from '../core/json';
import type { DAG } from './dag';
import { madeAt } from './location';
import type { AnyParams } from './types';

export interface SerializedParams {
  /** JSON Schema 2020-12 of what a run may be given (the input side); null when the DAG has no params. */
  readonly schema: JsonObject | null;
  readonly warnings: readonly string[];
}

/**
 * @param scheduled a run by schedule is given nothing, so nothing may be required
 * @throws DAG_FILE when the schema is none, or no schema of an object, or when its defaults do not satisfy it
 */
export function serializeParams(dag: DAG<AnyParams>, scheduled: boolean): SerializedParams {
  const { params } = dag.options;
  if (params === undefined) return { schema: null, warnings: [] };
  const owner = `\`params\` of DAG "${dag.id}"${madeAt(dag)}`;
  const converted = '~standard' in params ? convert(params, owner) : asWritten(params, owner);
  if (converted === null) return fromParser(params as unknown as StandardSchemaV1, scheduled, owner);
  const { $schema: _, ...plain } = JSON.parse(JSON.stringify(converted)) as { [keyword: string]: never };
  const schema: JsonObject = { type: 'object', ...plain }; // a union has no type of its own
  if (schema['type'] !== 'object') {
    throw new ThenceError(
      'DAG_FILE',
      `${owner} is a schema of type ${JSON.stringify(schema['type'])}; allowed is a schema of an object, such as z.object({ … })`,
    );
  }
  checkDefaults(schema, scheduled, owner);
  return { schema, warnings: [] };
}

const KEYWORDS = new Set(
  (
    'type enum const title description default deprecated readOnly writeOnly examples format definitions dependencies allOf anyOf oneOf not if then else ' +
    'properties patternProperties additionalProperties propertyNames unevaluatedProperties required minProperties maxProperties dependentRequired dependentSchemas ' +
    'items prefixItems additionalItems contains unevaluatedItems minItems maxItems uniqueItems minContains maxContains ' +
    'multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength pattern contentEncoding contentMediaType contentSchema'
  ).split(' '),
);

/** JSON Schema ignores words that it does not know: the params themselves, where their schema belongs, would all be forgotten. */
function asWritten(params: object, owner: string): object {
  const unknown = Object.keys(params).find((word) => !KEYWORDS.has(word) && !/^(\$|x-)/.test(word));
  if (unknown === undefined) return params;
  throw new ThenceError(
    'DAG_FILE',
    `${owner} has "${unknown}", which is no keyword of JSON Schema${didYouMean(unknown, KEYWORDS)}; what a run may be given stands ` +
      `under \`properties\`, as in { type: 'object', properties: { region: { type: 'string', default: 'eu' } } }, or in z.object({ … })`,
  );
}

interface JsonSchemaConverter {
  input(options: { target: string; libraryOptions: object }): object;
}

/* eslint-disable @typescript-eslint/no-require-imports -- ajv and zod are heavy: only DAGs with params load them, and at once */
/** null: the schema can parse, but not describe itself. */
function convert(params: object, owner: string): object | null {
  const { jsonSchema } = (params as { '~standard': { jsonSchema?: JsonSchemaConverter } })['~standard'];
  // A z.coerce.date() has no form in JSON Schema: anything may be given, and the parser decides when the run begins.
  const options = { io: 'input', unrepresentable: 'any' } as const;
  try {
    if (jsonSchema) return jsonSchema.input({ target: 'draft-2020-12', libraryOptions: options });
    if (!('_zod' in params)) return null;
    const { toJSONSchema } = require('zod') as typeof import('zod'); // for zod 4.0 and 4.1
    return toJSONSchema(params as unknown as ZodType, options);
  } catch (error) {
    throw new ThenceError('DAG_FILE', `${owner} cannot be written as JSON Schema: ${(error as Error).message}`);
  }
}

function compile(schema: JsonObject, owner: string): ValidateFunction {
  const { default: Ajv2020 } = require('ajv/dist/2020') as typeof import('ajv/dist/2020');
  const { default: addFormats } = require('ajv-formats') as typeof import('ajv-formats');
  const ajv = new Ajv2020({ useDefaults: true, allErrors: true, strict: false });
  addFormats(ajv);
  try {
    return ajv.compile(schema);
  } catch (error) {
    throw new ThenceError('DAG_FILE', `${owner} is no valid JSON Schema: ${(error as Error).message}`);
  }
}
/* eslint-enable @typescript-eslint/no-require-imports */

function checkDefaults(schema: JsonObject, scheduled: boolean, owner: string): void {
  const validate = compile(schema, owner);
  if (validate({})) return;
  const errors = (validate.errors ?? []).filter((error) => scheduled || error.instancePath !== ''); // inside a default
  if (errors.length > 0) throw notSatisfied(owner, errors.map(describe), scheduled);
}

/**
 * For zod 3.24 and other libraries that only parse: what an empty conf is parsed to gives the names and defaults. The values that
 * a person gives are checked when the run begins.
 */
function fromParser(params: StandardSchemaV1, scheduled: boolean, owner: string): SerializedParams {
  const { vendor, validate } = params['~standard'];
  const warnings = [
    `${owner}: this ${vendor} schema cannot be written as JSON Schema (zod 4 can), so the form of a run shows no types, and values are checked only when it begins`,
  ];
  const result = validate({});
  if (result instanceof Promise) {
    result.catch(() => {});
    return { schema: { type: 'object' }, warnings };
  }
  if (result.issues) {
    const problems = result.issues.map(
      ({ path = [], message }) => `\`${path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.')}\`: ${message}`,
    );
    if (scheduled) throw notSatisfied(owner, problems, scheduled);
    return { schema: { type: 'object' }, warnings };
  }
  const defaults = JSON.parse(JSON.stringify(result.value)) as JsonObject;
  const properties = Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, { default: value }]));
  return { schema: { type: 'object', properties }, warnings };
}

function notSatisfied(owner: string, problems: readonly string[], scheduled: boolean): ThenceError {
  const why = scheduled ? 'a scheduled run is given no params, so each needs a valid default' : 'a default has to satisfy the schema';
  return new ThenceError('DAG_FILE', `${owner}: ${problems.join('; ')}; ${why}`);
}

function describe(error: ErrorObject): string {
  const at = error.instancePath.slice(1).replaceAll('/', '.');
  if (error.keyword === 'required')
    return `\`${[at, String(error.params['missingProperty'])].filter(Boolean).join('.')}\` is required and has no default`;
  return `${at === '' ? 'it' : `\`${at}\``} ${error.message ?? 'is not valid'}`;
}
