import type { IndexView } from './index.js';
import type { Place } from './index-layout.js';
import { addToSums, noSums } from './index-sums.js';
import { IndexWriter } from './index-writer.js';

/** @see cyrus-imapd 3.6.1 imap/mailbox.h: the sync_crc of a mailbox without annotations; 2.4 has none at all */
const NO_ANNOTATIONS = 12345678;

/** Fields of the header that `IndexWriter.create` has filled in for the new version. */
const SIZES = ['minorVersion', 'startOffset', 'recordSize', 'count'];

/**
 * The same index in a later version, as `reconstruct -V` writes it: all records and their cache records stay, what the
 * old version lacks is 0, what can be summed up is. Unlike the server it parses no message and drops no record.
 * @param toMinor 13-19, not below the version of `view`
 * @throws RangeError on another version; before 12 it takes `convertIndex` first
 * @see cyrus-imapd 3.6.1 imap/mailbox.c mailbox_index_repack
 */
export function upgradeIndex(view: IndexView, toMinor: number, nowSec: number): Buffer {
  if (view.minorVersion < 12 || toMinor < view.minorVersion || toMinor > 19) {
    throw new RangeError(`no upgrade from version ${view.minorVersion} to ${toMinor}`);
  }
  const writer = IndexWriter.create(toMinor, view.count);
  copyFields(view.layout.header, writer.layout.header, view.bytes, 0, writer.bytes, 0, SIZES);
  const sums = noSums();
  for (let i = 0; i < view.count; i++) {
    const [from, to] = [view.recordOffset(i), writer.recordOffset(i)];
    copyFields(view.layout.record, writer.layout.record, view.bytes, from, writer.bytes, to, ['contentLines']);
    writer.sealRecord(i);
    addToSums(sums, view, i);
  }
  writer.header('options', view.options);
  writer.header('highestModseq', view.highestModseq);
  writer.header('lastRepack', nowSec);
  writer.header('changesEpoch', view.changesEpoch);
  writer.header('unseen', sums.unseen);
  writer.header('quotaDeletedUsed', sums.deletedBytes);
  writer.header('quotaExpungedUsed', sums.expungedBytes);
  if (view.minorVersion < 13) writer.header('syncCrcAnnot', NO_ANNOTATIONS);
  writer.seal();
  return writer.bytes;
}

/** Copies what both layouts have; lengths are the same in 12-19. */
function copyFields(
  from: Readonly<Record<string, Place>>,
  to: Readonly<Record<string, Place>>,
  source: Buffer,
  sourceAt: number,
  target: Buffer,
  targetAt: number,
  except: readonly string[],
): void {
  for (const [field, place] of Object.entries(from)) {
    const there = to[field];
    if (!there || except.includes(field)) continue;
    source.copy(target, targetAt + there.at, sourceAt + place.at, sourceAt + place.at + place.bytes);
  }
}
