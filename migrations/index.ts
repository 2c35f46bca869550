import { Initial1763800000000 } from './1763800000000-initial';
import { SchedulingSemantics1763810000000 } from './1763810000000-scheduling-semantics';

/** All migrations, oldest first. Listed by hand, so that nothing depends on what lies in a folder. */
export const migrations = [Initial1763800000000, SchedulingSemantics1763810000000] as const;
