import { createHmac } from 'node:crypto';
import { EmailNotifier, Notifier, WebhookNotifier } from 'thence';
import type { CallbackContext } from '../../src/dag/context';
import { callCallback } from '../../src/runner/call-callback';
import { useHttpServer } from '../support/http-server';
import { useSmtpServer } from '../support/smtp-server';
import { contextFor } from '../support/task-context';

const http = useHttpServer();
const smtp = useSmtpServer();
const lines: string[] = [];
beforeEach(() => void (lines.length = 0));

function callback(
  values: { event?: CallbackContext['event']; ofDag?: boolean; connections?: Record<string, string> } = {},
): CallbackContext {
  const { event = 'failure', ofDag = false, connections = {} } = values;
  const context = contextFor({
    connections: { smtp_default: `smtp://127.0.0.1:${smtp.port}?from=bot@x.test&disable_tls=true`, ...connections },
    variables: { hook: 'abc' },
    xcoms: { 'a/return_value': 'of a' },
    log: (level, given) => lines.push(`${level}: ${given.join(' ')}`),
  });
  const more = { event, reason: 'executed', exception: { name: 'Error', message: 'no such table' } };
  return Object.assign(Object.create(context) as CallbackContext, more, ofDag ? { task: null, ti: null } : {});
}

describe('a Notifier', () => {
  class Say extends Notifier<{ text: string; to?: string }> {
    static override readonly templateFields = ['text'];
    static override readonly optionNames = ['text', 'to'];
    readonly said: string[] = [];
    notify() {
      this.said.push(this.options.text);
    }
  }

  it('finds its templates rendered over the callback, anew for each', async () => {
    const say = new Say({
      text: '{{ event }} {{ ti.task_id }} {{ dag.id }} {{ ds }}: {{ exception.message }} ({{ reason }}) {{ var.value.hook }}',
    });
    await callCallback(say, callback());
    await callCallback(say, callback({ event: 'retry' }));
    expect(say.said).toEqual([
      'failure load etl 2026-01-31: no such table (executed) abc',
      'retry load etl 2026-01-31: no such table (executed) abc',
    ]);
    expect(say.options.text).toContain('{{ event }}');
    const ofDag = new Say({ text: '{{ dag.id }} {{ run_id }}' });
    await callCallback(ofDag, callback({ ofDag: true }));
    expect(ofDag.said).toEqual(['etl run-1']);
    const withOutput = new Say({ text: "{{ ti.xcom_pull('a') }}" });
    await callCallback(withOutput, callback());
    expect(withOutput.said).toEqual(['of a']);
  });

  it('refuses an option that it does not have', () => {
    expect(() => new Say({ text: 'x', tot: 1 } as never)).toThrow('unknown option `tot` of a Say; did you mean "to"?');
    expect(() => new EmailNotifier({})).toThrow('an EmailNotifier needs `to` or `cc` or `bcc`');
    expect(() => new EmailNotifier({ to: 5 } as never)).toThrow('`to` of an EmailNotifier is 5; allowed is an address, or a list of them');
  });

  it('is one of three kinds of callbacks', async () => {
    const called: unknown[] = [];
    await callCallback(async ({ event }: CallbackContext) => void called.push(event), callback());
    await callCallback({ notify: ({ reason }: CallbackContext) => void called.push(reason) }, callback());
    expect(called).toEqual(['failure', 'executed']);
  });
});

test('an EmailNotifier says what happened, to which run, and why; or what it is told to', async () => {
  await callCallback(new EmailNotifier({ to: 'ops@x.test' }), callback());
  await callCallback(new EmailNotifier({ to: '{{ dag.id }}@x.test', subject: '{{ event }}!', html: '<b>{{ run_id }}</b>' }), callback());
  const [plain, rich] = smtp.mails;
  expect(plain!.source).toContain('Subject: Task load of DAG etl failed');
  expect(plain!.source).toMatch(/Run: run-1[^]*Try: 2 of 3[^]*Error: no such table/);
  expect(rich).toMatchObject({ to: ['etl@x.test'] });
  expect(rich!.source).toMatch(/Subject: failure![^]*<b>run-1<\/b>/);
});

describe('a WebhookNotifier', () => {
  it('tells the event as JSON, or a text as Slack takes it', async () => {
    await callCallback(new WebhookNotifier({ url: `${http.url}/hook` }), callback());
    await callCallback(new WebhookNotifier({ url: http.url, text: ':fire: {{ ti.task_id }}' }), callback());
    await callCallback(new WebhookNotifier({ url: http.url }), callback({ ofDag: true, event: 'success' }));
    const bodies = http.asked.map(({ body }) => JSON.parse(body) as object);
    expect(http.asked[0]).toMatchObject({ method: 'POST', url: '/hook', headers: { 'content-type': 'application/json' } });
    expect(bodies[0]).toMatchObject({
      event: 'failure',
      dag_id: 'etl',
      dag_run_id: 'run-1',
      task_id: 'load',
      try_number: 2,
      error: { name: 'Error', message: 'no such table' },
      text: 'Task load of DAG etl failed',
    });
    expect(bodies[1]).toEqual({ text: ':fire: load' });
    expect(bodies[2]).toMatchObject({ event: 'success', task_id: null, text: 'DAG etl succeeded' });
  });

  it('signs body and time', async () => {
    await callCallback(new WebhookNotifier({ url: http.url, json: { a: '{{ ds }}' }, secret: '{{ var.value.hook }}' }), callback());
    const [signed] = http.asked;
    expect(signed!.body).toBe('{"a":"2026-01-31"}');
    const wanted = createHmac('sha256', 'abc')
      .update(`${String(signed!.headers['x-thence-timestamp'])}.${signed!.body}`)
      .digest('hex');
    expect(signed!.headers['x-thence-signature']).toBe(`sha256=${wanted}`);
  });

  it('fails when it is refused, and never shows its path', async () => {
    http.answer = () => ({ status: 403, body: 'no' });
    const connections = { slack: `http://127.0.0.1:${http.port}/services/s3cret` };
    await expect(callCallback(new WebhookNotifier({ connection: 'slack' }), callback({ connections }))).rejects.toThrow(
      'POST was answered with status 403: no',
    );
    expect(http.asked[0]!.url).toBe('/services/s3cret');
    expect(lines).toEqual([`info: POST http://127.0.0.1:${http.port}/… answered 403 with 2 characters`]);
    const away = callCallback(new WebhookNotifier({ url: 'http://127.0.0.1:65533/s3cret' }), callback());
    await expect(away).rejects.toThrow(/^POST http:\/\/127\.0\.0\.1:65533\/… failed: .*ECONNREFUSED/);
    await expect(away).rejects.not.toThrow('s3cret');
  });
});
