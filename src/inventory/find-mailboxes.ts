/** The first half of an inventory: which records have a directory of their own, and which uniqueid it has. */
import type { Sliced } from '../base/slices.js';
import { isSafeUniqueid, type MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { checkName, type InternalName } from '../cyrus/names/mailbox-name.js';
import type { MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { AskAhead } from '../disk/ask-ahead.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { Problem, ProblemList } from '../model/problem.js';
import { DirectoryClaims } from './directory-claims.js';
import { isByName, ListedMailbox, placeOfEntry } from './listed-mailbox.js';
import { MissingFiles } from './missing-files.js';
import { readProblem, type Scan, SLICE } from './scan.js';
import { sourceKey } from './source-key.js';

/** A slice that takes longer has waited for a disk: from memory it takes 0.06 ms. */
const SLICE_WAITED_MS = 0.4;

interface Found {
  readonly mailboxes: readonly ListedMailbox[];
  /** By the same position, the uniqueids that the source gives them. */
  readonly sourceIds: readonly (string | undefined)[];
  readonly refused: ReadonlySet<string>;
  readonly refusedPlaces: readonly MailboxPlace[];
  /** Roots that hold no mailbox, and should by mailboxes.db. */
  readonly emptied: readonly string[];
}

/** The mailboxes that have a directory of their own. */
export function* findMailboxes(live: readonly MailboxEntry[], scan: Scan): Sliced<Found> {
  const { job, problems, listing } = scan;
  const { table, adopted } = listing;
  const mailboxes: ListedMailbox[] = [];
  const sourceIds: (string | undefined)[] = [];
  const refused = new Set<string>();
  const refusedPlaces: MailboxPlace[] = [];
  const missing = new MissingFiles();
  const claims = new DirectoryClaims<ListedMailbox>((mailbox) => sourceKey(mailbox.place));
  const placeOf = (entry: MailboxEntry) => adopted.get(entry.name)?.place ?? placeOrReason(job.source, entry);
  const ahead = new AskAhead(SLICE_WAITED_MS);
  const askFor = (n: number) => {
    const place = placeOf(live[n]!);
    if (!('code' in place)) table.askFor(place);
  };
  for (const [done, entry] of live.entries()) {
    if (done % SLICE === 0) {
      if (done > 0) ahead.after();
      yield { what: "looking at the source's mailboxes", done, of: live.length };
      ahead.before(done, live.length, askFor);
    }
    const place = placeOf(entry);
    if ('code' in place) {
      problems.add({ ...place, mailbox: entry.name });
      refused.add(entry.name);
      continue;
    }
    const mailbox = new ListedMailbox(listing, entry, table.add(place));
    const sourceId = sourceIdOf(mailbox, place, scan, missing);
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
  const emptied = missing.report(scan.trees, problems, job.options.guard.mailboxes);
  return { mailboxes, sourceIds, refused, refusedPlaces, emptied };
}

/** Where mailboxes.db says that it lies; else why that is no place to go to. */
function placeOrReason({ conf }: Job['source'], entry: MailboxEntry): MailboxPlace | Omit<Problem, 'mailbox'> {
  const bad = checkName(entry.name);
  if (bad !== undefined)
    return {
      code: 'name-refused',
      message: bad,
      advice: 'Rename it on the old server; a path made of it would leave the partition.',
    };
  if (entry.partition === undefined)
    return {
      code: 'no-partition',
      message: 'its record names no partition',
      advice: 'Look at the record on the old server.',
    };
  if (!isByName(conf, entry.legacy) && (entry.uniqueid === undefined || !isSafeUniqueid(entry.uniqueid)))
    return {
      code: 'uniqueid-refused',
      message: `its uniqueid "${entry.uniqueid ?? ''}" makes no directory name`,
      advice: 'Look at the record on the old server.',
    };
  return (
    placeOfEntry(conf, entry) ?? {
      code: 'unknown-partition',
      message: `imapd.conf has no partition "${entry.partition}"`,
      advice: 'Add the partition to the old imapd.conf that the job names.',
    }
  );
}

/** The uniqueid that the source gives it, if any; `refused`, with a problem, where that can't be told. */
function sourceIdOf(
  mailbox: ListedMailbox,
  place: MailboxPlace,
  { state, trees, problems, listing: { table } }: Scan,
  missing: MissingFiles,
): { readonly id: string | undefined } | 'refused' {
  const { entry, name, at } = mailbox;
  if (!mailbox.hasFiles) {
    missing.add(place, name, table.hasHeader(at) ? 'cyrus.index' : table.hasIndex(at) ? 'cyrus.header' : 'directory');
    // 3.x knows which mailbox it is and keeps its place; of 2.x nothing is known without a header.
    const known = state.mailboxes.byName(name);
    return known ? { id: entry.uniqueid ?? known.uniqueid } : 'refused';
  }
  missing.found(place);
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
