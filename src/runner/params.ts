/** The run's params, parsed by the schema of the DAG file itself: refinements and transforms do not survive in JSON Schema. */
import type { ValidateFunction } from 'ajv/dist/2020';
import { ThenceError } from '../core/errors';
import type { JsonObject } from '../core/json';

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
interface Standard {
  readonly '~standard': { validate(value: unknown): Result | Promise<Result> };
}
type Result = { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly Issue[] };

/**
 * @param schema `params` of the DAG's options: a Standard Schema, a JSON Schema, or undefined (then the conf itself is the params).
 * @throws ThenceError naming each field that is wrong
 */
export async function parseParams(dagId: string, schema: object | undefined, conf: JsonObject): Promise<Record<string, unknown>> {
  if (schema === undefined) return { ...conf };
  const { value, problems } = '~standard' in schema ? await byStandardSchema(schema as Standard, conf) : await byJsonSchema(schema, conf);
  if (problems.length === 0) return value as Record<string, unknown>;
  throw new ThenceError(
    'INVALID_VALUE',
    `the params of DAG "${dagId}" are not valid: ${problems.join('; ')}. Given (conf of the run): ${JSON.stringify(conf)}`,
  );
}

interface Parsed {
  readonly value: unknown;
  readonly problems: readonly string[];
}

async function byStandardSchema(schema: Standard, conf: JsonObject): Promise<Parsed> {
  const result = await schema['~standard'].validate({ ...conf });
  if (!result.issues) return { value: result.value, problems: [] };
  return { value: null, problems: result.issues.map((issue) => `${pathOf(issue)}: ${issue.message}`) };
}

const pathOf = ({ path }: Issue) => (path ?? []).map((step) => String(typeof step === 'object' ? step.key : step)).join('.') || 'params';

const compiled = new WeakMap<object, ValidateFunction>();

async function byJsonSchema(schema: object, conf: JsonObject): Promise<Parsed> {
  let validate = compiled.get(schema);
  if (!validate) {
    compiled.set(schema, (validate = await compile(schema)));
  }
  const value = structuredClone(conf) as Record<string, unknown>;
  if (validate(value)) return { value, problems: [] };
  return {
    value: null,
    problems: (validate.errors ?? []).map(
      (error) => `${error.instancePath.slice(1).replaceAll('/', '.') || 'params'} ${error.message ?? 'is not valid'}`,
    ),
  };
}

/** Loaded where a DAG has a JSON Schema: it would be most of the time that a host takes to start. */
async function compile(schema: object): Promise<ValidateFunction> {
  const [{ Ajv2020 }, formats] = await Promise.all([import('ajv/dist/2020.js'), import('ajv-formats')]);
  const ajv = new Ajv2020({ useDefaults: true, allErrors: true, strict: false });
  formats.default.default(ajv);
  return ajv.compile(schema);
}
