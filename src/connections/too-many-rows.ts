import { ThenceError } from '../core/errors';

export const tooManyRows = (maxRows: number): ThenceError =>
  new ThenceError(
    'INVALID_VALUE',
    `the query gives more than ${maxRows} rows, which is its \`maxRows\`: an output travels to other tasks as JSON. Write large results into a table (CREATE TABLE … AS, INSERT … SELECT), add a LIMIT, or raise maxRows`,
  );
