/**
 * The ExecutionApi over a message channel: the client that runs beside task code, and the server side that answers it.
 * The server refuses a call that names an attempt which the caller does not run at the moment.
 */
import { AttemptGone } from './execution-api';
import type { ExecutionApi, ExecutionApiMethod } from './execution-api';
import { ThenceError } from '../core/errors';
import type { ErrorCode } from '../core/errors';

export interface ApiRequest {
  readonly id: number;
  readonly method: ExecutionApiMethod;
  readonly args: readonly unknown[];
}

export type ApiReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { readonly message: string; readonly code: ErrorCode | 'GONE' | null } };

export interface ApiClient {
  readonly api: ExecutionApi;
  receive(reply: ApiReply): void;
}

const methods: readonly ExecutionApiMethod[] = [
  'getBundle',
  'pullXComs',
  'pushXCom',
  'setRendered',
  'pullMapItem',
  'setMapLabel',
  'previousSuccess',
  'getVariable',
  'getConnection',
  'triggerRun',
  'getRunState',
  'getExternalRuns',
  'getDagTasks',
];

/** `send` may be called at any time; replies come back through `receive` in any order. */
export function createApiClient(send: (request: ApiRequest) => void): ApiClient {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let lastId = 0;
  const call = (method: ExecutionApiMethod, args: unknown[]) =>
    new Promise<unknown>((resolve, reject) => {
      const id = ++lastId;
      waiting.set(id, { resolve, reject });
      send({ id, method, args });
    });
  const api = Object.fromEntries(methods.map((method) => [method, (...args: unknown[]) => call(method, args)])) as unknown as ExecutionApi;
  return {
    api,
    receive(reply) {
      const caller = waiting.get(reply.id);
      waiting.delete(reply.id);
      if ('error' in reply) caller?.reject(toError(reply.error));
      else caller?.resolve(reply.value);
    },
  };
}

/** @param owns whether the other side runs this attempt now. */
export async function answerApiRequest(api: ExecutionApi, request: ApiRequest, owns: (attemptId: string) => boolean): Promise<ApiReply> {
  const { id, method, args } = request;
  try {
    if (!methods.includes(method)) throw new ThenceError('INVALID_VALUE', `the execution API has no method "${String(method)}"`);
    if (method !== 'getBundle' && !owns(args[0] as string)) throw new AttemptGone(String(args[0]));
    const value = await (api[method] as (...args: unknown[]) => Promise<unknown>).apply(api, [...args]);
    return { id, value };
  } catch (error) {
    return { id, error: { message: error instanceof Error ? error.message : String(error), code: codeOf(error) } };
  }
}

const codeOf = (error: unknown) => (error instanceof AttemptGone ? ('GONE' as const) : error instanceof ThenceError ? error.code : null);

function toError(error: { message: string; code: ErrorCode | 'GONE' | null }): Error {
  if (error.code === 'GONE') return new AttemptGone(null, error.message);
  return error.code === null ? new Error(error.message) : new ThenceError(error.code, error.message);
}
