/** The part that HttpOperator and HttpSensor share: which request is sent, and what its answer offers. */
import { durationToMs, type DurationInput } from '../src/core/duration';
import { ThenceError } from '../src/core/errors';
import type { JsonValue } from '../src/core/json';
import type { HttpRequest } from '../src/core/waits';
import { nameOfRequest, sendHttp, type HttpAnswer } from '../src/connections/http-request';
import type { TaskContext } from '../src/dag/context';
import { boolean, integer, oneOf, text, type Checks, positiveDuration } from '../src/dag/option-checks';
import { anything, filledText, plainObject } from './own-options';

type Text = string | number | boolean;

export interface HttpCallOptions {
  /** Id of a connection: the base of `url`, its login (basic) or its password alone (bearer), and the headers in its `extra.headers`. */
  connection?: string;
  /** Absolute, or with a connection the path after its base. @default the connection's base */
  url?: string;
  /** @default 'GET' */
  method?: string;
  headers?: Readonly<Record<string, Text>>;
  /** Added to the url; a list repeats the name. */
  query?: Readonly<Record<string, Text | readonly Text[]>>;
  /** Sent as it is. */
  body?: string;
  /** Sent as JSON. Give one of `body`, `json` and `form`. */
  json?: unknown;
  /** Sent as a form (application/x-www-form-urlencoded). */
  form?: Readonly<Record<string, Text>>;
  /** For the whole request. @default 60 s */
  timeout?: DurationInput;
  /** @default true */
  followRedirects?: boolean;
  /** Whether the certificate of an https server is checked. @default true */
  verifyTls?: boolean;
}

export const HTTP_CALL_TEMPLATES = ['connection', 'url', 'headers', 'query', 'body', 'json', 'form'];

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
export const HTTP_CALL_CHECKS: Checks = {
  connection: filledText,
  url: text,
  method: oneOf(...METHODS),
  headers: plainObject,
  query: plainObject,
  body: text,
  json: anything,
  form: plainObject,
  timeout: positiveDuration,
  followRedirects: boolean,
  verifyTls: boolean,
} satisfies Record<keyof HttpCallOptions, unknown>;
export const statusCode = integer(100, 599);

/** What the server answered. */
export class HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** After redirects. */
  readonly url: string;
  constructor(answer: HttpAnswer) {
    this.status = answer.status;
    this.headers = answer.headers;
    this.text = answer.text;
    this.url = answer.url;
  }
  /** 200 to 299. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }
  get isJson(): boolean {
    return /^application\/(.*\+)?json\b/i.test(this.headers['content-type'] ?? '');
  }
  /** @throws when the body is no JSON, quoting its beginning */
  json<T = JsonValue>(): T {
    try {
      return JSON.parse(this.text) as T;
    } catch {
      throw new Error(`the answer is no JSON: ${shorten(this.text)}`);
    }
  }
}

/** @throws INVALID_VALUE when more than one kind of body is given, or neither a url nor a connection */
export function requestOf(options: HttpCallOptions, owner: string): HttpRequest {
  const { connection = null, url = '', body, json, form } = options;
  if (connection === null && url === '')
    throw new ThenceError('INVALID_VALUE', `${owner} needs a \`url\`, or a \`connection\` that names the host`);
  const kinds = Object.entries({ body, json, form }).filter(([, value]) => value !== undefined);
  if (kinds.length > 1)
    throw new ThenceError('INVALID_VALUE', `${owner} has ${kinds.map(([name]) => `\`${name}\``).join(' and ')}: give one of them`);
  const headers = Object.fromEntries(Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]));
  const type = json !== undefined ? 'application/json' : form !== undefined ? 'application/x-www-form-urlencoded' : null;
  return {
    connection,
    url,
    method: options.method ?? 'GET',
    headers: type === null ? headers : { 'content-type': type, ...headers },
    query: Object.fromEntries(Object.entries(options.query ?? {}).map(([name, value]) => [name, textOf(value)])),
    body: body ?? (json !== undefined ? JSON.stringify(json) : form !== undefined ? encodeForm(form) : null),
    timeoutMs: options.timeout === undefined ? 60_000 : durationToMs(options.timeout, `\`timeout\` of ${owner}`),
    followRedirects: options.followRedirects ?? true,
    verifyTls: options.verifyTls ?? true,
  };
}

const textOf = (value: Text | readonly Text[]): string | string[] => (Array.isArray(value) ? value.map(String) : String(value));
const encodeForm = (form: Readonly<Record<string, Text>>) =>
  new URLSearchParams(Object.entries(form).map(([name, value]) => [name, String(value)])).toString();

/** Sends it, says so in the log, and stops with the try. @param hidePath see SendOptions */
export async function send(
  request: HttpRequest,
  context: Pick<TaskContext, 'connections' | 'log' | 'signal'>,
  hidePath = false,
): Promise<HttpResponse> {
  const connection = request.connection === null ? null : await context.connections.get(request.connection);
  const name = nameOfRequest(request, connection, hidePath);
  const response = new HttpResponse(await sendHttp(request, connection, { signal: context.signal, hidePath }));
  context.log.info(`${name} answered ${response.status} with ${response.text.length} characters`);
  return response;
}

/** 'GET https://host/path answered 503: <the beginning of the body>'. */
export const refused = (request: HttpRequest, { status, text: body }: HttpResponse): Error =>
  new Error(`${request.method} was answered with status ${status}${body.trim() === '' ? '' : `: ${shorten(body)}`}`);

const shorten = (body: string) => (body.length > 500 ? `${body.slice(0, 500)}…` : body);
