import { BaseOperator } from '../src/dag/base-operator';
import type { TaskContext } from '../src/dag/context';
import { func, listOf } from '../src/dag/option-checks';
import type { OperatorOptions } from '../src/dag/types';
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

export interface HttpOptions extends HttpCallOptions {
  /** Statuses that are fine besides 200 to 299. Any other fails the task. */
  allowStatuses?: readonly number[];
  /** Asked about an answer of a good status; false fails the task, as does what it throws. */
  responseCheck?: (response: HttpResponse, context: TaskContext) => boolean | Promise<boolean>;
  /** Makes the output of the task. @default the body: parsed where it is JSON by its content type, else as text */
  responseFilter?: (response: HttpResponse, context: TaskContext) => unknown;
}

const checks = { ...HTTP_CALL_CHECKS, allowStatuses: listOf(statusCode), responseCheck: func, responseFilter: func };

/**
 * Sends one HTTP request and fails on a status other than 200 to 299. Trying again is up to the task's `retries`.
 *
 * @example
 * new HttpOperator('rates', { dag, connection: 'bank', url: 'rates/{{ ds }}', retries: 3, responseFilter: (r) => r.json().chf })
 */
export class HttpOperator<Mapped extends string = never> extends BaseOperator<unknown, HttpOptions, Mapped> {
  static override readonly templateFields: readonly string[] = HTTP_CALL_TEMPLATES;
  static override readonly optionNames: readonly string[] | undefined = Object.keys(checks);

  constructor(id: string, options: OperatorOptions<HttpOptions, Mapped>) {
    super(id, options);
    checkOwnOptions(this, checks);
    const isMapped = ['url', 'connection', 'body', 'json', 'form'].some((name) => this['~isExpanded'](name));
    if (!isMapped) requestOf(this.options, `task "${this.id}"`);
  }

  async execute(context: TaskContext): Promise<unknown> {
    const { allowStatuses = [], responseCheck, responseFilter } = this.options;
    const request = requestOf(this.options, `task "${this.id}"`);
    const response = await send(request, context);
    if (!response.ok && !allowStatuses.includes(response.status)) throw refused(request, response);
    if (responseCheck && !(await responseCheck(response, context)))
      throw new Error(`responseCheck said no to the answer with status ${response.status}`);
    if (responseFilter) return responseFilter(response, context);
    return response.isJson && response.text !== '' ? response.json() : response.text;
  }
}
