/** The files of a new project, by path. */
export interface ProjectNames {
  readonly name: string;
  /** What package.json says of thence: a version, or `file:…` for a clone of the repository. */
  readonly thence: string;
  readonly zod: string;
  readonly typescript: string;
  readonly typesNode: string;
}

export function projectFiles({ name, thence, zod, typescript, typesNode }: ProjectNames): { readonly [path: string]: string } {
  const packageJson = {
    name,
    private: true,
    scripts: { start: 'thence standalone', check: 'thence dags check', test: 'node --test' },
    dependencies: { thence, zod },
    devDependencies: { '@types/node': typesNode, typescript },
  };
  const tsconfig = {
    compilerOptions: {
      target: 'es2023',
      module: 'nodenext',
      types: ['node'],
      strict: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: true,
      noEmit: true,
    },
    include: ['dags', 'thence.config.ts'],
  };
  return {
    'package.json': `${JSON.stringify(packageJson, null, 2)}\n`,
    'tsconfig.json': `${JSON.stringify(tsconfig, null, 2)}\n`,
    '.gitignore': 'node_modules/\n.thence/\n',
    'dags/hello.ts': helloDag,
    'test/hello.test.mjs': helloTest,
    'README.md': readme(name),
  };
}

const helloDag = `import { BashOperator, DAG } from 'thence';
import { z } from 'zod';

// One run a day, for the day that has just ended. Trigger it by hand with another name, too.
const dag = new DAG('hello', {
  description: 'Greets somebody, and counts the letters.',
  schedule: '@daily',
  startDate: '2026-01-01',
  params: z.object({ name: z.string().min(1).default('world') }),
  defaultArgs: { retries: 2, retryDelay: { seconds: 10 } },
  tags: ['example'],
});

// What a task returns is typed, stored, and given to the tasks that name it as an input.
const greeting = dag.task('greeting', ({ params, log }) => {
  const text = \`Hello, \${String(params.name)}!\`;
  log.info(text);
  return text;
});

const letters = dag.task('letters', { inputs: { greeting } }, ({ inputs, log }) => {
  const count = inputs.greeting.replace(/[^a-z]/gi, '').length;
  log.info(\`\${count} letters\`);
  return count;
});

const report = new BashOperator('report', { dag, command: 'echo "greeted on {{ ds }}"' });

letters.then(report);
`;

const helloTest = `import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { loadDag, runDag } from 'thence/testing';

test('the DAG files have no errors', () => {
  const { status, stderr, stdout } = spawnSync('node_modules/.bin/thence', ['dags', 'check'], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
});

test('hello greets whom it is told to', async () => {
  const run = await runDag(await loadDag('dags/hello.ts'), { conf: { name: 'Ada' }, logicalDate: '2026-01-01' });
  run.expectStates({ greeting: 'success', letters: 'success', report: 'success' }).expectOrder('greeting', 'letters', 'report');
  assert.equal(run.output('greeting'), 'Hello, Ada!');
  assert.equal(run.output('report'), 'greeted on 2026-01-01');
});
`;

const readme = (name: string) => `# ${name}

DAG files are in \`dags/\`. They are TypeScript; nothing has to be compiled.

\`\`\`sh
npm install
npm start                            # everything, at http://127.0.0.1:8080; the password of "admin" is printed once
npx thence dags unpause hello        # let its schedule run it
npx thence dags trigger hello        # or run it now

npx thence dags test hello           # one run, right here, without a server or a database
npm run check                        # types, and that every file loads
npm test
\`\`\`

Settings are \`THENCE_…\` variables, or a \`thence.config.ts\`; \`npx thence config list\` shows them all. Without \`THENCE_DATABASE_URL\`,
a Postgres of its own runs from \`.thence/\`.
`;
