import type { CallbackContext } from '../src/dag/context';
import { checkOptions } from '../src/dag/option-checks';
import { Notifier } from '../src/dag/notifier';
import { headline, story } from './describe-event';
import { checkMail, EMAIL_CHECKS, EMAIL_TEMPLATES, RECIPIENTS, sendEmail, type EmailOptions } from './email-call';

/** Without `subject`, `text` and `html` the message says what happened, to which run, and why. */
export type EmailNotifierOptions = Omit<EmailOptions, 'subject'> & { subject?: string };

/** Sends an e-mail over a connection of type `smtp`. */
export class EmailNotifier extends Notifier<EmailNotifierOptions> {
  static override readonly templateFields: readonly string[] = EMAIL_TEMPLATES;
  static override readonly optionNames: readonly string[] | undefined = Object.keys(EMAIL_CHECKS);

  constructor(options: EmailNotifierOptions) {
    super(options);
    checkOptions(this.options, () => 'an EmailNotifier', EMAIL_CHECKS, null);
    checkMail('an EmailNotifier', (name) => this.options[name as keyof EmailNotifierOptions] !== undefined, [RECIPIENTS]);
  }

  async notify(context: CallbackContext): Promise<void> {
    const { text, html } = this.options;
    const body = text === undefined && html === undefined ? { text: story(context) } : {};
    await sendEmail({ subject: headline(context), ...this.options, ...body }, context);
  }
}
