/** What a mailbox of the source adds up to, by the headers of its indexes. */
import { FormatError } from '../base/errors.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { readExpunge, readIndexHeader } from '../cyrus/mailbox/index.js';
import { LONGEST_HEADER_BYTES } from '../cyrus/mailbox/index-layout.js';
import { type CyrusVersion, isAtLeast } from '../cyrus/version.js';
import type { SourceTrees } from '../disk/trees.js';
import type { MailboxSummary } from '../model/mailbox.js';

/** Has the disk asked for the index that {@link readSummary} wants soon. */
export function askForSummary({ roots, relative }: MailboxPlace, trees: SourceTrees): void {
  trees.root(roots.meta.index)?.askFor(`${relative}/cyrus.index`);
}

/** @param version Of the source. @throws FormatError, ErrnoException */
export function readSummary(place: MailboxPlace, version: CyrusVersion, trees: SourceTrees): MailboxSummary {
  const path = `${place.meta.index}/cyrus.index`;
  const bytes = trees.root(place.roots.meta.index)?.readStart(`${place.relative}/cyrus.index`, LONGEST_HEADER_BYTES);
  if (!bytes) throw new FormatError(path, 0, 'an index', 'nothing');
  const header = readIndexHeader(bytes, path);
  let files: number = header.count;
  if (!isAtLeast(version, '2.4')) {
    const expunge = trees.root(place.roots.meta.expunge)?.read(`${place.relative}/cyrus.expunge`);
    files += expunge ? (readExpunge(expunge, `${place.meta.expunge}/cyrus.expunge`)?.count ?? 0) : 0;
  }
  return {
    indexVersion: header.minorVersion,
    uidvalidity: header.uidvalidity,
    lastUid: header.lastUid,
    messages: header.exists,
    files,
    bytes: Number(header.quotaUsedBytes),
  };
}
