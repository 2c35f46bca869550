import { ThenceError } from '../../src/core/errors';
import { isOutage } from '../../src/db/outage';

/** An answer that is an error of the REST API itself; the rooms below throw `ThenceError`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    readonly detail: string | readonly ValidationProblem[],
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(typeof detail === 'string' ? detail : `${detail.length} invalid values`);
  }
}

/** One entry of a 422's `detail`, in the shape that FastAPI clients expect. */
export interface ValidationProblem {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input?: unknown;
  readonly ctx?: object;
}

export const notFound = (what: string, id: string | number): ApiError => new ApiError(404, `${what} was not found: ${JSON.stringify(id)}`);

/** What an error becomes on the wire. Null: it is a defect or an outage of ours, to be logged with its stack. */
export function toApiError(error: unknown): ApiError | null {
  if (error instanceof ApiError) return error;
  if (error instanceof ThenceError) return new ApiError(error.status, error.message);
  const { code, status, type } = error as { code?: unknown; status?: unknown; type?: unknown };
  // Data that Postgres cannot hold, such as NUL in a text: the sender's.
  if (typeof code === 'string' && /^22\w{3}$/.test(code))
    return new ApiError(422, `the database refuses a value: ${(error as Error).message}`);
  if (isOutage(error)) return new ApiError(503, 'the database does not answer at the moment; try again', { 'Retry-After': '5' });
  // express and its body parser: malformed URL, body too large, unsupported charset …
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new ApiError(status, type === 'entity.too.large' ? 'the body is larger than 1 MiB' : (error as Error).message);
  }
  return null;
}
