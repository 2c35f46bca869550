/** Whether a connection works. Only built-in types are tried: this runs where no user code runs. */
import { secretParts } from '../runner/secret-parts';
import { HIDDEN } from '../core/sensitive';
import type { ConnectionInfo } from '../execution-api/execution-api';
import { sendHttp } from './http-request';
import { postgresDriver } from './postgres';

export interface ConnectionTest {
  readonly status: boolean;
  /** One sentence, without the connection's secrets. */
  readonly message: string;
}

const timeoutMs = 10_000;

const tests: { readonly [type: string]: (connection: ConnectionInfo, signal: AbortSignal) => Promise<string> } = {
  postgres: async (connection, signal) => {
    await postgresDriver.query(connection, 'SELECT 1', [], { signal });
    return 'Connected, and the database answers.';
  },
  http: async (connection, signal) => {
    const { status } = await sendHttp({ ...homeOf(connection.id), timeoutMs }, connection, { signal });
    if (status >= 400) throw new Error(`the server answered with the status ${status}`);
    return `The server answered with the status ${status}.`;
  },
};
const testableTypes = Object.keys(tests);
/** For which there is something in thence that uses them. */
export const builtInTypes = [...testableTypes, 'smtp'];

/** Takes 10 s at most, and never throws. */
export async function testConnection(connection: ConnectionInfo): Promise<ConnectionTest> {
  const test = tests[connection.type === 'https' ? 'http' : connection.type];
  if (!test)
    return {
      status: false,
      message: `Connections of type "${connection.type}" cannot be tested; those of ${testableTypes.join(' and ')} can.`,
    };
  const hide = (text: string) =>
    secretParts(connection)
      .filter((secret) => secret.length > 2)
      .reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text);
  try {
    return { status: true, message: hide(await test(connection, AbortSignal.timeout(timeoutMs))) };
  } catch (error) {
    return { status: false, message: hide(reasonOf(error)) };
  }
}

const homeOf = (id: string) =>
  ({ connection: id, method: 'GET', url: '', query: {}, headers: {}, body: null, followRedirects: true, verifyTls: true }) as const;

/** localhost with two addresses has a reason for each. */
function reasonOf(error: unknown): string {
  const { message, name, errors } = error as Error & { readonly errors?: readonly unknown[] };
  if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  if (errors?.[0] !== undefined) return reasonOf(errors[0]);
  return message || ((error as { readonly code?: string }).code ?? name);
}
