import { ThenceError } from '../src/core/errors';
import type { BuiltInWait, HttpRequest } from '../src/core/waits';
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

/** Waits for an answer, also through the time in which there is none. Output: what `responseCheck` gives as `value`. */
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
    const response = await this.answer(request, context);
    if (response === null) return false;
    if (this.notYet().includes(response.status)) return false;
    if (!response.ok) throw refused(request, response);
    return this.options.responseCheck?.(response, context) ?? true;
  }

  override waitFor(): BuiltInWait {
    return { kind: 'http', args: { request: this.request(), notYet: this.notYet() } };
  }

  /** null: there is none, which is waited for too, in every mode. */
  private async answer(request: HttpRequest, context: TaskContext): Promise<HttpResponse | null> {
    try {
      return await send(request, context);
    } catch (error) {
      if (error instanceof ThenceError || context.signal.aborted) throw error;
      context.log.warn((error as Error).message);
      return null;
    }
  }

  private request(): HttpRequest {
    return requestOf(this.options, `task "${this.id}"`);
  }

  private notYet(): readonly number[] {
    return this.options.waitStatuses ?? [404];
  }
}
