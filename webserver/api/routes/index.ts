import type { Route } from '../route';
import { backfillRoutes } from './backfills';
import { bulkTaskInstanceRoutes } from './bulk-task-instances';
import { clearTaskInstanceRoutes } from './clear-task-instances';
import { configRoutes } from './config';
import { connectionRoutes } from './connections';
import { dagRunRoutes } from './dag-runs';
import { dagSourceRoutes } from './dag-sources';
import { dagStatsRoutes } from './dag-stats';
import { dagRoutes } from './dags';
import { dependencyRoutes } from './dependencies';
import { eventLogRoutes } from './event-logs';
import { importErrorRoutes } from './import-errors';
import { jobRoutes } from './jobs';
import { logRoutes } from './logs';
import { monitorRoutes } from './monitor';
import { patchTaskInstanceRoutes } from './patch-task-instances';
import { poolRoutes } from './pools';
import { taskInstanceRoutes } from './task-instances';
import { taskRoutes } from './tasks';
import { tokenRoutes } from './token';
import { variableRoutes } from './variables';
import { xcomRoutes } from './xcoms';

export const routes: readonly Route[] = [
  ...tokenRoutes,
  ...monitorRoutes,
  ...dagRoutes,
  ...taskRoutes,
  ...dagRunRoutes,
  ...taskInstanceRoutes,
  ...dependencyRoutes,
  ...clearTaskInstanceRoutes,
  ...patchTaskInstanceRoutes,
  ...bulkTaskInstanceRoutes,
  ...logRoutes,
  ...xcomRoutes,
  ...backfillRoutes,
  ...importErrorRoutes,
  ...dagSourceRoutes,
  ...dagStatsRoutes,
  ...poolRoutes,
  ...variableRoutes,
  ...connectionRoutes,
  ...eventLogRoutes,
  ...jobRoutes,
  ...configRoutes,
];
