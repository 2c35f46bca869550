import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from './cluster';

const exists = new Set(['42P04', '23505']); // duplicate_database; and the unique index, when two create it at the same moment
const templateBusy = '55006';

/** Makes a database on the server of `url` unless it is there, and returns its URL. */
export async function createDatabase(url: string, name: string, options: { template?: string } = {}): Promise<string> {
  const client = await connect(url, 'thence-create-database');
  try {
    const from = options.template ? ` TEMPLATE ${pg.escapeIdentifier(options.template)}` : '';
    for (let attempt = 1; ; attempt++) {
      try {
        const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
        if (rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}${from}`);
        break;
      } catch (error) {
        const code = (error as { code?: string }).code ?? '';
        if (exists.has(code)) break;
        if (code !== templateBusy || attempt === 50) throw error;
        await sleep(100);
      }
    }
  } finally {
    await client.end();
  }
  return databaseUrl(url, name);
}

/** The same server and user, another database. */
export function databaseUrl(url: string, name: string): string {
  const result = new URL(url);
  result.pathname = `/${encodeURIComponent(name)}`;
  return result.toString();
}
