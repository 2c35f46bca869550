import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { childEnvironment } from '../../src/config/child-environment';
import { describeConfig, loadConfig } from '../../src/config/load-config';
import { packageRoot } from '../../src/config/package-root';

let cwd: string;
beforeEach(() => {
  cwd = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'thence-config-')));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const write = (file: string, text: string) => {
  mkdirSync(path.dirname(path.join(cwd, file)), { recursive: true });
  writeFileSync(path.join(cwd, file), text);
};
const load = (env: { [name: string]: string } = {}, at = cwd) => loadConfig({ env, cwd: at });

describe('values', () => {
  test('without anything, home and DAGs folder lie in the working directory', () => {
    expect(load()).toMatchObject({
      home: path.join(cwd, '.thence'),
      dagsFolder: path.join(cwd, 'dags'),
      databaseUrl: null,
      executors: ['local'],
      port: 8080,
      dagRefreshIntervalMs: 300_000,
    });
  });

  test('the environment wins over the config file, and the command line over both', () => {
    write('thence.config.json', JSON.stringify({ port: 9001, parallelism: 7, host: '0.0.0.0' }));
    const config = loadConfig({ env: { THENCE_PORT: '9002', THENCE_PARALLELISM: '8' }, cwd, overrides: { parallelism: 9 } });
    expect(config).toMatchObject({ port: 9002, parallelism: 9, host: '0.0.0.0' });
    const sources = Object.fromEntries(describeConfig(config).map(({ key, source }) => [key, source]));
    expect(sources).toMatchObject({
      port: 'environment',
      parallelism: 'command line',
      host: path.join(cwd, 'thence.config.json'),
      logLevel: 'default',
    });
  });

  test('a TypeScript config file may import its neighbours, and its paths start at its folder', () => {
    write('defaults.ts', 'export const port: number = 9100;');
    write(
      'thence.config.ts',
      `import { port } from './defaults';\nexport default { port, dagsFolder: 'flows', dagRefreshInterval: { minutes: 1 } };`,
    );
    mkdirSync(path.join(cwd, 'below'));
    expect(load({}, path.join(cwd, 'below'))).toMatchObject({
      port: 9100,
      dagsFolder: path.join(cwd, 'flows'),
      dagRefreshIntervalMs: 60_000,
      home: path.join(cwd, '.thence'),
    });
  });

  test('a CommonJS config file counts too', () => {
    write('thence.config.js', 'module.exports = { trustProxy: true };');
    expect(load().trustProxy).toBe(true);
  });

  test.each([
    ['PT90S', 90_000],
    ['1500', 1500],
  ])('a duration may be %s', (given, ms) => {
    expect(load({ THENCE_LEASE: given }).leaseMs).toBe(ms);
  });

  test('executors are a comma list, and the path of a module becomes absolute', () => {
    expect(load({ THENCE_EXECUTOR: 'thread, ./my-executor.js' }).executors).toEqual(['thread', path.join(cwd, 'my-executor.js')]);
  });

  test('an empty variable counts as unset', () => {
    expect(load({ THENCE_PORT: '', THENCE_DATABASE_URL: '' })).toMatchObject({ port: 8080, databaseUrl: null });
  });

  test('connections and variables are gathered from the environment and the file, by lower-cased name', () => {
    write('thence.config.json', JSON.stringify({ connections: { Warehouse: 'postgres://file' }, variables: { region: 'eu' } }));
    const config = load({ THENCE_CONN_EXAMPLES: 'postgres://x', THENCE_CONN_WAREHOUSE: 'postgres://env', THENCE_VAR_API_LEVEL: '3' });
    expect(config.connections).toEqual({ examples: 'postgres://x', warehouse: 'postgres://env' });
    expect(config.variables).toEqual({ region: 'eu', api_level: '3' });
  });

  test('nothing can be changed afterwards', () => {
    expect(() => ((load() as { port: number }).port = 1)).toThrow(TypeError);
    expect(Object.isFrozen(load({ THENCE_CONN_A: 'x' }).connections)).toBe(true);
  });

  test('examples are on in the repository and off elsewhere', () => {
    expect(loadConfig({ env: {}, cwd: packageRoot }).loadExamples).toBe(true);
    expect(load().loadExamples).toBe(false);
  });
});

