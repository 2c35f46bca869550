/** Callbacks with options of their own, made once and given to many tasks and DAGs: `onFailure: new EmailNotifier({ to: 'ops@example.org' })`. */
import { ThenceError } from '../core/errors';
import { BRAND, isBranded, type Brand } from './brand';
import type { CallbackContext } from './context';
import { checkOptions, given, show } from './option-checks';

/**
 * Subclass it without a constructor, and read the options from `this.options` in `notify`, where their templates are rendered over the
 * callback's context: `{{ dag.id }}`, `{{ event }}`, `{{ reason }}`, `{{ exception.message }}`, and of a task's callback `{{ ti.task_id }}`.
 *
 * @example
 * class Page extends Notifier<{ team: string }> {
 *   static override readonly templateFields = ['team'];
 *   static override readonly optionNames = ['team'];
 *   async notify({ dagRun, log }: CallbackContext) { await page(this.options.team, dagRun.runId); }
 * }
 */
export abstract class Notifier<out Options extends object = object> {
  /** Options whose strings are templates (in lists and objects too). */
  static readonly templateFields: readonly string[] = [];
  /** Any other name is then an error. undefined: not checked. */
  static readonly optionNames: readonly string[] | undefined = undefined;

  get [BRAND](): Brand {
    return 'notifier';
  }
  /** Frozen. While it notifies: with its templates rendered. */
  readonly options: Readonly<Options>;
  readonly '~written': Readonly<Options>;

  constructor(...[options]: Record<string, never> extends Options ? [options?: Options] : [options: Options]) {
    const owner = () => `a ${new.target.name}`;
    if (options !== undefined && (typeof options !== 'object' || options === null))
      throw new ThenceError('DAG_FILE', `${owner()} takes its options as one object; it was given ${show(options)}`);
    const written = given(options ?? ({} as Options));
    checkOptions(written, owner, {}, new.target.optionNames ?? null);
    this['~written'] = Object.freeze(written);
    this.options = this['~written'];
  }

  /** Tells somebody. What it throws is written to the callback's log. */
  abstract notify(context: CallbackContext): unknown;
}

export function isNotifier(value: unknown): value is Notifier {
  return isBranded(value, 'notifier');
}

/** On the notifier itself, for the sake of `#private` fields; a host runs one callback at a time. */
export function setRenderedNotifier(notifier: Notifier, rendered: object): void {
  (notifier as { options: object }).options = Object.freeze({ ...notifier['~written'], ...rendered });
}
