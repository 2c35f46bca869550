import { CommanderError } from 'commander';
import { ThenceError } from '../core/errors';
import { coloursFor } from '../telemetry/colours';

/** Writes what went wrong to stderr, one sentence for what a person can put right, and gives the exit code. */
export function reportError(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // it has already spoken
  if (error instanceof ThenceError) {
    complain(error.message);
    return error.exitCode;
  }
  const unexpected = error instanceof Error ? (error.stack ?? error.message) : String(error);
  complain(`unexpected error, which is a defect of thence: ${unexpected}`);
  return 1;
}

export function complain(message: string): void {
  process.stderr.write(`${coloursFor(process.stderr).red('error:')} ${message}\n`);
}

/** Something to know that is not the command's result: on stderr, so that `-o json` stays JSON. */
export function note(message: string): void {
  process.stderr.write(`${message}\n`);
}
