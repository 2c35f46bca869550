import { Ajv2020 } from 'ajv/dist/2020';
import type { ErrorObject, ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { ThenceError } from '../core/errors';
import type { JsonObject, JsonValue } from '../core/json';
import type { StoredDag } from './find-dag';

const MOST_CACHED = 200;
const validators = new Map<string, ValidateFunction>();

/**
 * The conf of a run: an object that, with the defaults of the DAG's params filled in, fits them. Returned as it was given: the defaults
 * are those of the version that the run will use, and are filled in where it runs.
 */
export function checkConf(dag: Pick<StoredDag, 'dagId' | 'version' | 'spec'>, conf: JsonValue | undefined): JsonObject {
  const given = conf ?? {};
  if (!isObject(given)) {
    throw new ThenceError('INVALID_VALUE', `conf must be a JSON object such as {"key": "value"}, given ${shorten(JSON.stringify(given))}`);
  }
  if (dag.spec.params === null) return given;
  const validate = validatorOf(dag.version, dag.spec.params);
  const filled = structuredClone(given);
  if (validate(filled)) return given;
  const problems = (validate.errors ?? []).map((error) => explain(error, filled));
  throw new ThenceError('INVALID_VALUE', `conf does not fit the params of DAG "${dag.dagId}": ${[...new Set(problems)].join('; ')}`, {
    details: validate.errors,
  });
}

function validatorOf(version: string, schema: JsonObject): ValidateFunction {
  let validate = validators.get(version);
  if (!validate) {
    if (validators.size >= MOST_CACHED) validators.clear();
    // One Ajv for each: schemas of different DAGs may use the same $id.
    const ajv = new Ajv2020({ useDefaults: true, allErrors: true, strict: false });
    addFormats.default(ajv);
    validators.set(version, (validate = ajv.compile(schema)));
  }
  return validate;
}

function explain(error: ErrorObject, conf: JsonObject): string {
  const path = error.instancePath.split('/').slice(1).map(unescape);
  if (error.keyword === 'required') {
    return `${[...path, String(error.params.missingProperty)].join('.')} is missing and has no default`;
  }
  const allowed: unknown = error.keyword === 'enum' ? error.params.allowedValues : undefined;
  const unknown: unknown = error.keyword === 'additionalProperties' ? error.params.additionalProperty : undefined;
  const name = path.join('.') || 'conf';
  if (typeof unknown === 'string') return `${[...path, unknown].join('.')} is not a param`;
  const given = shorten(JSON.stringify(path.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], conf)));
  if (Array.isArray(allowed)) return `${name} must be one of ${allowed.map((value) => JSON.stringify(value)).join(', ')}, given ${given}`;
  return `${name} ${error.message ?? 'does not fit'}, given ${given}`;
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const unescape = (part: string) => part.replaceAll('~1', '/').replaceAll('~0', '~');
const shorten = (text: string | undefined) => (text === undefined ? 'nothing' : text.length > 80 ? `${text.slice(0, 77)}…` : text);
