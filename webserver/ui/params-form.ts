/** A form from the JSON Schema of a DAG's params, and the run's conf from what was typed into it. */
import { ThenceError } from '../../src/core/errors';
import type { JsonObject, JsonValue } from '../../src/core/json';

export interface ParamField {
  readonly name: string;
  readonly label: string;
  readonly description: string | null;
  readonly isRequired: boolean;
  /** `json`: whatever has no control of its own is typed as JSON. */
  readonly control: 'text' | 'textarea' | 'number' | 'integer' | 'switch' | 'select' | 'date' | 'datetime-local' | 'json';
  /** Of a select, as JSON text with what is shown. */
  readonly options: readonly { readonly value: string; readonly text: string }[];
  /** As it stands in the control. */
  readonly initial: string;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly pattern: string | null;
  readonly isNullable: boolean;
}

/** Null, or a schema without properties: no fields. */
export function paramFields(schema: JsonObject | null): ParamField[] {
  const properties = isObject(schema?.['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema?.['required']) ? schema['required'] : [];
  return Object.entries(properties).map(([name, value]) => toField(name, isObject(value) ? value : {}, required.includes(name)));
}

function toField(name: string, given: JsonObject, isRequired: boolean): ParamField {
  const { schema, isNullable } = withoutNull(given);
  const control = controlOf(schema);
  const initial = given['default'] ?? null;
  const options = enumOf(schema).map((value) => ({
    value: JSON.stringify(value),
    text: typeof value === 'string' ? value : JSON.stringify(value),
  }));
  return {
    name,
    label: text(given['title']) ?? name,
    description: text(given['description']) ?? text(schema['description']),
    isRequired: isRequired && given['default'] === undefined,
    control,
    options,
    initial: initialText(control, initial),
    minimum: number(schema['minimum']),
    maximum: number(schema['maximum']),
    pattern: text(schema['pattern']),
    isNullable,
  };
}

/** `{ type: ['string', 'null'] }` and `anyOf: [x, null]` are x that may be left empty. */
function withoutNull(schema: JsonObject): { schema: JsonObject; isNullable: boolean } {
  const { type, anyOf } = schema;
  if (Array.isArray(type) && type.includes('null')) {
    const rest = type.filter((one) => one !== 'null');
    return { schema: { ...schema, type: rest.length === 1 ? rest[0]! : rest }, isNullable: true };
  }
  if (Array.isArray(anyOf)) {
    const rest = anyOf.filter((one) => !(isObject(one) && one['type'] === 'null'));
    if (rest.length === 1 && anyOf.length === 2 && isObject(rest[0])) return { schema: { ...schema, ...rest[0] }, isNullable: true };
  }
  return { schema, isNullable: false };
}

function enumOf(schema: JsonObject): readonly JsonValue[] {
  if (Array.isArray(schema['enum'])) return schema['enum'] as readonly JsonValue[];
  return schema['const'] === undefined ? [] : [schema['const']];
}

function controlOf(schema: JsonObject): ParamField['control'] {
  if (enumOf(schema).length > 0) return 'select';
  switch (schema['type']) {
    case 'string':
      if (schema['format'] === 'date') return 'date';
      if (schema['format'] === 'multiline') return 'textarea';
      return 'text';
    case 'integer':
    case 'number':
      return schema['type'];
    case 'boolean':
      return 'switch';
    default:
      return 'json';
  }
}

function initialText(control: ParamField['control'], value: JsonValue): string {
  if (control === 'select') return value === null ? '' : JSON.stringify(value);
  if (control === 'json') return value === null ? '' : JSON.stringify(value, null, 2);
  return typeof value === 'object' ? '' : String(value);
}

/**
 * Typed fields first, then the free JSON over them. A field left empty is left out, so that the DAG's default holds.
 * @throws INVALID_VALUE naming the field
 */
export function confOfForm(fields: readonly ParamField[], values: Readonly<Record<string, unknown>>): JsonObject {
  const conf: Record<string, JsonValue> = {};
  for (const field of fields) {
    const given = values[`param.${field.name}`];
    const value = typeof given === 'string' ? given : '';
    if (field.control === 'switch') conf[field.name] = value === 'true';
    else if (value.trim() !== '') conf[field.name] = parseField(field, value);
    else if (field.isNullable && field.initial !== '') conf[field.name] = null;
  }
  return { ...conf, ...parseConf(values['conf']) };
}

/** What a form's fields show of a run's conf; what has no field is JSON under `conf`. */
export function valuesOfConf(fields: readonly ParamField[], conf: JsonObject): Record<string, string> {
  const values: Record<string, string> = {};
  const rest: Record<string, JsonValue> = { ...conf };
  for (const { name, control } of fields) {
    if (conf[name] !== undefined) values[`param.${name}`] = initialText(control, conf[name]);
    delete rest[name];
  }
  return Object.keys(rest).length === 0 ? values : { ...values, conf: JSON.stringify(rest, null, 2) };
}

/** What was sent, with the switches that are off: browsers leave them out. */
export function valuesOfForm(fields: readonly ParamField[], sent: Readonly<Record<string, string>>): Record<string, string> {
  const off = fields.filter(({ control }) => control === 'switch').map(({ name }) => [`param.${name}`, 'false']);
  return { ...(Object.fromEntries(off) as Record<string, string>), ...sent };
}

function parseField(field: ParamField, value: string): JsonValue {
  switch (field.control) {
    case 'number':
    case 'integer': {
      const parsed = Number(value);
      if (!Number.isFinite(parsed)) throw new ThenceError('INVALID_VALUE', `"${field.label}" has to be a number; "${value}" was given.`);
      return parsed;
    }
    case 'select':
    case 'json':
      return parseJson(value, `"${field.label}"`);
    default:
      return value;
  }
}

function parseConf(given: unknown): JsonObject {
  if (typeof given !== 'string' || given.trim() === '') return {};
  const value = parseJson(given, 'The configuration');
  if (!isObject(value)) throw new ThenceError('INVALID_VALUE', 'The configuration has to be a JSON object, as in {"region": "eu"}.');
  return value;
}

function parseJson(value: string, what: string): JsonValue {
  try {
    return JSON.parse(value) as JsonValue;
  } catch (error) {
    throw new ThenceError('INVALID_VALUE', `${what} is not valid JSON: ${(error as Error).message}.`);
  }
}

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: JsonValue | undefined): string | null => (typeof value === 'string' ? value : null);
const number = (value: JsonValue | undefined): number | null => (typeof value === 'number' ? value : null);
