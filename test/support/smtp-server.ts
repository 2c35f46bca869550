/** A real SMTP server on loopback that keeps the messages it is given. */
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

export interface ReceivedMail {
  readonly user: string | undefined;
  readonly from: string;
  readonly to: readonly string[];
  readonly source: string;
}

/** Called at the top of a test file. */
export function useSmtpServer(): { readonly port: number; readonly mails: ReceivedMail[]; refuseLogins: boolean } {
  const state = {
    mails: [] as ReceivedMail[],
    refuseLogins: false,
    get port() {
      return (server.server.address() as AddressInfo).port;
    },
  };
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    onAuth({ username }, _session, done) {
      if (state.refuseLogins) done(new Error('wrong password'));
      else done(null, { user: username! });
    },
    onData(stream, { envelope, user }, done) {
      void text(stream).then((source) => {
        const from = envelope.mailFrom ? envelope.mailFrom.address : '';
        state.mails.push({ user: user as string | undefined, from, to: envelope.rcptTo.map(({ address }) => address), source });
        done();
      });
    },
  });
  server.on('error', () => undefined); // clients that go away
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  beforeEach(() => {
    state.mails.length = 0;
    state.refuseLogins = false;
  });
  afterAll(() => new Promise<void>((resolve) => server.close(resolve)));
  return state;
}
