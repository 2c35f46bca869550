import { BaseOperator } from '../src/dag/base-operator';
import type { TaskContext } from '../src/dag/context';
import { madeAt } from '../src/dag/location';
import type { OperatorOptions } from '../src/dag/types';
import { BODIES, checkMail, EMAIL_CHECKS, EMAIL_TEMPLATES, RECIPIENTS, sendEmail, type EmailOptions } from './email-call';
import { checkOwnOptions } from './own-options';

/** Sends one e-mail. Output: its message id. */
export class EmailOperator<Mapped extends string = never> extends BaseOperator<{ messageId: string }, EmailOptions, Mapped> {
  static override readonly templateFields: readonly string[] = EMAIL_TEMPLATES;
  static override readonly templateExt: readonly string[] = ['.html'];
  static override readonly optionNames: readonly string[] | undefined = Object.keys(EMAIL_CHECKS);

  constructor(id: string, options: OperatorOptions<EmailOptions, Mapped>) {
    super(id, options);
    checkOwnOptions(this, EMAIL_CHECKS, ['subject']);
    const isGiven = (name: string) => this['~isExpanded'](name) || this.options[name as keyof EmailOptions] !== undefined;
    checkMail(`task "${this.id}"${madeAt(this)}`, isGiven, [RECIPIENTS, BODIES]);
  }

  async execute(context: TaskContext): Promise<{ messageId: string }> {
    const { messageId } = await sendEmail(this.options, context);
    return { messageId };
  }
}
