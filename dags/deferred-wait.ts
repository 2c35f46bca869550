import { BaseOperator, DAG, Trigger, TriggerEvent, type TaskContext, type TriggerContext } from 'thence';

/**
 * Two ways to wait without holding a slot or a process. `pause` waits for a moment, which thence looks at itself; `countdown` waits with
 * a Trigger of this file, an async generator that runs in the triggerer beside thousands of others.
 */
const dag = new DAG('deferred_wait', {
  description: 'Tasks that hold nothing while they wait',
  tags: ['example'],
});

class Pause extends BaseOperator<string, { milliseconds: number }> {
  execute(context: TaskContext): never {
    const at = Date.now() + this.options.milliseconds;
    context.defer({ kind: 'time', args: { at } }, { resume: 'goOn' });
  }

  goOn(): string {
    return 'rested';
  }
}

class Countdown extends Trigger<{ from: number }> {
  static kind = 'countdown';

  async *run({ log, signal }: TriggerContext) {
    for (let n = this.args.from; n > 0 && !signal.aborted; n--) {
      log.info(n);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    yield new TriggerEvent({ counted: this.args.from });
  }
}

class Launch extends BaseOperator<{ counted: number }, { from: number }> {
  execute(context: TaskContext): never {
    context.defer(new Countdown({ from: this.options.from }), { resume: 'liftOff', timeout: { minutes: 1 } });
  }

  liftOff(context: TaskContext, event: { counted: number }) {
    context.log.info(`lift-off after ${event.counted}, in try ${context.tryNumber}`);
    return event;
  }
}

const pause = new Pause('pause', { dag, milliseconds: 200 });
const launch = new Launch('launch', { dag, from: 3 });
pause.then(launch);
