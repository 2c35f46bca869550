/** A real HTTP server on loopback that keeps what it was asked. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Of the client's end of the connection. */
  readonly port: number | undefined;
}
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** null: never answers. */
  readonly body?: string | null;
}

export interface TestHttpServer {
  readonly port: number;
  readonly url: string;
  readonly asked: Asked[];
  /** How to answer from here on. */
  answer: (asked: Asked) => Answer;
}

/** Called at the top of a test file. @param keep what it was asked outlives a test; otherwise each begins with none */
export function useHttpServer({ keep = false } = {}): TestHttpServer {
  const asked: Asked[] = [];
  const state = { answer: (_asked: Asked): Answer => ({}) };
  let server: Server;
  beforeAll(async () => {
    server = createServer((request, response) => {
      void text(request).then((body) => {
        const one = { method: request.method!, url: request.url!, headers: request.headers, body, port: request.socket.remotePort };
        asked.push(one);
        const answer = state.answer(one);
        if (answer.body !== null) response.writeHead(answer.status ?? 200, answer.headers).end(answer.body ?? '');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  beforeEach(() => {
    if (!keep) asked.length = 0;
    state.answer = () => ({});
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    asked,
    get port() {
      return (server.address() as AddressInfo).port;
    },
    get url() {
      return `http://127.0.0.1:${this.port}`;
    },
    get answer() {
      return state.answer;
    },
    set answer(answer) {
      state.answer = answer;
    },
  };
}
