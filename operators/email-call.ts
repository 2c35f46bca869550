/** The part that EmailOperator and EmailNotifier share. */
import { sendMail, type Mail, type MailAttachment, type SentMail } from '../src/connections/send-mail';
import { ThenceError } from '../src/core/errors';
import type { TaskContext } from '../src/dag/context';
import { listOf, text, type Check, type Checks } from '../src/dag/option-checks';
import { anyOf, filledText, plainObject } from './own-options';

export interface EmailOptions {
  /** Id of a connection of type `smtp`. @default 'smtp_default' */
  connection?: string;
  /** Addresses: a list, or one text with commas between them. Give at least one of `to`, `cc` and `bcc`. */
  to?: string | readonly string[];
  cc?: string | readonly string[];
  bcc?: string | readonly string[];
  replyTo?: string | readonly string[];
  /** @default what the connection says */
  from?: string;
  subject: string;
  /** Give `text`, `html` or both. */
  text?: string;
  html?: string;
  /** Files by `path` (relative: from the working directory), or `content` with a `filename`. */
  attachments?: readonly MailAttachment[];
  headers?: Readonly<Record<string, string>>;
}

const addresses = anyOf('an address, or a list of them', filledText, listOf(filledText));
const attachment: Check = (value) => {
  const { path, content, filename } = (value ?? {}) as Record<string, unknown>;
  const good = typeof path === 'string' || ((typeof content === 'string' || Buffer.isBuffer(content)) && typeof filename === 'string');
  return good ? null : '{ path } or { content, filename }';
};
export const EMAIL_CHECKS: Checks = {
  connection: filledText,
  to: addresses,
  cc: addresses,
  bcc: addresses,
  replyTo: addresses,
  from: filledText,
  subject: text,
  text,
  html: text,
  attachments: listOf(attachment),
  headers: plainObject,
} satisfies Record<keyof EmailOptions, unknown>;
export const EMAIL_TEMPLATES = ['connection', 'to', 'cc', 'bcc', 'replyTo', 'from', 'subject', 'text', 'html', 'attachments', 'headers'];

/** What one of these lists has to name, where `isGiven` knows none of it: an e-mail to nobody, or without a body, would fail only when it is sent. */
export function checkMail(owner: string, isGiven: (option: string) => boolean, needed: readonly (readonly string[])[]): void {
  for (const names of needed) {
    if (names.some(isGiven)) continue;
    throw new ThenceError('DAG_FILE', `${owner} needs ${names.map((name) => `\`${name}\``).join(' or ')}`);
  }
}
export const RECIPIENTS = ['to', 'cc', 'bcc'];
export const BODIES = ['text', 'html'];

/** @throws INVALID_VALUE without a recipient or without a body */
export async function sendEmail(options: EmailOptions, context: Pick<TaskContext, 'connections' | 'log' | 'signal'>): Promise<SentMail> {
  const {
    connection: id = 'smtp_default',
    from = null,
    subject,
    text: plain = null,
    html = null,
    attachments = [],
    headers = {},
  } = options;
  if (plain === null && html === null) throw new ThenceError('INVALID_VALUE', 'the e-mail has no body: give `text`, `html` or both');
  const mail: Mail = {
    from,
    to: listed(options.to),
    cc: listed(options.cc),
    bcc: listed(options.bcc),
    replyTo: listed(options.replyTo),
    subject,
    text: plain,
    html,
    headers,
    attachments,
  };
  const sent = await sendMail(await context.connections.get(id), mail, context.signal);
  context.log.info(`Sent "${subject}" to ${sent.accepted.length} of ${sent.accepted.length + sent.rejected.length} addresses`);
  if (sent.rejected.length > 0) context.log.warn(`The server refused: ${sent.rejected.join(', ')}`);
  return sent;
}

const listed = (addresses: string | readonly string[] | undefined): string[] =>
  (typeof addresses === 'string' ? addresses.split(/[,;]/) : [...(addresses ?? [])]).map((one) => one.trim()).filter((one) => one !== '');
