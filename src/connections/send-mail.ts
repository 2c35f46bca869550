/** One e-mail over a connection of type `smtp`: what EmailOperator and EmailNotifier send. nodemailer is loaded when there is one to send. */
import type { SendMailOptions } from 'nodemailer';
import type { Options as SmtpOptions } from 'nodemailer/lib/smtp-transport';
import { ThenceError } from '../core/errors';
import type { ConnectionInfo } from '../execution-api/execution-api';

export interface Mail {
  /** null: what the connection says (`extra.from`), or its login. */
  readonly from: string | null;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly replyTo: readonly string[];
  readonly subject: string;
  readonly text: string | null;
  readonly html: string | null;
  readonly headers: { readonly [name: string]: string };
  readonly attachments: readonly MailAttachment[];
}

/** A file, or content given here. */
export type MailAttachment =
  | { readonly path: string; readonly filename?: string; readonly contentType?: string; readonly cid?: string }
  | { readonly content: string | Buffer; readonly filename: string; readonly contentType?: string; readonly cid?: string };

export interface SentMail {
  readonly messageId: string;
  readonly accepted: readonly string[];
  readonly rejected: readonly string[];
}

const TIMEOUT_MS = 30_000;

/** @throws when the server cannot be reached, refuses the login, the message or every recipient; or `signal` is aborted */
export async function sendMail(connection: ConnectionInfo, mail: Mail, signal?: AbortSignal): Promise<SentMail> {
  signal?.throwIfAborted();
  const options = smtpOptions(connection);
  const message = messageOf(connection, mail);
  const { default: nodemailer } = await import('nodemailer');
  const transport = nodemailer.createTransport(options);
  let stop = (): void => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => {
      transport.close();
      reject(signal!.reason as Error);
    };
  });
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const info = await Promise.race([transport.sendMail(message), stopped]);
    return { messageId: info.messageId, accepted: info.accepted.map(addressOf), rejected: info.rejected.map(addressOf) };
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`the e-mail could not be sent by ${connection.host}: ${(error as Error).message}`, { cause: error });
  } finally {
    signal?.removeEventListener('abort', stop);
    transport.close();
  }
}

function messageOf({ id, extra, login }: ConnectionInfo, mail: Mail): SendMailOptions {
  const from = mail.from ?? text(extra['from']) ?? text(extra['from_email']) ?? (login?.includes('@') ? login : null);
  if (from === null)
    throw new ThenceError(
      'INVALID_VALUE',
      `the e-mail has no sender: give \`from\`, or set \`from\` in the extra fields of connection "${id}"`,
    );
  if (mail.to.length + mail.cc.length + mail.bcc.length === 0)
    throw new ThenceError('INVALID_VALUE', 'the e-mail has no recipient: give `to`, `cc` or `bcc`');
  return {
    from,
    to: [...mail.to],
    cc: [...mail.cc],
    bcc: [...mail.bcc],
    replyTo: [...mail.replyTo],
    subject: mail.subject,
    ...(mail.text !== null && { text: mail.text }),
    ...(mail.html !== null && { html: mail.html }),
    headers: { ...mail.headers },
    attachments: mail.attachments.map((attachment) => ({ ...attachment })),
    // A path is a file, never something to be fetched.
    disableUrlAccess: true,
  };
}

/**
 * Of `extra`: secure (TLS from the start; by default on port 465), disable_tls (never STARTTLS), require_tls (nothing without it), verify
 * (false: any certificate), timeout (seconds).
 */
function smtpOptions({ id, type, host, port, login, password, extra }: ConnectionInfo): SmtpOptions {
  if (!['smtp', 'smtps', 'email'].includes(type))
    throw new ThenceError('INVALID_VALUE', `connection "${id}" has the type "${type}"; to send e-mail it has to be "smtp"`);
  if (host === null) throw new ThenceError('INVALID_VALUE', `connection "${id}" names no host`);
  const secure = flag(extra['secure']) ?? (type === 'smtps' || port === 465);
  const timeoutMs = Number(extra['timeout']) > 0 ? Number(extra['timeout']) * 1000 : TIMEOUT_MS;
  return {
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: port ?? (secure ? 465 : 587),
    secure,
    ignoreTLS: flag(extra['disable_tls']) ?? false,
    requireTLS: flag(extra['require_tls']) ?? false,
    tls: { rejectUnauthorized: flag(extra['verify']) ?? true },
    ...(login !== null && { auth: { user: login, pass: password ?? '' } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  };
}

/** A URI's extra fields are text. */
const flag = (value: unknown): boolean | null =>
  value === true || value === 'true' || value === '1' ? true : value === false || value === 'false' || value === '0' ? false : null;
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const addressOf = (address: string | { address: string }): string => (typeof address === 'string' ? address : address.address);
