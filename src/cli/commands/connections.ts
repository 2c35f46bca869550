import { Option } from 'commander';
import type { Command } from 'commander';
import type { ConnectionInput } from '../../commands/commands';
import { defaultConnections } from '../../commands/default-connections';
import { connectionEntry, connectionInputs, inputOfConnection } from '../../commands/exchange';
import { testConnection } from '../../connections/test-connection';
import { ThenceError } from '../../core/errors';
import type { ConnectionInfo } from '../../execution-api/execution-api';
import { listConnections } from '../../read-model/cli/connections';
import { createSecrets } from '../../secrets/create-secrets';
import { loadKnownCipher } from '../../secrets/load-cipher';
import { parseConnection } from '../../secrets/parse-connection';
import { openConnection } from '../../secrets/stored';
import { parseConf, parseCount } from '../arguments';
import { actor, withCommands, withDatabase } from '../context';
import { print, printRecord, printRows, withOutput } from '../output';
import type { Format, Row } from '../output';
import { endWith } from '../program';
import { readConfig } from '../read-config';
import { formatOf, readRecords, writeRecords } from '../record-file';
import type { FileFormat } from '../record-file';
import { note } from '../report-error';

const formats = ['json', 'yaml', 'env'] as const;

interface Fields {
  readonly connUri?: string;
  readonly connJson?: string;
  readonly connType?: string;
  readonly connDescription?: string;
  readonly connHost?: string;
  readonly connPort?: number;
  readonly connLogin?: string;
  readonly connPassword?: string;
  readonly connSchema?: string;
  readonly connExtra?: string;
}

export function connections(command: Command): void {
  withOutput(command.command('list'))
    .description('List the stored connections. Secrets are masked.')
    .option('--conn-id <id>', 'only this one')
    .addHelpText('after', '\nExample:\n  $ thence connections list -o yaml')
    .action(list);

  withOutput(command.command('get'))
    .argument('<id>')
    .description('Show the connection that a task would get: from a secrets backend, THENCE_CONN_*, or the database, in this order.')
    .option('--show-secrets', 'with its password, its extra fields and its URI in clear')
    .addHelpText('after', '\nExample:\n  $ thence connections get warehouse -o json')
    .action(get);

  withFields(command.command('set'))
    .description('Store a connection: a new one, or what is to change in one that is there.')
    .addHelpText(
      'after',
      `
Examples:
  $ thence connections set warehouse --conn-uri 'postgres://me:secret@db.internal:5432/sales?sslmode=require'
  $ thence connections set warehouse --conn-password 'a new one'`,
    )
    .action((id: string, fields: Fields) => store(id, fields, 'overwrite'));

  withFields(command.command('add'))
    .description('Store a new connection; it is an error if there is one with this id.')
    .addHelpText(
      'after',
      '\nExample:\n  $ thence connections add web --conn-type http --conn-host https://api.example.com --conn-extra \'{"headers": {}}\'',
    )
    .action((id: string, fields: Fields) => store(id, fields, 'fail'));

  command
    .command('delete')
    .argument('<id>')
    .description('Delete a stored connection.')
    .addHelpText('after', '\nExample:\n  $ thence connections delete warehouse')
    .action(async (id: string) => {
      await withCommands(readConfig(), (commands) => commands.deleteConnections([id], {}, actor));
      print(`connection "${id}" is deleted`);
    });

  command
    .command('import')
    .argument('<file>', 'JSON, YAML or lines of id=URI (.env); - is stdin (JSON)')
    .description('Store the connections of a file; those that are there stay as they are.')
    .option('--overwrite', 'change those that are there')
    .addHelpText(
      'after',
      '\nEach entry is a URI, or an object with conn_type, host, port, login, password, schema, extra, description.\n\nExample:\n  $ thence connections import connections.yaml --overwrite',
    )
    .action(importFile);

  command
    .command('export')
    .argument('<file>', 'a .json, .yaml or .env file that is written for its owner alone; - is stdout')
    .description('Write all stored connections, with their passwords, to a file that "connections import" reads.')
    .addOption(new Option('--file-format <format>', 'instead of what the name of the file says').choices(formats))
    .addOption(
      new Option('--serialization-format <form>', 'of each connection (an .env file has URIs by default)').choices(['json', 'uri']),
    )
    .addHelpText('after', '\nExample:\n  $ thence connections export connections.json')
    .action(exportFile);

  command
    .command('create-default-connections')
    .description(`Store ${defaultConnections.map(({ id }) => id).join(' and ')}, to begin with; those that are there stay as they are.`)
    .addHelpText('after', '\nExample:\n  $ thence connections create-default-connections')
    .action(() => storeAll(defaultConnections, 'skip'));

  command
    .command('test')
    .argument('<id>')
    .description('Try whether a connection works. Exit code 1 if not. THENCE_TEST_CONNECTION=true has to allow it.')
    .addHelpText('after', '\nExample:\n  $ THENCE_TEST_CONNECTION=true thence connections test warehouse')
    .action(test);
}

