/** A connection from one text, such as that of `THENCE_CONN_<ID>`: a URI, or JSON, in Airflow's forms of both. */
import { ThenceError } from '../core/errors';
import type { JsonObject } from '../core/json';
import type { ConnectionInfo } from '../execution-api/execution-api';

/**
 * @param source where the text stands, for messages: 'THENCE_CONN_X', a file, '--conn-uri'
 * @throws ThenceError that never quotes the text, which holds a password
 */
export function parseConnection(id: string, text: string, source: string): ConnectionInfo {
  const trimmed = text.trim();
  const refuse = (problem: string) => new ThenceError('CONFIG', `connection "${id}" (${source}) ${problem}`);
  return trimmed.startsWith('{') ? fromJson(id, objectOf(trimmed, refuse, 'is no JSON object'), refuse) : fromUri(id, trimmed, refuse);
}

/** A connection from fields under Airflow's names, as in a file of connections. @throws as `parseConnection` */
export function connectionFromFields(id: string, fields: JsonObject, source: string): ConnectionInfo {
  return fromJson(id, fields, (problem) => new ThenceError('CONFIG', `connection "${id}" (${source}) ${problem}`));
}

/** With the URI that its parts make. */
export function connectionFromParts(parts: Omit<ConnectionInfo, 'uri'>): ConnectionInfo {
  return { ...parts, uri: uriOf(parts) };
}

type Refuse = (problem: string) => ThenceError;

const uriForm = /^([A-Za-z][\w+.-]*):\/\/(?:([^/?#]*)@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d+))?(?:\/([^?#]*))?(?:\?([^#]*))?$/;

function fromUri(id: string, uri: string, refuse: Refuse): ConnectionInfo {
  const match = uriForm.exec(uri);
  if (!match) {
    throw refuse(
      'is neither JSON nor a URI of the form type://login:password@host:port/schema?extra=value (encode special characters, such as %40 for @)',
    );
  }
  const [, type, credentials, host, port, schema, query] = match;
  const [login, password] = splitOnce(credentials ?? '', ':');
  const extra = extraOfQuery(query ?? '', refuse);
  return {
    id,
    type: connectionTypeName(type!),
    host: decoded(host, refuse),
    port: port === undefined ? null : Number(port),
    login: decoded(login, refuse),
    password: decoded(password, refuse),
    schema: decoded(schema, refuse),
    extra,
    uri,
  };
}

function extraOfQuery(query: string, refuse: Refuse): JsonObject {
  const { __extra__: json, ...plain } = Object.fromEntries(new URLSearchParams(query));
  return json === undefined ? plain : { ...plain, ...objectOf(json, refuse, 'has an `__extra__` that is no JSON object') };
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

function fromJson(id: string, given: JsonForm & JsonObject, refuse: Refuse): ConnectionInfo {
  const unknown = Object.keys(given).find((name) => !jsonNames.includes(name));
  if (unknown !== undefined) throw refuse(`has the unknown field "${unknown}"; allowed are ${jsonNames.slice(0, 8).join(', ')}`);
  const type = textOf(given.conn_type ?? given.type);
  if (type === null) throw refuse('has no `conn_type`');
  const port = given.port === undefined || given.port === null || given.port === '' ? null : Number(given.port);
  if (port !== null && !Number.isInteger(port)) throw refuse('has a `port` that is no whole number');
  return connectionFromParts({
    id,
    type: connectionTypeName(type),
    host: textOf(given.host),
    port,
    login: textOf(given.login),
    password: textOf(given.password),
    schema: textOf(given.schema),
    extra: extraOf(given.extra, refuse),
  });
}

function extraOf(given: unknown, refuse: Refuse): JsonObject {
  if (given === undefined || given === null || given === '') return {};
  if (typeof given === 'string') return objectOf(given, refuse, 'has an `extra` that is no JSON object');
  if (typeof given === 'object' && !Array.isArray(given)) return given as JsonObject;
  throw refuse('has an `extra` that is no JSON object');
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
export function connectionTypeName(type: string): string {
  const name = type.toLowerCase().replaceAll('-', '_');
  return name === 'postgresql' ? 'postgres' : name;
}

function decoded(part: string | null | undefined, refuse: Refuse): string | null {
  if (part === undefined || part === null || part === '') return null;
  try {
    return decodeURIComponent(part);
  } catch {
    throw refuse('has a "%" that begins no encoded character; write it as %25');
  }
}

function splitOnce(text: string, at: string): [string, string | null] {
  const index = text.indexOf(at);
  return index < 0 ? [text, null] : [text.slice(0, index), text.slice(index + 1)];
}

const textOf = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : null;

function objectOf(json: string, refuse: Refuse, problem: string): JsonObject {
  try {
    const value = JSON.parse(json) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch {
    // the parser's message would quote the text
  }
  throw refuse(problem);
}
