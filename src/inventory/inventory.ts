/**
 * What mailboxes the source has: mailboxes.db says which, the configuration says where, cyrus.header says which is
 * which in 2.x, the index headers say how large. An unchanged mailbox costs its stats and nothing else.
 *
 * Names that would leave their partition, mailboxes without a directory, two records of one directory, missing and
 * double uniqueids end here as problems; all else goes on.
 */
import { keepHeapSmall } from '../base/heap.js';
import { atOnce, type Sliced } from '../base/slices.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { asInternalName, type InternalName, unreachableLogin } from '../cyrus/names/mailbox-name.js';
import { isLive, type MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { isAtLeast } from '../cyrus/version.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { KnownMailbox } from '../state/mailbox-rows.js';
import type { State } from '../state/state.js';
import { adoptedMailboxes } from './adopted.js';
import { findMailboxes } from './find-mailboxes.js';
import type { ListedMailbox } from './listed-mailbox.js';
import { MailboxTable } from './mailbox-table.js';
import { reportEmptyData } from './missing-files.js';
import { type MailboxesRead, mailboxesDbSlices } from './read-mailboxes-db.js';
import { recordSightings } from './record-sightings.js';
import type { Scan } from './scan.js';
import { type Selection, selectUsers } from './selection.js';
import { finalUniqueids, identify, refuseMoved } from './uniqueids.js';

export interface Inventory {
  /** Of those who come along, as all else but `entries`. */
  readonly mailboxes: readonly ListedMailbox[];
  readonly selection: Selection;
  /** By the mailboxes' numbers: stats, sums, rows. */
  readonly table: MailboxTable;
  /** What the state knew, the source showed no more, and what mailboxes.db has may yet explain. */
  readonly unseen: readonly KnownMailbox[];
  /** Tombstones and intermediates, which have no directory and yet go to the target. */
  readonly nameOnly: readonly MailboxEntry[];
  /** Everything that mailboxes.db says, in the order of its keys. */
  readonly entries: readonly MailboxEntry[];
  readonly databasePrint: string;
  /** Whether a later commit to mailboxes.db is sure to change `databasePrint`. */
  readonly databaseQuiet: boolean;
  readonly dialect: string;
  /** Names whose place the job file says, not mailboxes.db. */
  readonly adopted: ReadonlySet<string>;
  /** Names of live records that could not be migrated, each with a problem. */
  readonly refused: ReadonlySet<string>;
  /** Where the files of some of these would be: a mailbox may yet appear there. */
  readonly refusedPlaces: readonly MailboxPlace[];
  /** Roots of partitions that hold nothing, and should by mailboxes.db: not mounted, as it seems. */
  readonly emptied: readonly string[];
  /** Whether this source keeps cyrus.expunge (up to 2.3). */
  readonly hasExpunge: boolean;
}

/** The mailbox of such a record is migrated. */
const ADVICE_FOR_RECORD: Readonly<Record<string, string>> = {
  'unknown-key': 'A later Cyrus wrote it, or another program: look whether it matters to the new server.',
  'unknown-type': 'It is migrated as a mailbox without that type: look at it on the old server.',
  'bad-number': 'It is migrated without that number: look at the record on the old server.',
};

/** Reads the source and records in the state what it showed. */
export function takeInventory(...args: Parameters<typeof inventorySlices>): Inventory {
  return atOnce(inventorySlices(...args));
}

/** The same in slices: of 100,000 mailboxes on a disk that has nothing cached it takes two minutes. */
export function* inventorySlices(job: Job, state: State, trees: SourceTrees, problems: ProblemList): Sliced<Inventory> {
  keepHeapSmall();
  const { conf } = job.source;
  const list = yield* mailboxesDbSlices(job, trees);
  reportRecords(list, problems);
  const hasExpunge = !isAtLeast(conf.version, '2.4');
  const adopted = adoptedMailboxes(job, trees, list.mailboxes);
  const selection = yield* selectUsers(job, state, trees, list.mailboxes);
  const live = [
    ...[...adopted.values()].map(({ entry }) => entry),
    ...list.mailboxes.filter((entry) => isLive(entry) && !adopted.has(entry.name)),
  ].filter(({ name }) => selection.takes(name));
  const table = new MailboxTable(live.length, hasExpunge, job.source.real);
  try {
    const scan: Scan = { job, state, trees, problems, listing: { conf, table, adopted } };
    const { mailboxes, sourceIds, refused, refusedPlaces, emptied } = yield* findMailboxes(live, scan);
    const taken = finalUniqueids(list.mailboxes, selection, state);
    identify(mailboxes, sourceIds, taken, state, problems);
    refuseMoved(mailboxes, taken);
    const missed = yield* recordSightings(mailboxes, scan);
    const unseen = missed.filter(({ name }) => !selection.keepsCopyOf(asInternalName(name)));
    return {
      mailboxes,
      selection,
      table,
      unseen,
      nameOnly: list.mailboxes.filter(
        (entry) =>
          (entry.deleted || entry.intermediate) && !entry.remote && !entry.reserved && selection.takes(entry.name),
      ),
      entries: list.mailboxes,
      databasePrint: list.print,
      databaseQuiet: list.quiet,
      dialect: list.dialect,
      adopted: new Set(adopted.keys()),
      refused,
      refusedPlaces,
      emptied: [...emptied, ...reportEmptyData(conf, mailboxes, trees, problems)],
      hasExpunge,
    };
  } finally {
    table.close();
  }
}

function reportRecords(list: MailboxesRead, problems: ProblemList): void {
  if (list.behind) problems.add(list.behind);
  for (const problem of list.problems) {
    // Shared ids are mended below; id records without a name are leftovers of the server's own, not mailboxes.
    if (/^(duplicate-uniqueid|no-uniqueid|id-record-)/.test(problem.code)) continue;
    problems.add({
      code: `mailboxes-db-${problem.code}`,
      message: problem.message,
      advice: ADVICE_FOR_RECORD[problem.code] ?? 'Look at this record on the old server; it is not migrated.',
      // each bad record is a problem of its own, be its name readable or not
      mailbox: problem.name ?? problem.key,
    });
  }
}

/** Users that no login reaches on the target: for survey and init. */
export function unreachableUsers(job: Job, inventory: Inventory): { name: InternalName; why: string }[] {
  const found = new Map<string, { name: InternalName; why: string }>();
  for (const { name, unit, user, deleted } of inventory.mailboxes) {
    if (!user || deleted || found.has(unit)) continue;
    const why = unreachableLogin(name, job.target.conf);
    if (why !== undefined) found.set(unit, { name, why });
  }
  return [...found.values()];
}
