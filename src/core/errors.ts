/**
 * The catalogue of errors that a person can meet. Every one says what happened, what was given, where, what is allowed,
 * and what to do next; `status` is its HTTP status, `exitCode` its exit code on the command line (1, or 2 for wrong usage).
 */
export type ErrorCode =
  | 'INVALID_VALUE' // something typed or sent is not allowed
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'CONFLICT' // not in this state
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'USAGE' // command line
  | 'CONFIG'
  | 'UNAVAILABLE' // database away, no scheduler
  | 'DAG_FILE'; // the DAG file is wrong

const statusOf: Record<ErrorCode, number> = {
  INVALID_VALUE: 422,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  CONFLICT: 409,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  USAGE: 400,
  CONFIG: 500,
  UNAVAILABLE: 503,
  DAG_FILE: 422,
};

/** An expected error: shown to people as its message alone, never with a stack. */
export class ThenceError extends Error {
  override readonly name = 'ThenceError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.details = options.details;
  }
  readonly details: unknown;
  get status(): number {
    return statusOf[this.code];
  }
  get exitCode(): 1 | 2 {
    return this.code === 'USAGE' ? 2 : 1;
  }
}
