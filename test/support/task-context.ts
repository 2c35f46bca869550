/** A TaskContext over plain values, for tests of operators and templates without a runner. */
import { DateTime } from 'luxon';
import type { JsonObject } from '../../src/core/json';
import type { DeferOptions, EngineAccess, OperatorHost, TaskContext } from '../../src/dag/context';
import { parseConnection } from '../../src/secrets/parse-connection';
import { macros } from '../../src/templates/macros';

export interface ContextValues {
  readonly logicalDate?: string | null;
  /** Default: a day after the logical date. */
  readonly dataIntervalEnd?: string | undefined;
  readonly params?: Record<string, unknown>;
  readonly conf?: JsonObject;
  readonly inputs?: Record<string, unknown>;
  /** By 'task id/key'. */
  readonly xcoms?: Readonly<Record<string, unknown>>;
  readonly variables?: Readonly<Record<string, string>>;
  /** Of the connection `examples`. */
  readonly examplesUri?: string;
  readonly signal?: AbortSignal;
  readonly tryNumber?: number;
  readonly log?: (level: string, values: readonly unknown[]) => void;
  readonly host?: OperatorHost;
  readonly dag?: TaskContext['dag'];
  readonly runType?: TaskContext['runType'];
  /** As `THENCE_CONN_<ID>` would have them, by id. */
  readonly connections?: Readonly<Record<string, string>>;
  /** When the try began. Default: now. */
  readonly startDate?: number;
  readonly engine?: Partial<EngineAccess>;
  /** What `xcom.push` of the task itself stored, by key. */
  readonly pushed?: Record<string, unknown>;
}

/** What `context.defer` throws here: what the operator under test wants to wait for. */
export class Deferred extends Error {
  constructor(
    readonly trigger: Parameters<TaskContext['defer']>[0],
    readonly options: DeferOptions,
  ) {
    super('deferred');
  }
}

export function contextFor(values: ContextValues): TaskContext {
  const date =
    values.logicalDate === null ? null : (DateTime.fromISO(values.logicalDate ?? '2026-01-31', { zone: 'utc' }) as DateTime<true>);
  const dated = (): DateTime<true> => {
    if (!date) throw new Error('this run has no logical date');
    return date;
  };
  const intervalEnd = () =>
    values.dataIntervalEnd === undefined
      ? dated().plus({ days: 1 })
      : (DateTime.fromISO(values.dataIntervalEnd, { zone: 'utc' }) as DateTime<true>);
  const conf = values.conf ?? {};
  const tryNumber = values.tryNumber ?? 2;
  const level =
    (name: string) =>
    (...given: unknown[]) =>
      values.log?.(name, given);
  const now = DateTime.utc();
  return {
    dag: values.dag ?? ({ id: 'etl', options: {} } as TaskContext['dag']),
    task: { id: 'load' } as TaskContext['task'],
    ti: {
      dagId: 'etl',
      taskId: 'load',
      runId: 'run-1',
      mapIndex: -1,
      tryNumber,
      maxTries: 3,
      startDate: DateTime.fromMillis(values.startDate ?? Date.now(), { zone: 'utc' }) as DateTime<true>,
    },
    dagRun: {
      dagId: 'etl',
      runId: 'run-1',
      runType: values.runType ?? 'manual',
      logicalDate: date,
      dataIntervalStart: date,
      get dataIntervalEnd() {
        return date && intervalEnd();
      },
      runAfter: now,
      startDate: now,
      conf,
    },
    runId: 'run-1',
    runType: values.runType ?? 'manual',
    get logicalDate() {
      return dated();
    },
    get dataIntervalStart() {
      return dated();
    },
    get dataIntervalEnd() {
      return intervalEnd();
    },
    get ds() {
      return dated().toISODate();
    },
    get dsNodash() {
      return dated().toFormat('yyyyMMdd');
    },
    get ts() {
      return dated().toFormat("yyyy-MM-dd'T'HH:mm:ssZZ");
    },
    get tsNodash() {
      return dated().toFormat("yyyyMMdd'T'HHmmss");
    },
    prevDataIntervalStartSuccess: Promise.resolve(null),
    prevDataIntervalEndSuccess: Promise.resolve(null),
    prevStartDateSuccess: Promise.resolve(null),
    prevEndDateSuccess: Promise.resolve(null),
    params: values.params ?? {},
    conf,
    inputs: values.inputs ?? {},
    inlets: [],
    outlets: [],
    tryNumber,
    mapIndex: -1,
    expandedTiCount: null,
    taskRescheduleCount: 0,
    attemptId: '00000000-0000-4000-8000-000000000000',
    log: { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') },
    signal: values.signal ?? new AbortController().signal,
    xcom: {
      push: (key, value) => {
        if (values.pushed) values.pushed[key] = value;
        return Promise.resolve();
      },
      pull: (taskIds, { key = 'return_value' } = {}) => {
        const one = (id: string): unknown => (id === 'load' ? values.pushed?.[key] : undefined) ?? values.xcoms?.[`${id}/${key}`];
        return Promise.resolve(Array.isArray(taskIds) ? taskIds.map(one) : one((taskIds as string | null) ?? 'load'));
      },
    },
    variables: {
      get: (key: string, ...fallback: unknown[]) => {
        const value = values.variables?.[key];
        if (value === undefined && fallback.length === 0) return Promise.reject(new Error(`there is no variable "${key}"`));
        return Promise.resolve((value ?? fallback[0]) as string);
      },
    },
    connections: {
      get: (id) =>
        values.connections?.[id] !== undefined
          ? Promise.resolve(parseConnection(id, values.connections[id], 'a test'))
          : id === 'examples'
            ? Promise.resolve({
                id,
                type: 'postgres',
                host: 'localhost',
                port: null,
                login: null,
                password: null,
                schema: 'db',
                extra: {},
                uri: values.examplesUri ?? 'postgres://localhost/db',
              })
            : Promise.reject(new Error(`there is no connection "${id}"`)),
    },
    macros,
    defer: (trigger, options) => {
      throw new Deferred(trigger, options);
    },
    ...(values.engine && { '~engine': { piece: 0, ...values.engine } as EngineAccess }),
    ...(values.host && { '~host': values.host }),
  };
}
