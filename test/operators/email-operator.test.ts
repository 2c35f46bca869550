import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DAG, EmailOperator, type EmailOptions } from 'thence';
import { openRegistry } from '../../src/dag/registry';
import { useSmtpServer } from '../support/smtp-server';
import { contextFor } from '../support/task-context';

const server = useSmtpServer();
beforeEach(() => openRegistry());

const run = (options: EmailOptions, more = '', signal?: AbortSignal) =>
  new EmailOperator('mail', { dag: new DAG('d'), ...options }).execute(
    contextFor({
      connections: { smtp_default: `smtp://ada%40x.test:s3cret@127.0.0.1:${server.port}?verify=false${more}` },
      ...(signal && { signal }),
    }),
  );

test('sends text and HTML with attachments to everybody, bcc unseen', async () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'thence-mail-')), 'report.csv');
  writeFileSync(file, 'a,b\n');
  const { messageId } = await run({
    to: 'one@x.test, two@x.test',
    cc: ['three@x.test'],
    bcc: 'four@x.test',
    replyTo: 'desk@x.test',
    subject: 'Grüße',
    text: 'plain',
    html: '<b>rich</b>',
    attachments: [{ path: file }, { content: 'note', filename: 'note.txt' }],
    headers: { 'X-Run': 'r1' },
  });
  const [mail] = server.mails;
  expect(mail).toMatchObject({ user: 'ada@x.test', from: 'ada@x.test' });
  expect(mail!.to).toEqual(['one@x.test', 'two@x.test', 'three@x.test', 'four@x.test']);
  expect(mail!.source).toContain(`Message-ID: ${messageId}`);
  expect(mail!.source).toMatch(/^Subject: =\?UTF-8\?Q\?Gr=C3=BC/m);
  for (const part of ['Reply-To: desk@x.test', 'X-Run: r1', 'plain', '<b>rich</b>', 'report.csv', 'note.txt'])
    expect(mail!.source).toContain(part);
  expect(mail!.source).not.toContain('four@x.test');
});

test('the sender is the task’s, else the connection’s', async () => {
  await run({ to: 'a@x.test', subject: 's', text: 't' }, '&from=bot@x.test');
  await run({ to: 'a@x.test', from: 'me@x.test', subject: 's', text: 't' }, '&from=bot@x.test');
  expect(server.mails.map(({ from }) => from)).toEqual(['bot@x.test', 'me@x.test']);
});

test('a message without a recipient or a body, and a refused login, are clear errors without the password', async () => {
  await expect(run({ to: [], subject: 's', text: 't' })).rejects.toThrow('no recipient: give `to`, `cc` or `bcc`');
  server.refuseLogins = true;
  const refused = await run({ to: 'a@x.test', subject: 's', text: 't' }).catch((error: unknown) => String(error));
  expect(refused).toMatch(/could not be sent by 127\.0\.0\.1: .*Invalid login/);
  expect(refused).not.toContain('s3cret');
  const other = new EmailOperator('m', { dag: new DAG('d'), connection: 'c', to: 'a@x.test', subject: 's', text: 't' });
  await expect(other.execute(contextFor({ connections: { c: 'http://h' } }))).rejects.toThrow(
    'connection "c" has the type "http"; to send e-mail it has to be "smtp"',
  );
});

test('a try that has to stop gives up', async () => {
  await expect(run({ to: 'a@x.test', subject: 's', text: 't' }, '', AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
  expect(server.mails).toEqual([]);
});

test('an option that is wrong is an error of the DAG file', () => {
  const dag = new DAG('d');
  expect(() => new EmailOperator('a', { dag, to: 'x', text: 't' } as never)).toThrow(/task "a".* needs `subject`: a string/);
  expect(() => new EmailOperator('n', { dag, subject: 's', text: 't' })).toThrow(/task "n".* needs `to` or `cc` or `bcc`/);
  expect(() => new EmailOperator('o', { dag, to: 'x', subject: 's' })).toThrow(/task "o".* needs `text` or `html`/);
  expect(() => new EmailOperator('p', { dag, expand: { to: ['x', 'y'] }, subject: 's', text: 't' })).not.toThrow();
  expect(() => new EmailOperator('b', { dag, to: 5, subject: 's' } as never)).toThrow(/`to` of task "b".* is 5; allowed is an address/);
});
