/**
 * What mailboxes the source has: mailboxes.db says which, the configuration says where, cyrus.header says which is
 * which in 2.x, the index headers say how large. An unchanged mailbox costs its stats and nothing else.
 *
 * Names that would leave their partition, mailboxes without a directory, two records of one directory, missing and
 * double uniqueids end here as problems; all else goes on.
 */
import { randomBytes } from 'node:crypto';
import { FormatError, RefusedError } from '../base/errors.js';
import { keepHeapSmall } from '../base/heap.js';
import { atOnce, type Sliced } from '../base/slices.js';
import { firstOf } from '../base/units.js';
import { isSafeUniqueid, type MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { asInternalName, checkName, type InternalName, unreachableLogin } from '../cyrus/names/mailbox-name.js';
import { isLive, type MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { isAtLeast } from '../cyrus/version.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { MailboxSummary } from '../model/mailbox.js';
import type { ProblemList } from '../model/problem.js';
import type { KnownMailbox, Sighting } from '../state/mailbox-rows.js';
import type { State } from '../state/state.js';
import { adoptedMailboxes } from './adopted.js';
import { DirectoryClaims } from './directory-claims.js';
import { isByName, ListedMailbox, type MailboxListing, placeOfEntry } from './listed-mailbox.js';
import { MailboxTable } from './mailbox-table.js';
import { type MailboxesRead, mailboxesDbSlices } from './read-mailboxes-db.js';
import { type Selection, selectUsers } from './selection.js';
import { sourceKey } from './source-key.js';
import { readSummary } from './summary.js';

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
    const { mailboxes, sourceIds, refused, refusedPlaces } = yield* findMailboxes(live, scan);
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
      hasExpunge,
    };
  } finally {
    table.close();
  }
}