function withFields(command: Command): Command {
  return command
    .argument('<id>')
    .option('--conn-uri <uri>', 'all of it as type://login:password@host:port/schema?extra=value')
    .option('--conn-json <json>', 'all of it as a JSON object')
    .option('--conn-type <type>', 'postgres, http, …')
    .option('--conn-description <text>', 'what it is for')
    .option('--conn-host <host>')
    .option('--conn-port <port>', '', parseCount(0, 65_535))
    .option('--conn-login <login>')
    .option('--conn-password <password>')
    .option('--conn-schema <schema>', 'of a database: its name')
    .option('--conn-extra <json>', 'more fields, as a JSON object');
}

async function list({ connId, output }: { connId?: string; output: Format }): Promise<void> {
  const config = readConfig();
  const rows = await withDatabase(config, async (db) => {
    const found = await listConnections(db, connId ?? null);
    const cipher = found.length > 0 ? loadKnownCipher(config) : null;
    return found.map((row) => rowOf(openConnection(cipher!, row), row.description));
  });
  printRows(rows, output, 'no connections');
}

async function get(id: string, { showSecrets, output }: { showSecrets?: boolean; output: Format }): Promise<void> {
  const { connection, description } = await find(id);
  if (showSecrets !== true) return printRecord(rowOf(connection, description), output);
  const { password, extra, uri } = connection;
  printRecord({ ...rowOf(connection, description), password, extra, get_uri: uri }, output);
}

async function store(id: string, fields: Fields, ifExists: 'overwrite' | 'fail'): Promise<void> {
  const input = inputOfFields(id, fields);
  const { created } = await withCommands(readConfig(), (commands) => commands.storeConnections([input], { ifExists }, actor));
  print(`connection "${id}" is ${created.length > 0 ? 'created' : 'updated'}`);
}

/** @throws USAGE when it is given in two ways */
function inputOfFields(id: string, { connUri, connJson, connDescription: description, ...fields }: Fields): ConnectionInput {
  const whole = connUri ?? connJson;
  const parts = Object.values(fields).some((value) => value !== undefined);
  if ((connUri !== undefined && connJson !== undefined) || (whole !== undefined && parts))
    throw new ThenceError('USAGE', 'give the connection in one way: --conn-uri, --conn-json, or the other --conn-… options');
  if (whole !== undefined)
    return { ...inputOfConnection(parseConnection(id, whole, connUri === undefined ? '--conn-json' : '--conn-uri')), description };
  return {
    id,
    type: fields.connType,
    description,
    host: fields.connHost,
    port: fields.connPort,
    login: fields.connLogin,
    password: fields.connPassword,
    schema: fields.connSchema,
    extra: fields.connExtra === undefined ? undefined : parseConf(fields.connExtra, '--conn-extra'),
  };
}

async function importFile(file: string, { overwrite }: { overwrite?: boolean }): Promise<void> {
  await storeAll(connectionInputs(readRecords(file, formats), file), overwrite === true ? 'overwrite' : 'skip');
}

async function storeAll(inputs: readonly ConnectionInput[], ifExists: 'overwrite' | 'skip'): Promise<void> {
  const stored = await withCommands(readConfig(), (commands) => commands.storeConnections(inputs, { ifExists }, actor));
  print(`${stored.created.length} created, ${stored.updated.length} updated, ${stored.skipped.length} skipped`);
}

interface ExportOptions {
  readonly fileFormat?: FileFormat;
  readonly serializationFormat?: 'json' | 'uri';
}

async function exportFile(file: string, { fileFormat, serializationFormat }: ExportOptions): Promise<void> {
  const format = fileFormat ?? formatOf(file, formats);
  const asUri = (serializationFormat ?? (format === 'env' ? 'uri' : 'json')) === 'uri';
  const config = readConfig();
  const records = await withDatabase(config, async (db) => {
    const rows = await listConnections(db);
    const cipher = loadKnownCipher(config);
    return rows.map((row) => {
      const connection = openConnection(cipher, row);
      return [connection.id, asUri ? connection.uri : connectionEntry(connection, row.description)] as const;
    });
  });
  writeRecords(file, Object.fromEntries(records), format);
  if (file !== '-') note(`${records.length} connections are in ${file}, with their passwords in clear text`);
}

async function test(id: string): Promise<void> {
  if (!readConfig().testConnection)
    throw new ThenceError('FORBIDDEN', 'testing connections is switched off; THENCE_TEST_CONNECTION=true switches it on');
  const { status, message } = await testConnection((await find(id)).connection);
  print(message);
  if (!status) endWith(1);
}

async function find(id: string): Promise<{ connection: ConnectionInfo; description: string | null }> {
  const config = readConfig();
  return withDatabase(config, async (db) => {
    const connection = await createSecrets(config, db.pool, loadKnownCipher(config)).getConnection(id);
    if (!connection)
      throw new ThenceError('NOT_FOUND', `there is no connection "${id}"; "thence connections list" shows those that are stored`);
    const [stored] = await listConnections(db, id);
    return { connection, description: stored?.description ?? null };
  });
}

function rowOf(connection: ConnectionInfo, description: string | null): Row {
  const { password, extra, ...shown } = connectionEntry(connection, description, { hidden: true });
  return { conn_id: connection.id, ...shown, password: password!, extra: extra! };
}
