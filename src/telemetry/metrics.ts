/**
 * Figures of one process, under Airflow's names with the prefix `thence_` (dots become underscores). A process keeps them in memory and
 * stores them with each renewal of its session; /metrics adds up those of all living processes (collect-metrics.ts).
 *
 * Labels stop at the DAG: per task they would be larger than everything else that a session stores.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { JsonObject, JsonValue } from '../core/json';

export interface ProcessMetrics {
  readonly registry: Registry;
  /** For the details of the session. */
  toDetails(): Promise<JsonObject>;
}

const SHORT_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const LONG_SECONDS = [0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200, 86_400];

export function createSchedulerMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name: `thence_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name: `thence_${name}`, help, labelNames, registers });
  const seconds = (name: string, help: string, buckets = LONG_SECONDS) =>
    new Histogram({ name: `thence_${name}`, help: `${help} (seconds)`, labelNames: ['dag_id'] as const, buckets, registers });

  return {
    ...asProcessMetrics(registry),
    heartbeat: counter('scheduler_heartbeat', 'Renewals of scheduler sessions'),
    loopDuration: new Histogram({
      name: 'thence_scheduler_scheduler_loop_duration',
      help: 'One hop: outcomes recorded, successors decided, tasks claimed, committed (seconds)',
      buckets: SHORT_SECONDS,
      registers,
    }),
    orphansCleared: counter('scheduler_orphaned_tasks_cleared', 'Tries of processes that were gone, started again'),
    executorOpen: gauge('executor_open_slots', 'Tries that could begin at once', ['executor']),
    executorQueued: gauge('executor_queued_tasks', 'Tries handed to the executor whose code has not begun', ['executor']),
    executorRunning: gauge('executor_running_tasks', 'Tries whose code runs', ['executor']),
    tiStart: counter('ti_start', 'Tries begun', ['dag_id']),
    tiFinish: counter('ti_finish', 'Task instances ended, by state', ['dag_id', 'state']),
    tiSuccesses: counter('ti_successes', 'Task instances that succeeded'),
    tiFailures: counter('ti_failures', 'Task instances that failed'),
    taskDuration: seconds('task_duration', 'From the claim of a task instance to its end'),
    dagrunSuccess: seconds('dagrun_duration_success', 'From the start of a successful run to its end'),
    dagrunFailed: seconds('dagrun_duration_failed', 'From the start of a failed run to its end'),
    scheduleDelay: seconds('dagrun_schedule_delay', 'From the time for which a scheduled run was due to its start'),
    firstTaskDelay: seconds(
      'dagrun_first_task_scheduling_delay',
      'From the time for which a scheduled run was due to the start of its first task',
    ),
  };
}

export function createTriggererMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    ...asProcessMetrics(registry),
    heartbeat: new Counter({ name: 'thence_triggerer_heartbeat', help: 'Renewals of triggerer sessions', registers }),
    running: new Gauge({ name: 'thence_triggers_running', help: "Users' triggers that run", registers }),
    capacityLeft: new Gauge({ name: 'thence_triggerer_capacity_left', help: "Users' triggers that could run besides", registers }),
    ended: new Counter({ name: 'thence_waits_ended', help: 'Waits that came to their end, of all kinds', registers }),
  };
}

function asProcessMetrics(registry: Registry): ProcessMetrics {
  return {
    registry,
    toDetails: async () => ({ metrics: (await registry.getMetricsAsJSON()) as unknown as JsonValue }),
  };
}
