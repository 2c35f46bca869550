/** Calls one callback of a task or DAG: a function, a Notifier, or any object with `notify`. */
import type { CallbackContext, TaskContext } from '../dag/context';
import { isNotifier, setRenderedNotifier, type Notifier } from '../dag/notifier';
import type { Callback } from '../dag/types';
import { renderTemplates } from '../templates/render';
import { fetchFromContext, templateScope, type Scope } from '../templates/scope';

/** @throws what the callback throws, and for a template of a Notifier that cannot be rendered */
export async function callCallback<Context extends CallbackContext>(callback: Callback<Context>, context: Context): Promise<void> {
  if (typeof callback === 'function') await callback(context);
  else if (isNotifier(callback)) await notifyBy(callback, context);
  else await callback.notify(context);
}

async function notifyBy(notifier: Notifier, context: CallbackContext): Promise<void> {
  const { templateFields } = notifier.constructor as typeof Notifier;
  const written = notifier['~written'] as Readonly<Record<string, unknown>>;
  const fields = Object.fromEntries(templateFields.filter((name) => written[name] !== undefined).map((name) => [name, written[name]]));
  setRenderedNotifier(notifier, await renderTemplates(fields, callbackScope(context), fetchFromContext(context as unknown as TaskContext)));
  try {
    await notifier.notify(context);
  } finally {
    setRenderedNotifier(notifier, {});
  }
}

/** The names of a task's templates as far as a callback has them, and its own. */
function callbackScope(context: CallbackContext): Scope {
  // A callback of a DAG has no task: its names are there, and empty.
  const whole = Object.create(context, { ti: { value: context.ti ?? {} }, task: { value: context.task ?? {} } }) as TaskContext;
  const scope = templateScope(whole);
  const { event, reason, exception, deadline } = context;
  return (ask) => Object.assign(scope(ask), { event, reason, exception, deadline });
}
