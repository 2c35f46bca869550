import type { BuiltInWait } from '../src/core/waits';
import type { TaskContext } from '../src/dag/context';
import { func, listOf } from '../src/dag/option-checks';
import type { OperatorOptions } from '../src/dag/types';
import { BaseSensor, type PokeResult, type SensorOptions } from './base-sensor';
import {
  HTTP_CALL_CHECKS,
  HTTP_CALL_TEMPLATES,
  refused,
  requestOf,
  send,
  statusCode,
  type HttpCallOptions,
  type HttpResponse,
} from './http-call';
import { checkOwnOptions } from './own-options';

export interface HttpSensorOptions extends HttpCallOptions {
  /** Statuses that mean "not yet". Any other outside of 200 to 299 fails the task. @default [404] */
  waitStatuses?: readonly number[];
  /** Asked about an answer of 200 to 299: whether it is what is waited for. @default it is */
  responseCheck?: (response: HttpResponse, context: TaskContext) => PokeResult | Promise<PokeResult>;
}

const checks = { ...HTTP_CALL_CHECKS, waitStatuses: listOf(statusCode), responseCheck: func };

/** Waits for an answer. Output: what `responseCheck` gives as `value`. A server that cannot be reached fails the try. */
export class HttpSensor<Mapped extends string = never> extends BaseSensor<unknown, HttpSensorOptions, Mapped> {
  static override readonly templateFields: readonly string[] = HTTP_CALL_TEMPLATES;
  static override readonly optionNames: readonly string[] | undefined = Object.keys(checks);

  constructor(id: string, options: OperatorOptions<HttpSensorOptions & SensorOptions, Mapped>) {
    super(id, options);
    checkOwnOptions(this, checks);
    if (!['url', 'connection', 'body', 'json', 'form'].some((name) => this['~isExpanded'](name))) this.request();
  }

  async poke(context: TaskContext): Promise<PokeResult> {
    const request = this.request();
    const response = await send(request, context);
    if (this.notYet().includes(response.status)) return false;
    if (!response.ok) throw refused(request, response);
    return this.options.responseCheck?.(response, context) ?? true;
  }

  override waitFor(): BuiltInWait {
    return { kind: 'http', args: { request: this.request(), notYet: this.notYet() } };
  }

  private request() {
    return requestOf(this.options, `task "${this.id}"`);
  }

  private notYet(): readonly number[] {
    return this.options.waitStatuses ?? [404];
  }
}
