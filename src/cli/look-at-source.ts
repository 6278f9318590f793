import { inSlices } from '../base/slices.js';
import type { SourceTrees } from '../disk/trees.js';
import { type Inventory, inventorySlices } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { State } from '../state/state.js';
import type { Environment } from './run.js';

/** The inventory for a command that only looks: in turns of the event loop, for a cold disk answers in them (stat-sweep.ts). */
export function lookAtSource(
  job: Job,
  state: State,
  trees: SourceTrees,
  problems: ProblemList,
  { stop }: Pick<Environment, 'stop'>,
): Promise<Inventory> {
  return inSlices(inventorySlices(job, state, trees, problems), stop, () => {});
}
