import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { packageRoot, thenceCommand } from '../../src/config/package-root';
import { defaults } from '../../src/config/settings';
import { runCli } from '../support/run-cli';

const readme = readFileSync(path.join(packageRoot, 'README.md'), 'utf8');

test("the README's first DAG runs as its text says", async () => {
  const source = /```ts\n([^]*?)```/.exec(readme)![1]!;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'thence-readme-'));
  try {
    mkdirSync(path.join(folder, 'dags'));
    writeFileSync(path.join(folder, 'dags', 'greet.ts'), source);
    const { exitCode, stdout } = await runCli(['dags', 'test', 'greet', '2026-01-02'], { cwd: folder });
    expect(stdout).toContain('hello Ada and Grace');
    expect(exitCode).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the README's table of variables has the real defaults", () => {
  expect(readme).toContain(`| \`THENCE_PARALLELISM\` | ${defaults.parallelism} |`);
  expect(readme).toContain(`| \`THENCE_HOST\`, \`THENCE_PORT\` | ${defaults.host}, ${defaults.port} |`);
  expect(readme).toContain(`| \`THENCE_EXECUTOR\` | \`${defaults.executors[0]}\` |`);
});

test('the build makes a command that npx can start, also where npm linked an earlier build', () => {
  expect(() => accessSync(thenceCommand, constants.X_OK)).not.toThrow();
});
