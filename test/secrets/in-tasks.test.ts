/** What is stored reaches tasks and their templates, and nothing of it their logs, their errors or their pages. */
import type { CommandContext } from '../../src/commands/context';
import { storeConnections } from '../../src/commands/store-connections';
import { storeVariables } from '../../src/commands/store-variables';
import { DAG } from '../../src/dag/dag';
import { openRegistry } from '../../src/dag/registry';
import { createCipher } from '../../src/secrets/cipher';
import { createSecrets } from '../../src/secrets/create-secrets';
import { BashOperator } from '../../operators/bash-operator';
import { stage } from '../runner/support';
import { testConfig } from '../support/config';
import { useTestDatabase } from '../support/database';

const db = useTestDatabase();
const secretKey = 'a secret key for these tests';
const actor = { user: 'ada', via: 'cli' } as const;
const context = () => ({ database: db.database, cipher: () => createCipher([secretKey]) }) as unknown as CommandContext;
const key = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----';

beforeAll(async () => {
  const variables = {
    region: 'eu',
    api_token: 'tok-4711',
    smtp: '{"host":"mail","password":"pw-0815"}',
    ssh_private_key: key,
    plain: 'not { json',
  };
  await storeVariables(
    context(),
    Object.entries(variables).map(([name, value]) => ({ key: name, value })),
    {},
    actor,
  );
  const connection = {
    id: 'db',
    type: 'postgres',
    host: 'h.internal',
    login: 'me',
    password: 'pass/word',
    schema: 's',
    extra: { token: 'ext-1', sslmode: 'require' },
  };
  await storeConnections(context(), [connection], {}, actor);
});
beforeEach(() => openRegistry());
const staged = (dag: DAG) =>
  stage(dag, {}, createSecrets(testConfig({ secretKey, variables: { region: 'from the environment' } }), db.pool));

test('a task reads them; its log shows what is no secret, and hides what is', async () => {
  const dag = new DAG('d');
  dag.task('t', async ({ variables, connections, log }) => {
    const { password, extra, uri, host } = await connections.get('db');
    log.info(
      await variables.get('region'),
      await variables.get('api_token'),
      await variables.get('smtp'),
      host,
      password,
      extra['token'],
      uri,
    );
    log.info(await variables.get('ssh_private_key'));
    return [password, await variables.get('api_token'), await variables.get('nothing', 'else')];
  });
  const on = staged(dag);
  expect(await on.value('t')).toEqual(['pass/word', 'tok-4711', 'else']);
  expect(on.text()).toBe(
    'from the environment *** {"host":"mail","password":"***"} h.internal *** *** postgres://me:***@h.internal/s?token=***&sslmode=require\n***',
  );
});

test('an error that quotes a secret is stored without it', async () => {
  const dag = new DAG('d');
  dag.task('t', async ({ variables }) => {
    throw new Error(`refused: ${await variables.get('api_token')}`);
  });
  const on = staged(dag);
  expect(await on.run('t')).toMatchObject({ kind: 'failed', error: { message: 'refused: ***' } });
  expect(on.text()).not.toContain('tok-4711');
});

test('templates have them, and the page of the task shows them hidden', async () => {
  const dag = new DAG('d');
  new BashOperator('t', {
    dag,
    command:
      'echo {{ var.value.region }} {{ var.json.smtp.host }} {{ conn.db.host }} {{ conn.db.password }} {{ conn.db.extra_dejson.sslmode }} $API_TOKEN',
    env: { API_TOKEN: 'written in the file', WHERE: '{{ var.json.smtp.password }}' },
  });
  const on = staged(dag);
  expect(await on.value('t')).toBe('from the environment mail h.internal pass/word require written in the file');
  expect(on.rendered).toEqual([
    { command: 'echo from the environment mail h.internal *** require $API_TOKEN', env: { API_TOKEN: '***', WHERE: '***' } },
  ]);
});

test('a variable that is no JSON is not quoted, and one that nobody can decrypt fails the task in words', async () => {
  const dag = new DAG('d');
  new BashOperator('json', { dag, command: '{{ var.json.plain }}' });
  dag.task('value', ({ variables }) => variables.get('api_token'));
  await expect(staged(dag).value('json')).rejects.toThrow(/variable "plain" is not JSON; `var\.value\.plain` is its text/);
  const other = stage(dag, {}, createSecrets(testConfig({ secretKey: 'not the key of the rows' }), db.pool));
  await expect(other.value('value')).rejects.toThrow(/^variable "api_token" cannot be read: it was encrypted with the secret key/);
});
