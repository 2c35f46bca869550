import { dropLeftovers, runningTestPostgres } from './test-postgres';

/** Ends the tests' Postgres, unless another test run is using it, or nobody started it. (Jest wants a default export.) */
export default async function globalTeardown(): Promise<void> {
  const server = await runningTestPostgres();
  if (!server) return;
  await dropLeftovers(server.url);
  await server.stop();
}
