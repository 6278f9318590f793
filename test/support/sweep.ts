import { SourceTrees } from '../../src/disk/trees.js';
import { loadJob } from '../../src/job/job.js';
import { State } from '../../src/state/state.js';
import { type Swept, sweepByList } from '../../src/sync/sweep-list.js';

/**
 * What the next pass would find by the list of stats alone; undefined where it would look at everything.
 * @param only As of `sweepByList`.
 */
export function sweepOfJob(file: string, only?: ReadonlySet<number>): Swept | undefined {
  const job = loadJob(file);
  const state = new State(job.stateFile);
  const trees = new SourceTrees(job.source);
  try {
    return sweepByList(job, state, trees, only);
  } finally {
    trees.close();
    state.close();
  }
}
