import { ThenceError } from '../core/errors';
import { note } from './report-error';

/** For what is followed: a database that goes away for a while is waited for, since what is followed lives in it. Null: it is away. */
export function patient<T>(read: () => Promise<T>): () => Promise<T | null> {
  let away = false;
  return async () => {
    try {
      const found = await read();
      away = false;
      return found;
    } catch (error) {
      if (error instanceof ThenceError && error.code === 'NOT_FOUND') throw error;
      if (!away) note(`the database does not answer (${(error as Error).message}); waiting for it`);
      away = true;
      return null;
    }
  };
}
