import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../../src/config/package-root';
import { loadDagsFolder } from '../../src/dag-processor/load-dags-folder';
import { isSensitiveName } from '../../src/core/sensitive';
import { moduleSecrets } from '../../src/secrets/module-backend';
import { makeFolder } from '../dag-processor/make-folder';
import { useTestDatabase } from '../support/database';
import { runCli } from '../support/run-cli';

const text = readFileSync(path.join(packageRoot, 'docs/secrets.md'), 'utf8');
const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```/gms)].map(([, language, code]) => ({ language, code: code! }));
const db = useTestDatabase();

test('the DAG file in docs/secrets.md loads', async () => {
  const root = makeFolder({ 'orders.ts': blocks.find(({ code }) => code.includes('new DAG('))!.code });
  const { errors, specs } = await loadDagsFolder({ dagsFolder: root, dagFileTimeoutMs: 60_000, dagFileMemoryMb: 200 });
  expect([errors, specs.map((spec) => spec.dagId)]).toEqual([[], ['orders']]);
}, 60_000);

test('the secrets backend in docs/secrets.md answers', async () => {
  const root = makeFolder({ 'vault.ts': blocks.find(({ code }) => code.includes('export const secretsBackend'))!.code });
  const backend = moduleSecrets(path.join(root, 'vault.ts'));
  expect(await backend.getVariable('x')).toBeNull();
  expect(await backend.getConnection('warehouse')).toMatchObject({ type: 'postgres', host: 'db.internal', schema: 'sales' });
});

test('the commands in docs/secrets.md work as they are written', async () => {
  const cwd = makeFolder({});
  const { code } = blocks.find(({ language }) => language === 'bash')!;
  const lines = code
    .split('\n')
    .map((line) => line.replace(/ +#.*$/, ''))
    .filter((line) => line !== '' && !line.includes('<'));
  expect(lines.length).toBeGreaterThan(3);
  try {
    writeFileSync(path.join(cwd, 'thence.config.json'), JSON.stringify({ databaseUrl: db.url, secretKey: 'the key of this test' }));
    for (const line of lines) {
      const [, ...args] = [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, plain]) => single ?? double ?? plain!);
      expect({ line, ...(await runCli(args, { cwd })) }).toMatchObject({ line, exitCode: 0 });
    }
  } finally {
    rmSync(cwd, { recursive: true });
  }
}, 120_000);

test('the names in docs/secrets.md are names of secrets', () => {
  const listed = /whose name says so \((.*?), in any case/s
    .exec(text)![1]!
    .match(/`[^`]+`/g)!
    .map((name) => name.replaceAll(/[`…]/g, ''));
  expect(listed).toHaveLength(12);
  for (const name of listed) expect([name, isSensitiveName(`my_${name}`)]).toEqual([name, true]);
});
