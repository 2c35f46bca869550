/**
 * A route of the REST API as one value: its path, what it takes and gives (zod), and what it does. The router (api-router.ts) and the
 * document (openapi.ts) are both made from it, so that they cannot differ.
 */
import type { z } from 'zod';
import type { Auth } from '../../src/auth/auth';
import type { Actor, Commands } from '../../src/commands/commands';
import type { Config } from '../../src/config/config';
import type { Database } from '../../src/db/database';
import type { LogStore } from '../../src/logs/log-store';
import type { Cipher } from '../../src/secrets/cipher';
import type { Logger } from '../../src/telemetry/logger';

export interface ApiContext {
  readonly database: Pick<Database, 'pool'>;
  readonly auth: Auth;
  readonly commands: Commands;
  readonly logStore: LogStore;
  readonly config: Config;
  readonly cipher: Cipher;
  readonly logger: Logger;
}

type Shape = z.ZodObject | undefined;
type Parsed<T extends z.ZodType | undefined> = T extends z.ZodType ? z.output<T> : undefined;

export interface Call<P extends Shape, Q extends Shape, B extends z.ZodType | undefined> {
  readonly params: Parsed<P>;
  readonly query: Parsed<Q>;
  readonly body: Parsed<B>;
  /** Who is calling; on a public route, nobody. */
  readonly actor: Actor;
  /** The media type that the client likes best among `json` and the route's `otherTypes`. */
  readonly accepts: string;
  /** Aborted when the client has gone, and when it has its answer. */
  readonly signal: AbortSignal;
  readonly context: ApiContext;
}

/** An answer that is not the route's JSON, in one of its `otherTypes`. */
export class OtherAnswer {
  constructor(
    readonly type: string,
    readonly body: string | AsyncIterable<string>,
    readonly headers: Readonly<Record<string, string>> = {},
    readonly status = 200,
  ) {}
}

export interface Route<
  P extends Shape = Shape,
  Q extends Shape = Shape,
  B extends z.ZodType | undefined = z.ZodType | undefined,
  R extends z.ZodType = z.ZodType,
> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With the parameters in braces: '/api/v2/dags/{dag_id}'. */
  readonly path: string;
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  /** Needs no token. */
  readonly isPublic?: boolean;
  /** What is sent is never repeated in an error. */
  readonly secretBody?: boolean;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Of success; 200. With 204 nothing is sent: `response` is `nothing` of fields.ts. */
  readonly status?: number;
  readonly response: R;
  readonly otherTypes?: readonly string[];
  /** Statuses of errors beside those that every route has (401, 422). */
  readonly errors?: readonly number[];
  readonly handle: (call: Call<P, Q, B>) => Promise<z.input<R> | OtherAnswer>;
}

export function defineRoute<
  R extends z.ZodType,
  P extends Shape = undefined,
  Q extends Shape = undefined,
  B extends z.ZodType | undefined = undefined,
>(route: Route<P, Q, B, R>): Route {
  return route;
}
