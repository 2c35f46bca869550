import type { Route } from '../route';
import { backfillRoutes } from './backfills';
import { bulkTaskInstanceRoutes } from './bulk-task-instances';
import { clearTaskInstanceRoutes } from './clear-task-instances';
import { configRoutes } from './config';
import { connectionRoutes } from './connections';
import { dagLabelRoutes } from './dag-labels';
import { dagRunRoutes } from './dag-runs';
import { dagSourceRoutes } from './dag-sources';
import { dagStatsRoutes } from './dag-stats';
import { dagVersionRoutes } from './dag-versions';
import { dagRoutes } from './dags';
import { dependencyRoutes } from './dependencies';
import { eventLogRoutes } from './event-logs';
import { importErrorRoutes } from './import-errors';
import { jobRoutes } from './jobs';
import { listRoutes } from './lists';
import { loginRoutes } from './login';
import { logRoutes } from './logs';
import { monitorRoutes } from './monitor';
import { parseDagFileRoute } from './parse-dag-file';
import { patchTaskInstanceRoutes } from './patch-task-instances';
import { poolRoutes } from './pools';
import { taskInstanceLinkRoutes } from './task-instance-links';
import { taskInstanceTryRoutes } from './task-instance-tries';
import { mappedInstanceRoute, taskInstanceRoutes } from './task-instances';
import { taskRoutes } from './tasks';
import { tokenRoutes } from './token';
import { variableRoutes } from './variables';
import { waitForRunRoutes } from './wait-for-run';
import { xcomRoutes } from './xcoms';

export const routes: readonly Route[] = [
  ...tokenRoutes,
  ...loginRoutes,
  ...monitorRoutes,
  ...dagRoutes,
  parseDagFileRoute,
  ...dagVersionRoutes,
  ...dagLabelRoutes,
  ...taskRoutes,
  ...listRoutes,
  ...dagRunRoutes,
  ...waitForRunRoutes,
  ...taskInstanceRoutes,
  ...taskInstanceTryRoutes,
  ...taskInstanceLinkRoutes,
  ...dependencyRoutes,
  ...clearTaskInstanceRoutes,
  ...patchTaskInstanceRoutes,
  ...bulkTaskInstanceRoutes,
  ...logRoutes,
  ...xcomRoutes,
  mappedInstanceRoute,
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