interface Scan {
  readonly job: Job;
  readonly state: State;
  readonly trees: SourceTrees;
  readonly problems: ProblemList;
  readonly listing: MailboxListing;
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

interface Found {
  readonly mailboxes: readonly ListedMailbox[];
  /** By the same position, the uniqueids that the source gives them. */
  readonly sourceIds: readonly (string | undefined)[];
  readonly refused: ReadonlySet<string>;
  readonly refusedPlaces: readonly MailboxPlace[];
}

/** Mailboxes between two places to stop: on a disk that seeks for each, a fraction of a second. */
const SLICE = 4;

/** The mailboxes that have a directory of their own. */
function* findMailboxes(live: readonly MailboxEntry[], scan: Scan): Sliced<Found> {
  const { job, problems, listing } = scan;
  const { table, adopted } = listing;
  const mailboxes: ListedMailbox[] = [];
  const sourceIds: (string | undefined)[] = [];
  const refused = new Set<string>();
  const refusedPlaces: MailboxPlace[] = [];
  const claims = new DirectoryClaims<ListedMailbox>((mailbox) => sourceKey(mailbox.place));
  for (const [done, entry] of live.entries()) {
    if (done % SLICE === 0) yield { what: "looking at the source's mailboxes", done, of: live.length };
    const place = adopted.get(entry.name)?.place ?? checkedPlace(job, entry, problems);
    if (!place) {
      refused.add(entry.name);
      continue;
    }
    const mailbox = new ListedMailbox(listing, entry, table.add(place));
    const sourceId = sourceIdOf(mailbox, place, scan);
    if (sourceId === 'refused') {
      refused.add(entry.name);
      refusedPlaces.push(place);
      table.drop();
      continue;
    }
    if (mailbox.deleted && job.options.migrate.deleted === 'leave') {
      table.drop();
      continue;
    }
    const other = claims.claim(sourceKey(place), mailbox);
    if (other) {
      refused.add(entry.name);
      table.drop();
      problems.add({
        code: 'one-directory-two-names',
        message: `its directory is that of ${other.name}`,
        advice: 'Delete one of the two records on the old server.',
        mailbox: entry.name,
        path: place.data,
      });
      continue;
    }
    mailboxes.push(mailbox);
    sourceIds.push(sourceId.id);
  }
  return { mailboxes, sourceIds, refused, refusedPlaces };
}

/** Reads the index headers of what is new or changed, and writes that down. @returns rows of mailboxes that were not seen */
function* recordSightings(mailboxes: readonly ListedMailbox[], scan: Scan): Sliced<KnownMailbox[]> {
  const { state, listing } = scan;
  const { table } = listing;
  const byUniqueid = new Map(mailboxes.map((mailbox) => [mailbox.uniqueid, mailbox]));
  const unseen: KnownMailbox[] = [];
  const stands = new Uint8Array(mailboxes.length);
  const step = (done: number) => ({ what: "reading the source's indexes", done, of: mailboxes.length });
  let rows = 0;
  for (const row of state.mailboxes.known()) {
    if (rows++ % SLICE === 0) yield step(0);
    const mailbox = byUniqueid.get(row.uniqueid);
    if (!mailbox) {
      unseen.push(row);
      continue;
    }
    const { at } = mailbox;
    table.rowIds[at] = row.id;
    if (row.targetPartition !== null) table.syncedFiles[at] = row.syncedFiles;
    if (row.print !== mailbox.print || row.sourceKey !== sourceKey(mailbox.place)) continue;
    if (row.name === mailbox.name) stands[at] = 1;
    // of one whose index is gone the row keeps what it had: that is no summary of what is there
    if (mailbox.hasFiles) table.setSummary(at, row);
  }
  let seen = 0;
  const sighting = state.mailboxes.sighting(sightings(mailboxes, stands, scan), ({ at }, id) => {
    table.rowIds[at] = id;
    seen = at;
  });
  for (const done of sighting) if (done % SLICE === 0) yield step(seen);
  return unseen;
}

function* sightings(
  mailboxes: readonly ListedMailbox[],
  stands: Uint8Array,
  scan: Scan,
): Iterable<Sighting & { readonly at: number }> {
  const { state, listing } = scan;
  const { table } = listing;
  for (const mailbox of mailboxes) {
    const { at, name, uniqueid, place, headerPrint, print } = mailbox;
    if (stands[at] === 1) continue;
    if (!mailbox.summary) {
      const summary = mailbox.hasFiles ? summarise(mailbox, scan) : undefined;
      if (summary) table.setSummary(at, summary);
    }
    const known = mailbox.summary ?? (table.rowIds[at] === 0 ? NOTHING : state.mailboxes.get(table.rowIds[at]!)!);
    const { indexVersion, uidvalidity, lastUid, messages, files, bytes } = known;
    const sums = { indexVersion, uidvalidity, lastUid, messages, files, bytes };
    yield { at, uniqueid, name, sourceKey: sourceKey(place), headerPrint, print, ...sums };
  }
}

const NOTHING: MailboxSummary = { indexVersion: 0, uidvalidity: 0, lastUid: 0, messages: 0, files: 0, bytes: 0 };

/** Where mailboxes.db says that it lies; undefined, with a problem, where that is no place to go to. */
function checkedPlace(job: Job, entry: MailboxEntry, problems: ProblemList): MailboxPlace | undefined {
  const { conf } = job.source;
  const { name } = entry;
  const refuse = (code: string, message: string, advice: string): undefined => {
    problems.add({ code, message, advice, mailbox: name });
  };
  const bad = checkName(name);
  if (bad !== undefined)
    return refuse('name-refused', bad, 'Rename it on the old server; a path made of it would leave the partition.');
  if (entry.partition === undefined)
    return refuse('no-partition', 'its record names no partition', 'Look at the record on the old server.');
  if (!isByName(conf, entry.legacy) && (entry.uniqueid === undefined || !isSafeUniqueid(entry.uniqueid)))
    return refuse(
      'uniqueid-refused',
      `its uniqueid "${entry.uniqueid ?? ''}" makes no directory name`,
      'Look at the record on the old server.',
    );
  return (
    placeOfEntry(conf, entry) ??
    refuse(
      'unknown-partition',
      `imapd.conf has no partition "${entry.partition}"`,
      'Add the partition to the old imapd.conf that the job names.',
    )
  );
}

/** The uniqueid that the source gives it, if any; `refused`, with a problem, where that can't be told. */
function sourceIdOf(
  mailbox: ListedMailbox,
  place: MailboxPlace,
  { state, trees, problems, listing: { table } }: Scan,
): { readonly id: string | undefined } | 'refused' {
  const { entry, name, at } = mailbox;
  if (!mailbox.hasFiles) {
    const missing = table.hasHeader(at) ? 'cyrus.index' : table.hasIndex(at) ? 'cyrus.header' : 'directory';
    problems.add({
      code: 'mailbox-files-missing',
      message: `it has no ${missing}`,
      advice: 'Run reconstruct for it on the old server, or delete it there; what the target has of it is kept.',
      mailbox: name,
      path: place.meta.index,
    });
    // 3.x knows which mailbox it is and keeps its place; of 2.x nothing is known without a header.
    const known = state.mailboxes.byName(name);
    return known ? { id: entry.uniqueid ?? known.uniqueid } : 'refused';
  }
  if (entry.uniqueid !== undefined) return { id: entry.uniqueid };
  const known = state.mailboxes.byName(name);
  if (known && known.headerPrint === mailbox.headerPrint && known.sourceKey === sourceKey(place))
    return { id: known.uniqueid };
  const read = readUniqueid(trees, place.roots.meta.header, place.relative, name, problems);
  if (read !== 'unreadable') return { id: read };
  // A header that can't be read is not a mailbox without uniqueid: go by what it was, else leave it out.
  return known ? { id: known.uniqueid } : 'refused';
}

function readUniqueid(
  trees: SourceTrees,
  rootPath: string,
  relative: string,
  name: InternalName,
  problems: ProblemList,
): string | undefined | 'unreadable' {
  const path = `${rootPath}/${relative}/cyrus.header`;
  try {
    const bytes = trees.root(rootPath)?.read(`${relative}/cyrus.header`);
    return bytes ? readMailboxHeader(bytes, path).uniqueid : 'unreadable';
  } catch (error) {
    problems.add(readProblem(error, name, path));
    return 'unreadable';
  }
}

function readProblem(error: unknown, name: InternalName, path: string) {
  if (errnoOf(error) === 'ELOOP') {
    return {
      code: 'link-refused',
      message: 'a symbolic link stands in its path',
      advice: 'Put the directory where the link is, or make the place it points to a partition.',
      mailbox: name,
      path,
    };
  }
  if (error instanceof FormatError || errnoOf(error) !== undefined) {
    return {
      code: 'mailbox-unreadable',
      message: (error as Error).message,
      advice: 'Run reconstruct for it on the old server; what the target has of it is kept.',
      mailbox: name,
      path,
    };
  }
  throw error;
}

/** @returns undefined, with a problem, where the index can't be read */
function summarise({ place, name }: ListedMailbox, { job, trees, problems }: Scan): MailboxSummary | undefined {
  try {
    return readSummary(place, job.source.conf.version, trees);
  } catch (error) {
    const problem = readProblem(error, name, `${place.meta.index}/cyrus.index`);
    problems.add(error instanceof FormatError ? { ...problem, code: 'index-damaged' } : problem);
    return undefined;
  }
}

/** A mailbox whose cutover is final. */
interface FinalOwner {
  readonly name: InternalName;
  /** The source has it no more by that name: what has its uniqueid now is the same mailbox, renamed. */
  readonly isGone: boolean;
}

/** Before anything is written down: the state's row of it is that of a live mailbox of the target. */
function refuseMoved(mailboxes: readonly ListedMailbox[], taken: ReadonlyMap<string, FinalOwner>): void {
  if (taken.size === 0) return;
  const moved = mailboxes.flatMap(({ name, uniqueid }) =>
    taken.has(uniqueid) ? [`${name} was ${taken.get(uniqueid)!.name}`] : [],
  );
  if (moved.length === 0) return;
  throw new RefusedError(
    'Mailboxes of users who are cut over were renamed on the old server',
    `${firstOf(moved, '; ')}: the live ones are on the target`,
    'Rename them back on the old server, or delete them there.',
    { code: 'final-mailbox-renamed' },
  );
}

/** Uniqueids that the target's live mailboxes have of this job. */
function finalUniqueids(
  entries: readonly MailboxEntry[],
  selection: Selection,
  state: State,
): ReadonlyMap<string, FinalOwner> {
  const owners = new Map<string, FinalOwner>();
  if (!selection.hasFinal) return owners;
  const live = new Set(entries.filter(isLive).map((entry) => entry.name));
  for (const row of state.mailboxes.known()) {
    const name = asInternalName(row.name);
    if (!selection.isFinal(name)) continue;
    owners.set(row.uniqueid, { name, isGone: !live.has(name) });
  }
  return owners;
}

/**
 * Gives each mailbox one uniqueid of its own. One that a final mailbox has is that one's. Of two with the same, the one
 * outside DELETED keeps it, else the first by name; a missing one is made. What is made is remembered, so that every
 * pass gives the same.
 */
function identify(
  mailboxes: readonly ListedMailbox[],
  sourceIds: readonly (string | undefined)[],
  taken: ReadonlyMap<string, FinalOwner>,
  state: State,
  problems: ProblemList,
): void {
  const owners = new Map<string, { readonly name: InternalName }>();
  const first = new Map<string, ListedMailbox>();
  for (const [i, mailbox] of mailboxes.entries()) {
    const id = sourceIds[i];
    if (id === undefined) continue;
    const owner = first.get(id);
    if (!owner || precedes(mailbox, owner)) first.set(id, mailbox);
  }
  for (const [id, mailbox] of first) {
    const final = taken.get(id);
    owners.set(id, final && !final.isGone ? final : mailbox);
  }
  for (const [i, mailbox] of mailboxes.entries()) {
    const sourceId = sourceIds[i];
    const owner = sourceId === undefined ? undefined : owners.get(sourceId)!;
    mailbox.uniqueid =
      sourceId !== undefined && owner === mailbox ? sourceId : assignedTo(mailbox, sourceId, owner, state, problems);
  }
}

function precedes(a: ListedMailbox, b: ListedMailbox): boolean {
  return a.deleted === b.deleted ? a.name < b.name : b.deleted;
}

function assignedTo(
  { name }: ListedMailbox,
  sourceId: string | undefined,
  owner: { readonly name: InternalName } | undefined,
  state: State,
  problems: ProblemList,
): string {
  const key = sourceId ?? '';
  const known = state.assignedUniqueid(key, name);
  if (known !== undefined) return known;
  const uniqueid = newUniqueid();
  state.assignUniqueid(key, name, uniqueid);
  problems.add({
    code: sourceId === undefined ? 'uniqueid-missing' : 'uniqueid-double',
    message:
      sourceId === undefined
        ? `it had no uniqueid; the target's is ${uniqueid}`
        : `its uniqueid ${sourceId} is that of ${owner?.name} too; the target's is ${uniqueid}`,
    advice: 'Nothing to do: it is mended on the target.',
    mailbox: name,
    stays: true,
  });
  return uniqueid;
}

/** 24 characters of a-z and 0-9, as Cyrus without libuuid makes them. @see cyrus-imapd 3.0.18 lib/util.c makeuuid */
function newUniqueid(): string {
  return [...randomBytes(24)].map((byte) => 'abcdefghijklmnopqrstuvwxyz0123456789'[byte % 36]).join('');
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
