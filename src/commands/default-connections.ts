import type { ConnectionInput } from './commands';

/** Examples to begin with, under Airflow's ids. */
export const defaultConnections: readonly ConnectionInput[] = [
  { id: 'postgres_default', type: 'postgres', host: 'localhost', port: 5432, login: 'postgres', schema: 'postgres' },
  { id: 'http_default', type: 'http', host: 'http://localhost' },
];
