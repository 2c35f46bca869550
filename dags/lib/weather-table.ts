// Shared by the two weather DAGs: a file like any other, bundled into each DAG that imports it.
import type { Connections } from 'thence';
import { Pool } from 'pg';
import { z } from 'zod';

export const Weather = z.object({
  date: z.iso.date(),
  precipitation: z.coerce.number().min(0),
  temp_max: z.coerce.number().min(-40).max(50),
  temp_min: z.coerce.number().min(-40).max(50),
  wind: z.coerce.number().min(0),
  weather: z.enum(['drizzle', 'rain', 'sun', 'snow', 'fog']),
});
export type Weather = z.infer<typeof Weather>;

// Kept by the module, so that all runs in one process share a connection instead of opening one each.
let table: Promise<Pool> | undefined;

/** A pool on the connection `examples`, in whose database the table `seattle_weather` exists. */
export function weatherTable(connections: Connections): Promise<Pool> {
  table ??= openTable(connections).catch((error: unknown) => {
    table = undefined; // the next try begins afresh
    throw error;
  });
  return table;
}

async function openTable(connections: Connections): Promise<Pool> {
  const { uri } = await connections.get('examples');
  // allowExitOnIdle: between two tasks the open connection does not count as something that a task left running.
  const pool = new Pool({ connectionString: uri, max: 1, allowExitOnIdle: true, connectionTimeoutMillis: 10_000 });
  pool.on('error', () => {}); // an idle connection was cut; the next query opens another
  const client = await pool.connect();
  try {
    // Many runs may find the table missing at once, and CREATE TABLE IF NOT EXISTS alone fails in that race.
    await client.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtext('seattle_weather'));
      CREATE TABLE IF NOT EXISTS seattle_weather (
        day date PRIMARY KEY, precipitation numeric NOT NULL, temp_max numeric NOT NULL,
        temp_min numeric NOT NULL, wind numeric NOT NULL, weather text NOT NULL);
      COMMIT`);
    return pool;
  } finally {
    client.release();
  }
}
