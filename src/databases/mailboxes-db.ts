/** The target's mailboxes.db: every mailbox that was migrated, with its new partition, in the target's dialect. */

import type { FormerName } from '../cyrus/records/mailbox-record.js';
import { printTypeLetters } from '../cyrus/records/mailbox-type.js';
import type { MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { isAtLeast } from '../cyrus/version.js';
import type { Inventory } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import type { Migrated } from './migrated.js';

export interface TargetEntries {
  /** Made one after the other, once: there are very many. */
  readonly all: Iterable<MailboxEntry>;
  /** How many of them are tombstones and intermediates. */
  readonly nameOnly: number;
}

export function targetEntries(job: Job, inventory: Inventory, migrated: Migrated, nowSec: number): TargetEntries {
  const { conf } = job.target;
  const fromOld = !isAtLeast(job.source.conf.version, '3.6');
  const former = new Map<string, FormerName[]>();
  const nameOnly: MailboxEntry[] = [];
  for (const entry of inventory.nameOnly) {
    if (migrated.byName.has(entry.name)) continue;
    // What 3.4 and older kept lay by name (reference 4.7: an upgrade gives every record the letter l).
    const kept = {
      ...entry,
      legacy: fromOld || entry.legacy,
      partition: entry.partition !== undefined && conf.partitions.has(entry.partition) ? entry.partition : undefined,
      history: [],
    };
    nameOnly.push(kept);
    if (!fromOld || !entry.deleted || entry.uniqueid === undefined) continue;
    const { uidvalidity, createdModseq, folderModseq, mtimeSec } = entry;
    const name: FormerName = {
      name: entry.name,
      type: printTypeLetters(kept, conf.version),
      uidvalidity,
      createdModseq,
      folderModseq,
      mtimeSec,
    };
    former.set(entry.uniqueid, [...(former.get(entry.uniqueid) ?? []), name]);
  }
  const kept = nameOnly.filter((entry) => entry.intermediate || entry.uniqueid !== undefined);
  return { all: entriesOneByOne(migrated, former, kept, nowSec), nameOnly: kept.length };
}

function* entriesOneByOne(
  { mailboxes }: Migrated,
  former: ReadonlyMap<string, readonly FormerName[]>,
  nameOnly: readonly MailboxEntry[],
  nowSec: number,
): Iterable<MailboxEntry> {
  for (const { mailbox, place, index } of mailboxes)
    yield {
      ...mailbox.entry,
      legacy: place.legacy,
      partition: place.partition,
      uniqueid: mailbox.uniqueid,
      uidvalidity: index.uidvalidity,
      mtimeSec: mailbox.entry.mtimeSec ?? nowSec,
      history: [...mailbox.entry.history, ...(former.get(mailbox.uniqueid) ?? [])].map((h) => ({
        ...h,
        partition: undefined,
      })),
    };
  yield* nameOnly;
}
