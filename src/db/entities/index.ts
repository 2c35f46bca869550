import type { EntitySchema } from 'typeorm';
import { sessionEntity } from './session';
import { bundleEntity } from './bundle';
import { dagEntity } from './dag';
import { dagFavoriteEntity } from './dag-favorite';
import { dagVersionEntity } from './dag-version';
import { importErrorEntity } from './import-error';
import { parseRequestEntity } from './parse-request';
import { poolEntity } from './pool';
import { backfillEntity } from './backfill';
import { dagRunEntity } from './dag-run';
import { backfillRunEntity } from './backfill-run';
import { runWakeEntity } from './run-wake';
import { taskInstanceEntity } from './task-instance';
import { tiDetailEntity } from './ti-detail';
import { attemptEntity } from './attempt';
import { xcomEntity } from './xcom';
import { auditLogEntity } from './audit-log';
import { appUserEntity } from './app-user';
import { webSessionEntity } from './web-session';
import { callbackEntity } from './callback';
import { deadlineEntity } from './deadline';
import { expansionEntity } from './expansion';
import { taskTallyEntity } from './task-tally';
import { waitEntity } from './wait';
import { variableEntity } from './variable';
import { connectionEntity } from './connection';

/** Every table of ours, as TypeORM sees it. */
export const entities: readonly EntitySchema[] = [
  sessionEntity,
  bundleEntity,
  dagEntity,
  dagVersionEntity,
  importErrorEntity,
  parseRequestEntity,
  poolEntity,
  backfillEntity,
  dagRunEntity,
  backfillRunEntity,
  runWakeEntity,
  taskInstanceEntity,
  tiDetailEntity,
  attemptEntity,
  xcomEntity,
  auditLogEntity,
  appUserEntity,
  dagFavoriteEntity,
  webSessionEntity,
  taskTallyEntity,
  expansionEntity,
  waitEntity,
  callbackEntity,
  deadlineEntity,
  variableEntity,
  connectionEntity,
] as readonly EntitySchema[];
