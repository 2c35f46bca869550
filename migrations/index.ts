import { Initial1763800000000 } from './1763800000000-initial';
import { SchedulingSemantics1763810000000 } from './1763810000000-scheduling-semantics';
import { Secrets1763812000000 } from './1763812000000-secrets';
import { ParkedSlots1763813000000 } from './1763813000000-parked-slots';
import { DeletableRuns1763813500000 } from './1763813500000-deletable-runs';
import { LooksOfSession1763814000000 } from './1763814000000-looks-of-session';
import { BackfillTasks1763815000000 } from './1763815000000-backfill-tasks';
import { Deadlines1763816000000 } from './1763816000000-deadlines';
import { Favorites1763817000000 } from './1763817000000-favorites';
import { WakesOfDeletedRuns1763819400000 } from './1763819400000-wakes-of-deleted-runs';
import { ParseRequests1763822500000 } from './1763822500000-parse-requests';

/** All migrations, oldest first. Listed by hand, so that nothing depends on what lies in a folder. */
export const migrations = [
  Initial1763800000000,
  SchedulingSemantics1763810000000,
  Secrets1763812000000,
  ParkedSlots1763813000000,
  DeletableRuns1763813500000,
  LooksOfSession1763814000000,
  BackfillTasks1763815000000,
  Deadlines1763816000000,
  Favorites1763817000000,
  WakesOfDeletedRuns1763819400000,
  ParseRequests1763822500000,
] as const;
