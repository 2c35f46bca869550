import { spawn } from 'node:child_process';
import { thenceCommand } from '../../src/config/package-root';

export interface CliResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  /** THENCE_… variables; those of the machine are left out. */
  readonly env?: { readonly [name: string]: string };
}

/** Runs `thence …` as people do, from what the build made. */
export async function runCli(args: readonly string[], { cwd, env = {} }: CliOptions): Promise<CliResult> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(THENCE_|NODE_OPTIONS$|FORCE_COLOR$)/.test(name)));
  const child = spawn(process.execPath, [thenceCommand, ...args], {
    cwd,
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exitCode = await new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject));
  return { exitCode, stdout, stderr };
}
