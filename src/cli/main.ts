#!/usr/bin/env node
/** The command `thence`. Only this file ends the process. */
import { reportError } from './report-error';
import { runProgram } from './program';

// `thence dags list | head` closes the pipe early; that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

runProgram(process.argv.slice(2))
  .catch((error: unknown) => reportError(error))
  .then((exitCode) => process.stdout.write('', () => process.exit(exitCode)))
  .catch(() => process.exit(1));
