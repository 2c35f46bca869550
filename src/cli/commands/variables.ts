import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import type { Command } from 'commander';
import { variableEntry, variableInputs } from '../../commands/exchange';
import { ThenceError } from '../../core/errors';
import { showVariable } from '../../core/sensitive';
import { listVariables } from '../../read-model/cli/variables';
import { createSecrets } from '../../secrets/create-secrets';
import { loadKnownCipher } from '../../secrets/load-cipher';
import { openVariable } from '../../secrets/stored';
import { actor, withCommands, withDatabase } from '../context';
import { print, printRows, withOutput } from '../output';
import type { Format } from '../output';
import { readConfig } from '../read-config';
import { formatOf, readRecords, writeRecords } from '../record-file';
import { note } from '../report-error';

const longestShown = 80;
const formats = ['json', 'yaml'] as const;

export function variables(command: Command): void {
  withOutput(command.command('list'))
    .description('List the stored variables. Values under sensitive names are masked.')
    .addHelpText('after', '\nExample:\n  $ thence variables list -o json')
    .action(list);

  command
    .command('get')
    .argument('<key>')
    .description('Print the value that a task would get: from a secrets backend, THENCE_VAR_*, or the database, in this order.')
    .option('-d, --default <value>', 'what to print when there is no such variable')
    .option('-j, --json', 'the value is JSON: print it formatted')
    .addHelpText('after', '\nExamples:\n  $ thence variables get region\n  $ thence variables get settings --json')
    .action(get);

  command
    .command('set')
    .argument('<key>')
    .argument('[value]', 'left out: read from stdin, where no list of processes shows it')
    .description('Store a variable, a new one or another value.')
    .option('-j, --json', 'the value has to be JSON')
    .option('--description <text>', 'what it is for')
    .addHelpText(
      'after',
      '\nExamples:\n  $ thence variables set region eu --description "where we sell"\n  $ thence variables set api_token < token.txt',
    )
    .action(set);

  command
    .command('delete')
    .argument('<key>')
    .description('Delete a stored variable.')
    .addHelpText('after', '\nExample:\n  $ thence variables delete region')
    .action(async (key: string) => {
      await withCommands(readConfig(), (commands) => commands.deleteVariables([key], {}, actor));
      print(`variable "${key}" is deleted`);
    });

  command
    .command('import')
    .argument('<file>', 'JSON or YAML, an object of keys and values; - is stdin (JSON)')
    .description('Store all variables of a file, or none if one of them is refused.')
    .addOption(
      new Option('-a, --action-on-existing-key <action>', 'what to do with keys that are there')
        .choices(['overwrite', 'fail', 'skip'])
        .default('overwrite'),
    )
    .addHelpText(
      'after',
      `
A value that is no text is stored as its JSON. {"value": …, "description": …} gives a description too.

Example:
  $ thence variables import variables.json --action-on-existing-key skip`,
    )
    .action(importFile);

  command
    .command('export')
    .argument('<file>', 'a .json or .yaml file that is written for its owner alone; - is stdout (JSON)')
    .description('Write all stored variables, with their values, to a file that "variables import" reads.')
    .addHelpText('after', '\nExample:\n  $ thence variables export variables.json')
    .action(exportFile);
}

async function list({ output }: { output: Format }): Promise<void> {
  const config = readConfig();
  const rows = await withDatabase(config, async (db) => {
    const found = await listVariables(db);
    const cipher = found.length > 0 ? loadKnownCipher(config) : null;
    return found.map((row) => ({
      key: row.key,
      value: showVariable(row.key, openVariable(cipher!, row)),
      description: row.description,
    }));
  });
  const isForPeople = output === 'table' || output === 'plain';
  printRows(isForPeople ? rows.map((row) => ({ ...row, value: inOneLine(row.value) })) : rows, output, 'no variables');
}

async function get(key: string, { default: fallback, json }: { default?: string; json?: boolean }): Promise<void> {
  const config = readConfig();
  const found = await withDatabase(config, (db) => createSecrets(config, db.pool, loadKnownCipher(config)).getVariable(key));
  const value = found ?? fallback;
  if (value === undefined)
    throw new ThenceError('NOT_FOUND', `there is no variable "${key}"; "thence variables list" shows those that are stored`);
  print(json === true ? JSON.stringify(jsonOf(key, value), null, 2) : value);
}

async function set(key: string, given: string | undefined, { json, description }: { json?: boolean; description?: string }): Promise<void> {
  if (given === undefined && process.stdin.isTTY)
    throw new ThenceError('USAGE', 'the value is missing: give it after the key, or on stdin');
  const text = given ?? readFileSync(0, 'utf8').replace(/\r?\n$/, '');
  const value = json === true ? JSON.stringify(jsonOf(key, text)) : text;
  const { created } = await withCommands(readConfig(), (commands) => commands.storeVariables([{ key, value, description }], {}, actor));
  print(`variable "${key}" is ${created.length > 0 ? 'created' : 'updated'}`);
}

async function importFile(file: string, { actionOnExistingKey }: { actionOnExistingKey: 'overwrite' | 'fail' | 'skip' }): Promise<void> {
  const inputs = variableInputs(readRecords(file, formats));
  const stored = await withCommands(readConfig(), (commands) => commands.storeVariables(inputs, { ifExists: actionOnExistingKey }, actor));
  print(`${stored.created.length} created, ${stored.updated.length} updated, ${stored.skipped.length} skipped`);
}

async function exportFile(file: string): Promise<void> {
  const format = formatOf(file, formats);
  const config = readConfig();
  const records = await withDatabase(config, async (db) => {
    const rows = await listVariables(db);
    const cipher = loadKnownCipher(config);
    return rows.map((row) => [row.key, variableEntry({ ...row, value: openVariable(cipher, row) })] as const);
  });
  writeRecords(file, Object.fromEntries(records), format);
  if (file !== '-') note(`${records.length} variables are in ${file}, in clear text`);
}

function jsonOf(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ThenceError('INVALID_VALUE', `the value of variable "${key}" is not JSON`);
  }
}

function inOneLine(value: string): string {
  const line = value.replaceAll(/\s*\n\s*/g, ' ');
  return line.length > longestShown ? `${line.slice(0, longestShown - 1)}…` : line;
}
