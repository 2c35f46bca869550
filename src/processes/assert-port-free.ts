import { createServer } from 'node:net';
import { ThenceError } from '../core/errors';

/** @throws ThenceError (CONFIG) when something listens there already, before anything slow has been started. */
export async function assertPortFree(host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(host, port, error)));
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

export function cannotListen(host: string, port: number, error: NodeJS.ErrnoException): ThenceError {
  const why =
    error.code === 'EADDRINUSE'
      ? `port ${port} on ${host} is in use by another process`
      : error.code === 'EACCES'
        ? `this user may not listen on port ${port}`
        : error.code === 'EADDRNOTAVAIL'
          ? `${host} is not an address of this machine`
          : error.message;
  return new ThenceError('CONFIG', `the web server cannot start: ${why}. Choose another with THENCE_PORT or THENCE_HOST.`, {
    cause: error,
  });
}
