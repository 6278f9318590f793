/** The second half of an inventory: the indexes of what is new or changed, and what of it goes into the state. */
import { FormatError } from '../base/errors.js';
import type { Sliced } from '../base/slices.js';
import { AskAhead } from '../disk/ask-ahead.js';
import type { MailboxSummary } from '../model/mailbox.js';
import type { KnownMailbox, Sighting } from '../state/mailbox-rows.js';
import type { ListedMailbox } from './listed-mailbox.js';
import { readProblem, type Scan, SLICE } from './scan.js';
import { sourceKey } from './source-key.js';
import { askForSummary, readSummary } from './summary.js';

/** A read that takes longer has waited for a disk: from memory it takes 0.02 ms. */
const READ_WAITED_MS = 0.1;

/** Reads the index headers of what is new or changed, and writes that down. @returns rows of mailboxes that were not seen */
export function* recordSightings(mailboxes: readonly ListedMailbox[], scan: Scan): Sliced<KnownMailbox[]> {
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
  const isRead = ({ at, hasFiles, summary }: ListedMailbox) => stands[at] !== 1 && hasFiles && !summary;
  const ahead = new AskAhead(READ_WAITED_MS);
  const askFor = (n: number) => {
    const mailbox = mailboxes[n]!;
    if (isRead(mailbox)) askForSummary(mailbox.place, scan.trees);
  };
  for (const [n, mailbox] of mailboxes.entries()) {
    const { at, name, uniqueid, place, headerPrint, print } = mailbox;
    if (stands[at] === 1) continue;
    if (isRead(mailbox)) {
      ahead.before(n, mailboxes.length, askFor);
      const summary = summarise(mailbox, scan);
      ahead.after();
      if (summary) table.setSummary(at, summary);
    }
    const known = mailbox.summary ?? (table.rowIds[at] === 0 ? NOTHING : state.mailboxes.get(table.rowIds[at]!)!);
    const { indexVersion, uidvalidity, lastUid, messages, files, bytes } = known;
    const sums = { indexVersion, uidvalidity, lastUid, messages, files, bytes };
    yield { at, uniqueid, name, sourceKey: sourceKey(place), headerPrint, print, ...sums };
  }
}

const NOTHING: MailboxSummary = { indexVersion: 0, uidvalidity: 0, lastUid: 0, messages: 0, files: 0, bytes: 0 };

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
