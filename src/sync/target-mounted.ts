/**
 * Whether the target's partitions are those that the copies lie on. Where one is not mounted, a pass would write what
 * changed into its mount point, and the state would say that it is on the disk, which never gets it.
 */
import { RefusedError } from '../base/errors.js';
import { readDirectoryIsEmpty } from '../disk/empty.js';
import { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { State } from '../state/state.js';

/** Copies that are looked for; one may have been taken away by hand, so that it is made anew. */
const SAMPLE = 8;

/** Costs a stat or two a partition. @returns roots on which the copies are not, with what is there instead */
export function lostTargets(job: Job, state: State): string[] {
  const trees = new SourceTrees(job.target);
  try {
    return [...job.target.conf.partitions.values()].flatMap(({ name, data, meta }) => {
      const copies = state.mailboxes.someLyingOn(name, SAMPLE);
      if (copies.length === 0) return [];
      const root = trees.root(meta.index);
      if (!root) return []; // missing, which is said elsewhere
      if (readDirectoryIsEmpty(root)) return [`${meta.index} is empty`];
      const isThere = ({ targetRelative }: { targetRelative: string }) =>
        root.stat(`${targetRelative}/cyrus.index`) !== undefined;
      if (copies.length > 1 && !copies.some(isThere)) return [`${meta.index} has none of them`];
      const dataRoot = data === meta.index ? undefined : trees.root(data);
      const isEmpty = dataRoot !== undefined && readDirectoryIsEmpty(dataRoot);
      return isEmpty && copies.some(({ syncedMessages }) => syncedMessages > 0) ? [`${data} is empty`] : [];
    });
  } finally {
    trees.close();
  }
}

/** @throws RefusedError */
export function requireTargetMounted(job: Job, state: State): void {
  const lost = lostTargets(job, state);
  if (lost.length === 0) return;
  throw new RefusedError(
    'A partition of the target does not have the copies that lie on it by the state',
    lost.join('; '),
    `Mount it. If that disk was lost or replaced, move the state away (${job.stateFile}, -wal, -shm) and run presync: it takes up what other partitions have, and copies the rest again.`,
    { code: 'target-lost' },
  );
}
