/** One HTTP request, alone or by a connection: what HttpOperator, HttpSensor, WebhookNotifier and the wait of kind 'http' send. */
import type { Agent } from 'undici';
import { ThenceError } from '../core/errors';
import type { HttpRequest } from '../core/waits';
import type { ConnectionInfo } from '../execution-api/execution-api';

export interface HttpAnswer {
  readonly status: number;
  /** In lower case; several of one name are joined by ', '. */
  readonly headers: { readonly [name: string]: string };
  readonly text: string;
  /** After redirects. */
  readonly url: string;
}

export interface SendOptions {
  readonly signal?: AbortSignal;
  /** A longer body is an error. */
  readonly maxBytes?: number;
  /** The path may be a secret, as those of web hooks are: it then stands in no message. */
  readonly hidePath?: boolean;
  /** Keeps the connection for the next request, in a process that sends many. Left out: nothing is left behind. */
  readonly keepAlive?: boolean;
}

/** Those that keep connections: one for each way of looking at certificates. */
const agents = new Map<boolean, Promise<Agent>>();
const KEEP_ALIVE_MS = 4_000;

/**
 * @param connection that `request.connection` names; null when it names none
 * @returns whatever the server answers, also a status of 400 and above
 * @throws when nothing comes within `timeoutMs`, the server cannot be reached, or the answer is too long: a sentence without credentials
 */
export async function sendHttp(request: HttpRequest, connection: ConnectionInfo | null, options: SendOptions = {}): Promise<HttpAnswer> {
  const { signal, maxBytes = 32 * 1024 * 1024, hidePath = false, keepAlive = false } = options;
  signal?.throwIfAborted();
  const url = urlOf(request, connection);
  const timeout = AbortSignal.timeout(request.timeoutMs);
  const { fetch } = await import('undici');
  const agent = await (keepAlive ? agentOf(request.verifyTls) : makeAgent(request.verifyTls));
  try {
    const response = await fetch(bare(url), {
      method: request.method,
      headers: { ...credentialsIn(url), ...headersOf(request, connection) },
      body: request.body,
      redirect: request.followRedirects ? 'follow' : 'manual',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      dispatcher: agent,
    });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      text: await readText(response.body as AsyncIterable<Uint8Array> | null, maxBytes),
      url: response.url === '' ? bare(url).href : response.url,
    };
  } catch (error) {
    signal?.throwIfAborted();
    throw explained(error, request, nameOfRequest(request, connection, hidePath), timeout.aborted);
  } finally {
    if (!keepAlive) await agent.destroy();
  }
}

/** The target for messages, without what may be secret (login, password, query, the path of the connection): 'GET https://host/path'. */
export function nameOfRequest(request: HttpRequest, connection: ConnectionInfo | null, hidePath = false): string {
  const url = urlOf(request, connection);
  const hidden = hidePath ? url.pathname.length : connection === null ? 0 : baseOf(connection).pathname.replace(/\/$/, '').length;
  return `${request.method} ${url.origin}${hidden === 0 ? '' : '/…'}${url.pathname.slice(hidden)}`;
}

function urlOf({ connection: id, url, query }: HttpRequest, connection: ConnectionInfo | null): URL {
  let full: URL;
  try {
    full = new URL(connection === null ? url : joined(baseOf(connection), url));
  } catch {
    throw new ThenceError(
      'INVALID_VALUE',
      id === null
        ? `the url ${JSON.stringify(url.replace(/\?.*$/s, '?…'))} is not absolute: give 'https://host/path', or a \`connection\` that names the host`
        : `the url ${JSON.stringify(url.replace(/\?.*$/s, '?…'))} does not fit connection "${id}", whose host is ${JSON.stringify(connection?.host ?? null)}`,
    );
  }
  if (!['http:', 'https:'].includes(full.protocol))
    throw new ThenceError('INVALID_VALUE', `the url ${JSON.stringify(bare(full).href)} is neither http nor https`);
  for (const [name, value] of Object.entries(query))
    for (const one of typeof value === 'string' ? [value] : value) full.searchParams.append(name, one);
  return full;
}

