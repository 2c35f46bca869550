/** A connection from the text of `THENCE_CONN_<ID>`: a URI, or JSON, in Airflow's forms of both. */
import { ThenceError } from '../core/errors';
import type { JsonObject } from '../core/json';
import type { ConnectionInfo } from '../execution-api/execution-api';

/** @throws ThenceError that never quotes the text, which holds a password */
export function parseConnection(id: string, text: string): ConnectionInfo {
  const trimmed = text.trim();
  return trimmed.startsWith('{') ? fromJson(id, trimmed) : fromUri(id, trimmed);
}

const uriForm = /^([A-Za-z][\w+.-]*):\/\/(?:([^/?#]*)@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d+))?(?:\/([^?#]*))?(?:\?([^#]*))?$/;

function fromUri(id: string, uri: string): ConnectionInfo {
  const match = uriForm.exec(uri);
  if (!match) {
    throw invalid(
      id,
      'is neither JSON nor a URI of the form type://login:password@host:port/schema?extra=value (encode special characters, such as %40 for @)',
    );
  }
  const [, type, credentials, host, port, schema, query] = match;
  const [login, password] = splitOnce(credentials ?? '', ':');
  const extra = extraOfQuery(id, query ?? '');
  return {
    id,
    type: typeName(type!),
    host: decoded(id, host),
    port: port === undefined ? null : Number(port),
    login: decoded(id, login),
    password: decoded(id, password),
    schema: decoded(id, schema),
    extra,
    uri,
  };
}

function extraOfQuery(id: string, query: string): JsonObject {
  const { __extra__: json, ...plain } = Object.fromEntries(new URLSearchParams(query));
  return json === undefined ? plain : { ...plain, ...objectOf(id, json, 'the `__extra__` of') };
}

interface JsonForm {
  readonly conn_type?: unknown;
  readonly type?: unknown;
  readonly host?: unknown;
  readonly port?: unknown;
  readonly login?: unknown;
  readonly password?: unknown;
  readonly schema?: unknown;
  readonly extra?: unknown;
}

const jsonNames = ['conn_type', 'type', 'host', 'port', 'login', 'password', 'schema', 'extra', 'description', 'id', 'conn_id'];

function fromJson(id: string, text: string): ConnectionInfo {
  const given = objectOf(id, text, 'the JSON of') as JsonForm;
  const unknown = Object.keys(given).find((name) => !jsonNames.includes(name));
  if (unknown !== undefined) throw invalid(id, `has the unknown field "${unknown}"; allowed are ${jsonNames.slice(0, 8).join(', ')}`);
  const type = textOf(given.conn_type ?? given.type);
  if (type === null) throw invalid(id, 'has no `conn_type`');
  const port = given.port === undefined || given.port === null || given.port === '' ? null : Number(given.port);
  if (port !== null && !Number.isInteger(port)) throw invalid(id, 'has a `port` that is no whole number');
  const parts = {
    id,
    type: typeName(type),
    host: textOf(given.host),
    port,
    login: textOf(given.login),
    password: textOf(given.password),
    schema: textOf(given.schema),
    extra: typeof given.extra === 'string' ? objectOf(id, given.extra, 'the `extra` of') : ((given.extra ?? {}) as JsonObject),
  };
  return { ...parts, uri: uriOf(parts) };
}

/** The URI that stands for a connection given by its parts. */
function uriOf({ type, host, port, login, password, schema, extra }: Omit<ConnectionInfo, 'uri'>): string {
  const encode = (part: string | null) => encodeURIComponent(part ?? '');
  const credentials = login === null && password === null ? '' : `${encode(login)}${password === null ? '' : `:${encode(password)}`}@`;
  const entries = Object.entries(extra);
  const isFlat = entries.every(([, value]) => typeof value === 'string');
  const query =
    entries.length === 0
      ? ''
      : `?${new URLSearchParams(isFlat ? (extra as Record<string, string>) : { __extra__: JSON.stringify(extra) }).toString()}`;
  return `${type}://${credentials}${host?.startsWith('[') ? host : encode(host)}${port === null ? '' : `:${port}`}/${encode(schema)}${query}`;
}

/** 'postgresql' and 'google-cloud-platform' have one spelling each inside. */
function typeName(type: string): string {
  const name = type.toLowerCase().replaceAll('-', '_');
  return name === 'postgresql' ? 'postgres' : name;
}

function decoded(id: string, part: string | null | undefined): string | null {
  if (part === undefined || part === null || part === '') return null;
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(id, 'has a "%" that begins no encoded character; write it as %25');
  }
}

function splitOnce(text: string, at: string): [string, string | null] {
  const index = text.indexOf(at);
  return index < 0 ? [text, null] : [text.slice(0, index), text.slice(index + 1)];
}

const textOf = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : null;

function objectOf(id: string, json: string, what: string): JsonObject {
  try {
    const value = JSON.parse(json) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch {
    // the parser's message would quote the text
  }
  throw new ThenceError('CONFIG', `${what} connection "${id}" (THENCE_CONN_${id.toUpperCase()}) is not a JSON object`);
}

function invalid(id: string, problem: string): ThenceError {
  return new ThenceError('CONFIG', `connection "${id}" (THENCE_CONN_${id.toUpperCase()}) ${problem}`);
}
