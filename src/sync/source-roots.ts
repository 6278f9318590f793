/** Roots of the source that must be there, and must not be empty where they held mail: an unmounted one is. */
import { partitionRoots } from '../cyrus/conf/partitions.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { State } from '../state/state.js';

export function missingRoots({ source: { conf } }: Job, source: SourceTrees): string[] {
  return partitionRoots(conf).filter((path) => source.root(path) === undefined);
}

/** The source's roots that held mailboxes at the last pass. */
export function rootsWithMail(state: State): string[] {
  return JSON.parse(state.fact('roots') ?? '[]') as string[];
}
