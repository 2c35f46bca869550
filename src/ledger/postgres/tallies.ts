/** The counts of expanded tasks, anew from their instances: for verdicts, which change any number of them. Under the run's lock. */
import { prepared } from './connections';

/** $2: of these tasks; null: of all. */
export const recountTallies = prepared(
  'recount_tallies',
  `UPDATE task_tally y SET none = c.none, waiting = c.waiting, active = c.active, sleeping = c.sleeping, success = c.success, failed = c.failed,
     skipped = c.skipped, upstream_failed = c.upstream_failed
   FROM (
     SELECT y.task_id, count(t.pk) FILTER (WHERE t.state IS NULL) AS none,
       count(*) FILTER (WHERE t.state = 'scheduled' AND NOT t.admissible) AS waiting,
       count(*) FILTER (WHERE t.state = 'scheduled' AND t.admissible OR t.state IN ('queued', 'running', 'restarting')) AS active,
       count(*) FILTER (WHERE t.state IN ('up_for_retry', 'up_for_reschedule', 'deferred')) AS sleeping,
       count(*) FILTER (WHERE t.state = 'success') AS success, count(*) FILTER (WHERE t.state = 'failed') AS failed,
       count(*) FILTER (WHERE t.state = 'skipped') AS skipped, count(*) FILTER (WHERE t.state = 'upstream_failed') AS upstream_failed
     FROM task_tally y LEFT JOIN task_instance t ON t.run = y.run AND t.task_id = y.task_id AND t.map_index >= 0
     WHERE y.run = $1::bigint AND ($2::text[] IS NULL OR y.task_id = ANY($2)) GROUP BY y.task_id) c
   WHERE y.run = $1::bigint AND y.task_id = c.task_id`,
);
