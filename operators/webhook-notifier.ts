import { createHmac } from 'node:crypto';
import type { DurationInput } from '../src/core/duration';
import { ThenceError } from '../src/core/errors';
import type { CallbackContext } from '../src/dag/context';
import { Notifier } from '../src/dag/notifier';
import { checkOptions, positiveDuration, text } from '../src/dag/option-checks';
import { eventJson } from './describe-event';
import { refused, requestOf, send } from './http-call';
import { anything, filledText, plainObject } from './own-options';

export interface WebhookNotifierOptions {
  /** Id of a connection: the base of `url`, credentials and headers. Where the url is the secret, as Slack's are, keep it in a connection. */
  connection?: string;
  url?: string;
  headers?: Readonly<Record<string, string>>;
  /** Sent as { "text": … }, which Slack, Mattermost and others show. Without this and `json`: an object that tells the event. */
  text?: string;
  /** Sent in its place. */
  json?: unknown;
  /**
   * Signs the request: the header `x-thence-signature` is 'sha256=' and the hex HMAC of `<x-thence-timestamp>.<body>` under this. A template such
   * as '{{ conn.hook.password }}' or '{{ var.value.hook_secret }}'.
   */
  secret?: string;
  /** @default 10 s */
  timeout?: DurationInput;
}

const checks = {
  connection: filledText,
  url: text,
  headers: plainObject,
  text,
  json: anything,
  secret: filledText,
  timeout: positiveDuration,
};

/** POSTs JSON to a URL; an answer other than 200 to 299 is an error. */
export class WebhookNotifier extends Notifier<WebhookNotifierOptions> {
  static override readonly templateFields: readonly string[] = ['connection', 'url', 'headers', 'text', 'json', 'secret'];
  static override readonly optionNames: readonly string[] | undefined = Object.keys(checks);

  constructor(options: WebhookNotifierOptions) {
    super(options);
    checkOptions(this.options, () => 'a WebhookNotifier', checks, null);
    const { connection, url, text: message, json } = this.options;
    if (connection === undefined && url === undefined)
      throw new ThenceError('DAG_FILE', 'a WebhookNotifier needs a `url` or a `connection`');
    if (message !== undefined && json !== undefined)
      throw new ThenceError('DAG_FILE', 'a WebhookNotifier has both `text` and `json`: give one of them');
  }

  async notify(context: CallbackContext): Promise<void> {
    const { connection, url, headers, text: message, json, secret, timeout = { seconds: 10 } } = this.options;
    const body = message === undefined ? (json ?? eventJson(context)) : { text: message };
    const request = requestOf(
      { connection, url, headers, method: 'POST', json: body, timeout, followRedirects: false },
      'a WebhookNotifier',
    );
    const signed = secret === undefined ? request : { ...request, headers: { ...request.headers, ...signature(secret, request.body!) } };
    const response = await send(signed, context, true);
    if (!response.ok) throw refused(signed, response);
  }
}

/** With the time inside, so that a receiver can refuse what is old. */
function signature(secret: string, body: string): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const hmac = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
  return { 'x-thence-timestamp': timestamp, 'x-thence-signature': `sha256=${hmac}` };
}
