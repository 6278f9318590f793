/**
 * A job whose state knows of no copy, and a target that has some: the state was lost. Where each mailbox lies is taken
 * from the target, so that the plan keeps it there; else users whom it places elsewhere would be copied again, and what
 * they have lie on as nobody's. What is in each is compared by content, as after a crash: nothing is known of it.
 */
import { FormatError } from '../base/errors.js';
import type { Sliced } from '../base/slices.js';
import { partitionRoots } from '../cyrus/conf/partitions.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { readDirectoryIsEmpty } from '../disk/empty.js';
import { SourceTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import { targetPlace } from '../plan/placement.js';
import type { State } from '../state/state.js';

/** Mailboxes between two places to stop. */
const SLICE = 4;

/** @returns how many were found */
export function* adoptCopies(job: Job, state: State, { mailboxes, table }: Inventory): Sliced<number> {
  if (state.mailboxes.isAnyCopied()) return 0;
  const { conf } = job.target;
  const trees = new SourceTrees(job.target);
  try {
    const isEmpty = (path: string) => {
      const root = trees.root(path);
      return !root || readDirectoryIsEmpty(root);
    };
    if (partitionRoots(conf).every(isEmpty)) return 0; // the first pass of most jobs
    const found: { id: number; targetPartition: string; targetRelative: string; isWhole: boolean }[] = [];
    for (const [done, mailbox] of mailboxes.entries()) {
      if (done % SLICE === 0) yield { what: 'looking for copies on the target', done, of: mailboxes.length };
      for (const partition of conf.partitions.keys()) {
        const place = targetPlace(mailbox, partition, job.layout, conf);
        if (uniqueidAt(trees, place) !== mailbox.uniqueid) continue;
        const isWhole = trees.root(place.roots.meta.index)?.stat(`${place.relative}/cyrus.index`) !== undefined;
        const id = table.rowIds[mailbox.at]!;
        found.push({ id, targetPartition: partition, targetRelative: place.relative, isWhole });
        table.syncedFiles[mailbox.at] = isWhole ? (mailbox.summary?.files ?? 0) : 0;
        break;
      }
    }
    state.mailboxes.adopt(found);
    return found.length;
  } finally {
    trees.close();
  }
}

function uniqueidAt(trees: SourceTrees, { roots, relative, meta }: MailboxPlace): string | undefined {
  const bytes = trees.root(roots.meta.header)?.read(`${relative}/cyrus.header`);
  if (!bytes) return undefined;
  try {
    return readMailboxHeader(bytes, `${meta.header}/cyrus.header`).uniqueid;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined;
  }
}
