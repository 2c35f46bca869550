/** Checks the types of DAG files with the TypeScript of their project, in a process of its own. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { codeFrameColumns } from '@babel/code-frame';
import { packageRoot } from '../config/package-root';

export interface TypeProblem {
  /** Absolute; null for what concerns no file. */
  readonly file: string | null;
  readonly line: number;
  readonly column: number;
  /** 'TS2322: Type …' */
  readonly message: string;
}

export interface TypeCheck {
  readonly problems: readonly TypeProblem[];
  /** Why nothing was checked, or null. */
  readonly skipped: string | null;
}

/** @param files absolute paths of TypeScript files of one project */
export async function checkTypes(files: readonly string[]): Promise<TypeCheck> {
  if (files.length === 0) return { problems: [], skipped: null };
  const folder = path.dirname(files[0]!);
  const project = nearestTsconfig(folder);
  const compiler = findCompiler(folder, project);
  if (compiler === null)
    return {
      problems: [],
      skipped: 'TypeScript is not installed in this project, so types were not checked ("npm install --save-dev typescript @types/node")',
    };

  // Beside the project's own, so that its paths and @types are found; a list of files on the command line would ignore it.
  const config = path.join(project === null ? folder : path.dirname(project), `.thence-check-${process.pid}.tsconfig.json`);
  writeFileSync(config, JSON.stringify(configFor(files, project, folder)));
  try {
    return { problems: parse(await run(compiler, config), path.dirname(config)), skipped: null };
  } finally {
    rmSync(config, { force: true });
  }
}

export function frameOf({ file, line, column }: TypeProblem): string | null {
  if (file === null || !existsSync(file)) return null;
  return codeFrameColumns(
    readFileSync(file, 'utf8'),
    { start: { line, column } },
    { highlightCode: process.stdout.isTTY, linesAbove: 2, linesBelow: 2 },
  );
}

function configFor(files: readonly string[], project: string | null, folder: string): object {
  const fixed = { noEmit: true, composite: false, incremental: false, skipLibCheck: true };
  if (project !== null) return { extends: project, compilerOptions: fixed, files, include: [] };
  const types = resolves('@types/node/package.json', folder) ? ['node'] : [];
  // A folder outside of any project: thence and what it brings are found where thence is.
  const paths = resolves('thence', folder)
    ? undefined
    : { thence: [path.join(packageRoot, 'dist/src/index.d.ts')], '*': [path.join(packageRoot, 'node_modules/*')] };
  return { compilerOptions: { ...fixed, target: 'es2023', module: 'nodenext', strict: true, allowJs: false, types, paths }, files };
}

/** The project's; a folder without one is checked with thence's own, where that is there. */
function findCompiler(folder: string, project: string | null): string | null {
  for (const from of [folder, process.cwd(), ...(project === null ? [packageRoot] : [])]) {
    try {
      const manifest = createRequire(path.join(from, 'x')).resolve('typescript/package.json');
      const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { tsc: string } };
      return path.join(path.dirname(manifest), bin.tsc);
    } catch {
      continue;
    }
  }
  return null;
}

function nearestTsconfig(folder: string): string | null {
  for (let at = folder; ; at = path.dirname(at)) {
    const file = path.join(at, 'tsconfig.json');
    if (existsSync(file)) return file;
    if (at === path.dirname(at)) return null;
  }
}

function resolves(name: string, folder: string): boolean {
  try {
    createRequire(path.join(folder, 'x')).resolve(name);
    return true;
  } catch {
    return false;
  }
}

async function run(compiler: string, config: string): Promise<string> {
  const child = spawn(process.execPath, [compiler, '-p', config, '--pretty', 'false'], {
    cwd: path.dirname(config),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  return output;
}

/** `dags/a.ts(3,7): error TS2322: Type …`, with indented lines that go on. */
function parse(output: string, base: string): TypeProblem[] {
  const problems: TypeProblem[] = [];
  for (const line of output.split('\n')) {
    const [, file, row, column, message] = /^(.+)\((\d+),(\d+)\): error (TS\d+: .*)$/.exec(line) ?? [];
    const global = /^error (TS\d+: .*)$/.exec(line)?.[1];
    if (file !== undefined) problems.push({ file: path.resolve(base, file), line: Number(row), column: Number(column), message: message! });
    else if (global !== undefined) problems.push({ file: null, line: 0, column: 0, message: global });
    else if (/^\s+\S/.test(line) && problems.length > 0) {
      const last = problems.pop()!;
      problems.push({ ...last, message: `${last.message}\n${line}` });
    }
  }
  return problems;
}
