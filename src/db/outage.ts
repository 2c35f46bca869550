/**
 * Whether an error means that the database is away (down, restarting, out of connections, the socket cut) rather than that a statement
 * is wrong: what was attempted may be tried again later. Whether a COMMIT that failed so was carried out is not known.
 */
export function isOutage(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, errors, message = '' } = error as { code?: unknown; errors?: unknown; message?: string };
  if (typeof code === 'string') {
    if (
      /^(57P0[1-5]|08\w{3}|53300|25P03|3D000|ECONN\w+|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|UNAVAILABLE)$/.test(code)
    )
      return true;
    if (code === '55000' && /not currently accepting connections/.test(message)) return true;
  }
  // localhost with two addresses: one error for each
  if (Array.isArray(errors) && errors.some(isOutage)) return true;
  // pg's own, which have no code
  return /^(Connection terminated|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Query read timeout)/.test(
    message,
  );
}
