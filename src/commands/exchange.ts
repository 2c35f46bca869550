/** Variables, connections and pools as they stand in files that are exported and imported: an object with a name for each entry. */
import { ThenceError } from '../core/errors';
import type { JsonObject, JsonValue } from '../core/json';
import { HIDDEN, hideSensitive, jsonContainer, showVariable } from '../core/sensitive';
import type { ConnectionInfo } from '../execution-api/execution-api';
import { connectionFromFields, parseConnection } from '../secrets/parse-connection';
import type { ConnectionInput, PoolInput, VariableInput } from './commands';

interface Variable {
  readonly key: string;
  readonly value: string;
  readonly description: string | null;
}

/**
 * An object or a list stands in the file as such; any other text as a text, so that "1.0" comes back as it was. With a description it is
 * `{ value, description }`.
 * @param hidden what sensitive names say is secret becomes `***`, which an import leaves as it is stored
 */
export function variableEntry({ key, value, description }: Variable, { hidden = false } = {}): JsonValue {
  const text = hidden ? showVariable(key, value) : value;
  const json = jsonContainer(text) ?? text;
  return description === null && !isDescribed(json) ? json : { value: json, description };
}

export function variableInputs(records: JsonObject): VariableInput[] {
  return Object.entries(records).map(([key, entry]) => {
    const { value, description } = isDescribed(entry) ? entry : { value: entry, description: undefined };
    return { key, value: typeof value === 'string' ? value : JSON.stringify(value), description: description as string | null | undefined };
  });
}

/** `hidden` as for variables. */
export function connectionEntry(
  { type, host, port, login, password, schema, extra }: ConnectionInfo,
  description: string | null,
  { hidden = false } = {},
): JsonObject {
  const secrets = hidden ? { password: password === null ? null : HIDDEN, extra: hideSensitive(extra) } : { password, extra };
  return { conn_type: type, description, host, port, login, schema, ...secrets };
}

/** URIs, or objects under Airflow's names. @param source for messages @throws INVALID_VALUE · CONFIG, never quoting a secret */
export function connectionInputs(records: JsonObject, source: string): ConnectionInput[] {
  return Object.entries(records).map(([id, entry]) => {
    if (typeof entry === 'string') return inputOfConnection(parseConnection(id, entry, source));
    const fields = objectOf(entry, `connection "${id}" in ${source} is neither a URI nor an object`);
    const { description } = fields;
    return {
      ...inputOfConnection(connectionFromFields(id, fields, source)),
      description: typeof description === 'string' || description === null ? description : undefined,
    };
  });
}

/** All of it: what is not said is empty. */
export function inputOfConnection({ uri: _, ...parts }: ConnectionInfo): ConnectionInput {
  return parts;
}

interface Pool {
  readonly slots: number;
  readonly description: string | null;
  readonly include_deferred: boolean;
}

export function poolEntry({ slots, description, include_deferred }: Pool): JsonObject {
  return { slots, description, include_deferred };
}

/** @param source for messages @throws INVALID_VALUE */
export function poolInputs(records: JsonObject, source: string): PoolInput[] {
  return Object.entries(records).map(([name, entry]) => {
    const what = `pool "${name}" in ${source}`;
    const {
      slots,
      description = null,
      include_deferred: includeDeferred = false,
      ...rest
    } = objectOf(entry, `${what} is no object with \`slots\``);
    const [unknown] = Object.keys(rest);
    const problem =
      unknown !== undefined
        ? `has the unknown field "${unknown}"; allowed are slots, description, include_deferred`
        : typeof slots !== 'number'
          ? 'needs `slots`, a whole number'
          : description !== null && typeof description !== 'string'
            ? 'has a `description` that is no text'
            : typeof includeDeferred !== 'boolean'
              ? 'has an `include_deferred` that is neither true nor false'
              : null;
    if (problem !== null) throw new ThenceError('INVALID_VALUE', `${what} ${problem}`);
    return { name, slots: slots as number, description: description as string | null, includeDeferred: includeDeferred as boolean };
  });
}

function isDescribed(entry: JsonValue): entry is { readonly value: JsonValue; readonly description: JsonValue } {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return false;
  const { value, description, ...rest } = entry as JsonObject;
  return value !== undefined && (description === null || typeof description === 'string') && Object.keys(rest).length === 0;
}

function objectOf(entry: JsonValue, otherwise: string): JsonObject {
  if (typeof entry === 'object' && entry !== null && !Array.isArray(entry)) return entry as JsonObject;
  throw new ThenceError('INVALID_VALUE', otherwise);
}
