import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { runCli } from '../support/run-cli';

// Each call is a process of its own, and the machine may be busy.
jest.setTimeout(240_000);

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'thence-usage-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const thence = (args: string[], env: { [name: string]: string } = {}) =>
  runCli(args, { cwd, env: { THENCE_HOME: path.join(cwd, '.thence'), ...env } });

const range = ['--dag-id', 'x', '--from-date', '2026-01-01', '--to-date', '2026-02-01'];

describe('wrong usage is one sentence on stderr and exit code 2', () => {
  test.each([
    [['dgas', 'list'], "unknown command 'dgas'", 'Did you mean dags?'],
    [['dags', 'triger', 'hello'], "unknown command 'triger'", 'Did you mean trigger?'],
    [['dags', 'list', '--colums', 'dag_id'], "unknown option '--colums'", 'Did you mean --columns?'],
    [['dags', 'list', '-o', 'xml'], "argument 'xml' is invalid", 'table, json, yaml, plain'],
    [['dags', 'trigger'], "missing required argument 'dag_id'", ''],
    [['dags', 'trigger', 'hello', '--conf', '{name: 1}'], '--conf is not valid JSON', '{name: 1}'],
    [['dags', 'trigger', 'hello', '--conf', '[1]'], '--conf has to be a JSON object', '[1]'],
    [['dags', 'test', 'hello', '--conf', '{'], '--conf is not valid JSON', '{'],
    [['dags', 'test', 'hello', '31.12.2026'], 'logical date "31.12.2026" is not a date', 'ISO 8601'],
    [
      ['backfill', 'create', '--dag-id', 'x', '--from-date', '2026-02-02', '--to-date', '2026-02-01'],
      '--from-date 2026-02-02 is after --to-date 2026-02-01',
      '',
    ],
    [['backfill', 'create', '--dag-id', 'x', '--from-date', 'soon', '--to-date', '2026-02-01'], '--from-date "soon" is not a date', ''],
    [['backfill', 'create', '--dag-id', 'x', '--from-date', '2026-01-01'], "required option '--to-date <date>'", ''],
    [['backfill', 'create', ...range, '--max-active-runs', '0'], "argument '0' is invalid", 'from 1 to 10000'],
    [['backfill', 'create', ...range, '--reprocess-behavior', 'all'], "argument 'all' is invalid", 'none, failed, completed'],
    [['backfill', 'create', ...range, '--dag-run-conf', 'x=1'], '--dag-run-conf is not valid JSON', 'x=1'],
    [['backfill', 'cancel', 'three'], "value 'three' is invalid", ''],
    [['webserver', '--port', '99999'], "argument '99999' is invalid", 'from 0 to 65535'],
    [['db', 'clean', '--clean-before-timestamp', 'yesterday'], '--clean-before-timestamp "yesterday" is not a date', ''],
  ])('thence %j', async (args, message, hint) => {
    const { exitCode, stdout, stderr } = await thence(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

test('a command without its subcommand shows its help', async () => {
  const { exitCode, stderr } = await thence(['dags']);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('Usage: thence dags');
  expect(stderr).toContain('list-import-errors');
});

test.each([[['--help']], [['help', 'dags']], [['dags', '--help']], [['backfill', 'create', '--help']], [['standalone', '--help']]])(
  'help: %j',
  async (args) => {
    const { exitCode, stdout } = await thence(args);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Usage: thence/);
  },
);

test('each command has an example in its help', async () => {
  const namesIn = (help: string) =>
    [...(help.split('Commands:\n')[1] ?? '').split('\n\n')[0]!.matchAll(/^ {2}([a-z-]+)/gm)]
      .map(([, name]) => name!)
      .filter((name) => name !== 'help');
  const groups = namesIn((await thence(['--help'])).stdout);
  expect(groups).toEqual(expect.arrayContaining(['standalone', 'init', 'dags', 'backfill']));
  for (const group of groups) {
    const help = (await thence([group, '--help'])).stdout;
    const commands = namesIn(help);
    if (commands.length === 0) expect(`${group}: ${help}`).toMatch(/Examples?:\n {2}\$ /);
    for (const command of commands)
      expect(`${command}: ${(await thence([group, command, '--help'])).stdout}`).toMatch(/Examples?:\n {2}\$ /);
  }
});

describe('settings', () => {
  test('a misspelled variable stops every command with a suggestion', async () => {
    expect(await thence(['config', 'list'], { THENCE_PRALLELISM: '4' })).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringContaining('unknown environment variable THENCE_PRALLELISM; did you mean "THENCE_PARALLELISM"?') as string,
    });
  });

  test('a wrong value says what is allowed', async () => {
    const { exitCode, stderr } = await thence(['dags', 'list'], { THENCE_PORT: 'eighty' });
    expect(exitCode).toBe(1);
    expect(stderr).toBe('error: THENCE_PORT in the environment is "eighty"; allowed is a whole number from 0 to 65535\n');
  });

  test('config list shows values and where they came from, with secrets masked', async () => {
    const { stdout } = await thence(['config', 'list', '-o', 'json'], {
      THENCE_PARALLELISM: '5',
      THENCE_SECRET_KEY: 'not-to-be-shown-anywhere',
    });
    const entries = JSON.parse(stdout) as { key: string; value: string; source: string; variable: string }[];
    expect(entries).toContainEqual({ key: 'parallelism', value: '5', source: 'environment', variable: 'THENCE_PARALLELISM' });
    expect(entries).toContainEqual({ key: 'logLevel', value: 'info', source: 'default', variable: 'THENCE_LOG_LEVEL' });
    expect(entries).toContainEqual({ key: 'secretKey', value: '***', source: 'environment', variable: 'THENCE_SECRET_KEY' });
    expect(stdout).not.toContain('not-to-be-shown');
  });

  test('config get-value takes the key or the variable, and suggests', async () => {
    expect((await thence(['config', 'get-value', 'THENCE_PORT'])).stdout).toBe('8080\n');
    expect((await thence(['config', 'get-value', 'port'])).stdout).toBe('8080\n');
    expect(await thence(['config', 'get-value', 'prot'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('did you mean "port"') as string,
    });
  });
});

describe('the database', () => {
  test('a command that reads makes no home, and says what to run first', async () => {
    const { exitCode, stderr } = await thence(['dags', 'list']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Run "thence standalone" or "thence db migrate" first');
    expect(existsSync(path.join(cwd, '.thence'))).toBe(false);
  });

  test('one that is down is one sentence with its host and port, and without its password', async () => {
    const port = await freePort();
    const { exitCode, stdout, stderr } = await thence(['dags', 'list'], {
      THENCE_DATABASE_URL: `postgres://me:hidden@127.0.0.1:${port}/app`,
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain(`127.0.0.1:${port}`);
    expect(stderr).toContain('THENCE_DATABASE_URL');
    expect(stderr).not.toContain('hidden');
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

test('version and info need nothing', async () => {
  expect((await thence(['version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  const { exitCode, stdout } = await thence(['info', '-o', 'json']);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ node: process.version, home: path.join(cwd, '.thence') });
});

test('init writes a project, and never over files that are there', async () => {
  const made = await thence(['init', 'My Project']);
  expect(made).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("cd 'My Project' && npm install && npm start") as string });
  expect(existsSync(path.join(cwd, 'My Project/dags/hello.ts'))).toBe(true);

  writeFileSync(path.join(cwd, 'README.md'), 'mine');
  const refused = await thence(['init']);
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('has README.md already; nothing was written') as string });
  expect(existsSync(path.join(cwd, 'package.json'))).toBe(false);
});

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
