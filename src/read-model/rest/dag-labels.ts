/** What the list of DAGs is sorted by and warned of: tags, warnings. */
import type { Pool } from 'pg';
import { Where, orderSql, type Order, type Page } from './sql';

export interface DagWarningRow {
  readonly dag_id: string;
  readonly message: string;
  readonly warning_type: string;
  readonly at: Date;
}

export const tagOrder = ['name'];

/** Of the DAGs whose files are there, each tag once. */
export async function listTags(
  pool: Pool,
  filter: { readonly pattern?: string },
  order: readonly Order[],
  page: Page,
): Promise<{ tags: string[]; total: number }> {
  const where = new Where().like('name', filter.pattern);
  const from = `FROM (SELECT DISTINCT unnest(tags) AS name FROM dag WHERE is_active) t ${where.sql}`;
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<{ name: string }>(
      `SELECT name ${from} ${orderSql(order, { name: 'name' }, 'name')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n ${from}`, where.values),
  ]);
  return { tags: rows.map(({ name }) => name), total: counted[0]!.n };
}

/** Airflow has no name for the others: they say of the code what it may do at run time. */
const type = `(CASE WHEN w.message LIKE '%wants the pool "%", which does not exist%' THEN 'non-existent pool' ELSE 'runtime varying value' END)`;
const orderColumns = { dag_id: 'd.dag_id', warning_type: type, message: 'w.message', timestamp: 'd.last_parsed_at' };
export const warningOrder = Object.keys(orderColumns);

/** What the DAG processor found to say of DAGs that it could load. */
export async function listWarnings(
  pool: Pool,
  filter: { readonly dagId?: string; readonly type?: string },
  order: readonly Order[],
  page: Page,
): Promise<{ warnings: DagWarningRow[]; total: number }> {
  const where = new Where().and('d.is_active = ?', true).and('d.dag_id = ?', filter.dagId).and(`${type} = ?`, filter.type);
  const from = `FROM dag d, jsonb_array_elements_text(d.warnings) WITH ORDINALITY AS w(message, place) ${where.sql}`;
  const [{ rows }, { rows: counted }] = await Promise.all([
    pool.query<DagWarningRow>(
      `SELECT d.dag_id, w.message, ${type} AS warning_type, coalesce(d.last_parsed_at, d.created_at) AS at
       ${from} ${orderSql(order, orderColumns, 'w.place')} LIMIT ${page.limit} OFFSET ${page.offset}`,
      where.values,
    ),
    pool.query<{ n: number }>(`SELECT count(*) AS n ${from}`, where.values),
  ]);
  return { warnings: rows, total: counted[0]!.n };
}
