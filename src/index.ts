/** What DAG files import. Light: whatever is heavy is imported where it is used. */
import './text-modules';
export { BaseSensor, type PokeResult, type SensorOptions } from '../operators/base-sensor';
export { BashOperator, type BashOptions } from '../operators/bash-operator';
export { BranchOperator, type Follow } from '../operators/branch-operator';
export { DateTimeSensor, type DateTimeSensorOptions } from '../operators/date-time-sensor';
export type { EmailOptions } from '../operators/email-call';
export { EmailNotifier, type EmailNotifierOptions } from '../operators/email-notifier';
export { EmailOperator } from '../operators/email-operator';
export { EmptyOperator } from '../operators/empty-operator';
export { ExternalTaskSensor, type ExternalTaskSensorOptions } from '../operators/external-task-sensor';
export { FileSensor, type FileSensorOptions } from '../operators/file-sensor';
export { FunctionOperator } from '../operators/function-operator';
export { FunctionSensor } from '../operators/function-sensor';
export { HttpResponse, type HttpCallOptions } from '../operators/http-call';
export { HttpOperator, type HttpOptions } from '../operators/http-operator';
export { HttpSensor, type HttpSensorOptions } from '../operators/http-sensor';
export { LatestOnlyOperator } from '../operators/latest-only-operator';
export { ShortCircuitOperator, type ShortCircuitOptions } from '../operators/short-circuit-operator';
export { SqlOperator, type SqlOptions } from '../operators/sql-operator';
export { SqlSensor, type SqlSensorOptions } from '../operators/sql-sensor';
export { TimeDeltaSensor, type TimeDeltaSensorOptions } from '../operators/time-delta-sensor';
export { WebhookNotifier, type WebhookNotifierOptions } from '../operators/webhook-notifier';
export { TriggerDagRunOperator, type TriggerDagRunOptions, type TriggeredDagRun } from '../operators/trigger-dag-run-operator';
export { registerSqlDriver, sqlDriverOf, type SqlDriver, type SqlQueryOptions, type SqlResult } from './connections/sql-driver';
export type { DurationInput } from './core/duration';
export { ThenceError } from './core/errors';
export type { JsonObject, JsonValue } from './core/json';
export type { Listener, RunStateEvent, TaskStateEvent } from './core/listener';
export type { BuiltInWait, WaitArgs, WaitPayloads } from './core/waits';
export { BaseOperator, TaskOutput, type Task } from './dag/base-operator';
export type {
  CallbackContext,
  CallbackError,
  Connections,
  DagRunInfo,
  DeferOptions,
  TaskCallbackContext,
  TaskContext,
  TaskInstanceInfo,
  TaskLog,
  Variables,
  XCom,
  XComPullOptions,
} from './dag/context';
export type { BusinessPeriod, DstPolicy, TriggerRule, WeightRule } from './dag-spec/spec';
export { asTrigger, except, nthBusinessDay, union, workdays } from './dag/calendar';
export type { BusinessCalendar, CalendarOptions, NthBusinessDayOptions, Weekday, WorkdaysOptions } from './dag/calendar';
export { DAG } from './dag/dag';
export type { Jsonify } from './dag/jsonify';
export { chain, crossDownstream, TaskList, type EdgeOptions, type Wireable } from './dag/node';
export type { TeardownOptions } from './dag/setup-teardown';
export { Notifier } from './dag/notifier';
export { FailError, RescheduleError, SkipError } from './dag/task-errors';
export type { DeadlineOptions } from './dag/deadlines';
export { TaskGroup, type TaskGroupOptions } from './dag/task-group';
export { DeferralTimeout, Trigger, TriggerEvent, TriggerFailed, type TriggerContext } from './dag/trigger';
export { Timetable, type TimetableDate, type TimetableInterval, type TimetableRestriction, type TimetableRun } from './dag/timetable';
export {
  ContinuousTimetable,
  CronDataIntervalTimetable,
  CronTriggerTimetable,
  DeltaDataIntervalTimetable,
  EventsTimetable,
  MultipleCronTriggerTimetable,
  NullTimetable,
  OnceTimetable,
  type CronOptions,
  type EventsOptions,
  type TriggerOptions,
} from './dag/timetables';
export type {
  Callback,
  DagOptions,
  DataOptions,
  DateInput,
  Element,
  Inputs,
  JsonSchema,
  MappedDataOptions,
  OperatorOptions,
  ParamsSchema,
  Ref,
  RunCallbacks,
  Schedule,
  TaskCallbacks,
  TaskOptions,
  WeightInfo,
} from './dag/types';
export type { ConnectionInfo } from './execution-api/execution-api';
export type { Macros } from './templates/macros';