describe('home', () => {
  test("is the nearest parent folder's .thence, with the DAGs folder beside it", () => {
    mkdirSync(path.join(cwd, '.thence'));
    mkdirSync(path.join(cwd, 'dags/etl'), { recursive: true });
    expect(load({}, path.join(cwd, 'dags/etl'))).toMatchObject({ home: path.join(cwd, '.thence'), dagsFolder: path.join(cwd, 'dags') });
  });

  test("lies beside the config file when there is none yet, and a project's own dags folder wins over a parent's", () => {
    write('thence.config.json', '{}');
    mkdirSync(path.join(cwd, 'dags'));
    mkdirSync(path.join(cwd, 'other/dags'), { recursive: true });
    expect(load({}, path.join(cwd, 'other'))).toMatchObject({ home: path.join(cwd, '.thence'), dagsFolder: path.join(cwd, 'other/dags') });
  });

  test('is what THENCE_HOME says, from the working directory', () => {
    expect(load({ THENCE_HOME: 'state' }).home).toBe(path.join(cwd, 'state'));
  });
});

describe('what is wrong is one sentence', () => {
  test.each([
    [{ THENCE_DAG_FOLDER: 'x' }, 'unknown environment variable THENCE_DAG_FOLDER; did you mean "THENCE_DAGS_FOLDER"?'],
    [{ THENCE_PORT: '80a' }, 'THENCE_PORT in the environment is "80a"; allowed is a whole number from 0 to 65535'],
    [{ THENCE_PORT: '70000' }, 'THENCE_PORT in the environment is "70000"; allowed is'],
    [{ THENCE_EXECUTOR: 'kubernetes' }, 'THENCE_EXECUTOR in the environment is "kubernetes"; allowed is local, thread, or the path'],
    [{ THENCE_LOG_LEVEL: 'loud' }, 'allowed is debug, info, warn, error'],
    [{ THENCE_LEASE: 'soon' }, "allowed is an object like { minutes: 5 }, an ISO 8601 duration like 'PT5M', or milliseconds"],
    [{ THENCE_TRUST_PROXY: 'perhaps' }, 'allowed is true or false'],
    [{ THENCE_DATABASE_URL: 'mysql://u:topsecret@h/d' }, 'THENCE_DATABASE_URL in the environment is "mysql://u:***@h/d"'],
    [{ THENCE_SECRET_KEY: 'short' }, 'THENCE_SECRET_KEY in the environment is "***"; allowed is a text of at least 16 characters'],
  ] as [{ [name: string]: string }, string][])('%j', (env, message) => {
    expect(() => load(env)).toThrow(expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining(message) as string }));
  });

  test.each([
    ['thence.config.json', '{"prot": 1}', 'unknown key "prot" in'],
    ['thence.config.json', '{"port": 1', 'is not valid JSON'],
    ['thence.config.json', '{"port": "x"}', '"port" in'],
    ['thence.config.json', '[]', 'has to export an object'],
    ['thence.config.json', '{"variables": {"n": 1}}', 'has to be an object of texts'],
    ['thence.config.ts', 'export default {', 'could not be loaded'],
    ['thence.config.js', 'throw new Error("no vault today")', 'could not be loaded: no vault today'],
  ])('%s: %s', (file, text, message) => {
    write(file, text);
    expect(() => load()).toThrow(expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining(message) as string }));
    expect(() => load()).toThrow(file);
  });

  test('two config files side by side', () => {
    write('thence.config.json', '{}');
    write('thence.config.ts', 'export default {}');
    expect(() => load()).toThrow('thence.config.ts and thence.config.json; keep one of them');
  });
});

test('describeConfig never shows a secret', () => {
  const config = load({
    THENCE_DATABASE_URL: 'postgres://me:pa55word@db.example:5432/app',
    THENCE_SECRET_KEY: 'pa55word-pa55word',
    THENCE_ADMIN_PASSWORD: 'pa55word',
    THENCE_CONN_X: 'http://u:pa55word@h',
    THENCE_VAR_TOKEN: 'pa55word',
  });
  const entries = describeConfig(config);
  expect(JSON.stringify(entries)).not.toContain('pa55word');
  expect(entries.find(({ key }) => key === 'databaseUrl')?.value).toBe('postgres://me:***@db.example:5432/app');
  expect(entries.find(({ key }) => key === 'connections.x')).toMatchObject({ variable: 'THENCE_CONN_X', source: 'environment' });
});

test('a child process sees the same settings, options of the command line included', () => {
  const parent = loadConfig({ env: { THENCE_PORT: '9001', THENCE_LEASE: 'PT5S' }, cwd, overrides: { port: 9002, host: '0.0.0.0' } });
  const env = childEnvironment(parent, { databaseUrl: 'postgres://h/d', examplesUrl: 'postgres://h/examples' });
  const child = loadConfig({ env: Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('THENCE_'))), cwd });
  expect(child).toMatchObject({
    port: 9002,
    host: '0.0.0.0',
    home: parent.home,
    dagsFolder: parent.dagsFolder,
    databaseUrl: 'postgres://h/d',
  });
  expect(child.connections).toEqual({ examples: 'postgres://h/examples' });
});
