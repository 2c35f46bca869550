// SQL as tasks: statements in one transaction, parameters, and a file of SQL with templates beside the DAG file.
import { DAG, ShortCircuitOperator, SqlOperator, SqlSensor } from 'thence';

const dag = new DAG('sql_report', {
  description: 'Makes a table, waits for its rows, and reports on them',
  schedule: null,
  params: { type: 'object', properties: { least: { type: 'integer', default: 2, minimum: 1 } } },
  tags: ['example'],
});
const connection = 'examples'; // THENCE_CONN_EXAMPLES; standalone makes the database
const table = 'thence_sql_report_{{ run_id | replace(r/\\W/g, "_") }}';

// All statements of a list are carried out, or none.
const fill = new SqlOperator('fill', {
  dag,
  connection,
  sql: [
    `DROP TABLE IF EXISTS ${table}`,
    `CREATE TABLE ${table} (weather text, temp_max numeric)`,
    `INSERT INTO ${table} VALUES ('sun', 20), ('sun', 25.5), ('rain', 11), ('fog', 8), ('rain', 13)`,
  ],
});

// Waits until the first value is neither 0 nor empty: here at once.
const filled = new SqlSensor('filled', { dag, connection, sql: `SELECT count(*)::int FROM ${table}`, pokeInterval: { seconds: 1 } });

const enough = new ShortCircuitOperator('enough', {
  dag,
  inputs: { filled },
  run: ({ inputs, params }) => Number(inputs.filled) >= Number(params['least']), // closed: what follows is skipped
});

const report = new SqlOperator('report', { dag, connection, sql: 'sql/weather-by-kind.sql', parameters: ['{{ params.least }}'] });
// Runs whenever the table was made, also when what is between was skipped or failed.
const drop = new SqlOperator('drop', { dag, connection, sql: `DROP TABLE ${table}` }).asTeardown({ setups: fill });

fill.then(filled).then(enough).then(report).then(drop);
