/** Which setups a task needs, and which teardowns they bring along. */
import { reach } from './graph';
import type { Neighbours } from './graph';
import type { DagSpec } from './spec';

/**
 * By task id: the setups at any distance above it that are for it. A setup without teardowns is for everything below it; one with
 * teardowns for what lies between it and one of them, the teardowns included.
 */
export function relevantSetups(spec: DagSpec, upstream: Neighbours, downstream: Neighbours): Map<string, string[]> {
  const teardowns = teardownsOfSetups(spec, downstream);
  const found = new Map<string, string[]>();
  for (const [setup, closing] of teardowns) {
    const between = closing.length === 0 ? null : reach(closing, upstream);
    for (const id of reach([setup], downstream)) {
      if (between && !between.has(id) && !closing.includes(id)) continue;
      const setups = found.get(id);
      if (setups) setups.push(setup);
      else found.set(id, [setup]);
    }
  }
  return found;
}

/** By setup: the teardowns directly below it. */
function teardownsOfSetups(spec: DagSpec, downstream: Neighbours): Map<string, string[]> {
  const isTeardown = new Set(spec.tasks.filter(({ teardown }) => teardown).map(({ id }) => id));
  return new Map(
    spec.tasks.filter(({ setup }) => setup).map(({ id }) => [id, downstream.get(id)!.filter((below) => isTeardown.has(below))]),
  );
}