/** An absolute url stands for itself, as long as it is on the connection's own host: credentials go nowhere else. */
function joined(base: URL, url: string): string {
  if (/^https?:\/\//i.test(url)) {
    if (new URL(url).origin !== base.origin) throw new Error('another host');
    return url;
  }
  const path = url.replace(/^\/+/, '');
  return path === '' || path.startsWith('?') ? `${base.href}${path}` : `${base.href.replace(/\/$/, '')}/${path}`;
}

/** As Airflow reads it: the host may hold the protocol; else `schema` does, when it is one; else the type says it. `extra.path` is a prefix. */
function baseOf({ type, host, port, schema }: ConnectionInfo): URL {
  if (host === null || host === '') throw new Error('no host');
  const protocol = /^https?$/.test(schema ?? '') ? schema! : /^https/.test(type) ? 'https' : 'http';
  const base = new URL(/^https?:\/\//i.test(host) ? host : `${protocol}://${host}`);
  if (port !== null) base.port = String(port);
  if (schema !== null && !/^https?$/.test(schema)) base.pathname = joinedPath(base.pathname, schema);
  return base;
}

const joinedPath = (left: string, right: string) => `${left.replace(/\/$/, '')}/${right.replace(/^\//, '')}`;

/** The request's own come over those of the connection (`extra.headers`), which come over its login. */
function headersOf(request: HttpRequest, connection: ConnectionInfo | null): Record<string, string> {
  const headers: Record<string, string> = {};
  const add = (more: object) => {
    for (const [name, value] of Object.entries(more)) headers[name.toLowerCase()] = String(value);
  };
  if (connection) {
    const { login, password, extra } = connection;
    if (login !== null && login !== '') add({ authorization: `Basic ${Buffer.from(`${login}:${password ?? ''}`).toString('base64')}` });
    else if (password !== null && password !== '') add({ authorization: `Bearer ${password}` });
    if (typeof extra['headers'] === 'object' && extra['headers'] !== null) add(extra['headers']);
  }
  add(request.headers);
  return headers;
}

function agentOf(verifyTls: boolean): Promise<Agent> {
  let agent = agents.get(verifyTls);
  if (!agent) agents.set(verifyTls, (agent = makeAgent(verifyTls)));
  return agent;
}

/** Its own timers are off: `timeoutMs` is the one limit. */
async function makeAgent(verifyTls: boolean): Promise<Agent> {
  const { Agent } = await import('undici');
  const connect = { rejectUnauthorized: verifyTls, timeout: 0 };
  return new Agent({ connect, headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS });
}

async function readText(body: AsyncIterable<Uint8Array> | null, maxBytes: number): Promise<string> {
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new TooLong(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

class TooLong extends Error {
  constructor(readonly maxBytes: number) {
    super('the answer is too long');
  }
}

function explained(error: unknown, { timeoutMs }: HttpRequest, target: string, timedOut: boolean): Error {
  if (timedOut) return new Error(`${target} took longer than ${timeoutMs / 1000} s`);
  if (error instanceof TooLong) return new Error(`${target} answered with more than ${error.maxBytes} bytes`);
  const { cause } = error as { cause?: { code?: string; message?: string } };
  const why = cause?.message || cause?.code || (error as Error).message;
  // This one would quote the value.
  if (/invalid header (value|name)/i.test(why))
    return new Error(`${target} failed: a header has characters that HTTP does not allow there`);
  return new Error(`${target} failed: ${why}`, { cause: error });
}

/** Without login and password: fetch takes none in a URL. */
function bare(url: URL): URL {
  const copy = new URL(url);
  copy.username = '';
  copy.password = '';
  return copy;
}

function credentialsIn({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  return { authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}` };
}
