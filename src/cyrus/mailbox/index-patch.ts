/**
 * Small changes to an index that is otherwise carried over byte for byte: what lies beside it changed (cyrus.header,
 * cyrus.cache, the archive partition), or something is filled in that its server left out.
 */
import { IndexView } from './index.js';
import { SystemFlag } from './index-layout.js';
import { addToSums, noSums } from './index-sums.js';
import { IndexWriter } from './index-writer.js';
import { syncCrc, type UserFlags } from './sync-crc.js';

/** A record's place in the cache file that will lie beside the index. */
export interface CachePlace {
  /** In cyrus.cache, below 2^48. */
  readonly offset: number;
  /** CRC-32 of the cache record's bytes. */
  readonly crc: number;
}

/** What is left out stays as it is. `i` is the position in the index given, not in the new one. */
export interface IndexChanges {
  /** CRC-32 of the new cyrus.header. No effect before version 12, which does not keep it. */
  readonly headerFileCrc?: number | undefined;
  /** Must be that of the cache file. */
  readonly generation?: number | undefined;
  /** Mends a uidvalidity of 0 (2.4.0) with this, and a highestmodseq of 0 with 1; others stay. */
  readonly zeros?: { readonly uidvalidity: number } | undefined;
  /** Asked for each record with a zero GUID: SHA-1 of the message file, or undefined to leave it. Needs `userFlags`. */
  readonly guidOf?: ((uid: number, i: number) => Uint8Array | undefined) | undefined;
  /** Where the cache record is now; null = it has none any more; undefined = unchanged. */
  readonly cacheOf?: ((i: number) => CachePlace | null | undefined) | undefined;
  /** Sets or clears ARCHIVED: whether file and cache record lie on the archive partition. */
  readonly isArchived?: ((i: number) => boolean) | undefined;
  /** False drops the record, as a repack would: last_uid stays, deletedmodseq rises. Needs `userFlags`. */
  readonly keep?: ((i: number) => boolean) | undefined;
  /** The sync_crc of annotations (13 and later). */
  readonly syncCrcAnnot?: number | undefined;
  /** Bytes of all annotations (13 and later). */
  readonly quotaAnnotUsed?: number | undefined;
  /** From cyrus.header, for sync_crc. */
  readonly userFlags?: UserFlags | undefined;
  /** The view's own bytes are changed and given back: an index of a million messages takes 100 MB. Not with `keep`. */
  readonly inPlace?: boolean | undefined;
}

/**
 * A new index in the same version with `changes` made and every CRC and sum that depends on them right. Without any,
 * the same bytes (without what may follow the counted records).
 * @throws RangeError if `guidOf` or `keep` come without `userFlags`, or on a GUID or offset of wrong size
 */
export function patchIndex(view: IndexView, changes: IndexChanges): Buffer {
  if ((changes.guidOf || changes.keep) && !changes.userFlags) throw new RangeError('sync_crc needs userFlags');
  const kept = keptRecords(view, changes.keep);
  const writer = new IndexWriter(changes.inPlace && !changes.keep ? ownRecords(view) : copyRecords(view, kept));
  for (const [to, from] of kept.entries()) if (patchRecord(view, from, changes, writer, to)) writer.sealRecord(to);

  if (changes.headerFileCrc !== undefined) writer.header('headerFileCrc', changes.headerFileCrc);
  if (changes.generation !== undefined) writer.header('generation', changes.generation);
  if (changes.zeros) {
    if (view.uidvalidity === 0) writer.header('uidvalidity', changes.zeros.uidvalidity);
    writer.header('highestModseq', view.highestModseq); // the view has 1 for 0
  }
  if (changes.syncCrcAnnot !== undefined) writer.header('syncCrcAnnot', changes.syncCrcAnnot);
  if (changes.quotaAnnotUsed !== undefined) writer.header('quotaAnnotUsed', changes.quotaAnnotUsed);
  if (kept.length < view.count) dropFromHeader(view, kept, writer);
  writer.seal();
  if (changes.userFlags && (changes.guidOf || kept.length < view.count)) {
    writer.header('syncCrc', syncCrc(new IndexView(writer.bytes, view.file), changes.userFlags));
    writer.seal();
  }
  return writer.bytes;
}

function keptRecords(view: IndexView, keep: IndexChanges['keep']): Uint32Array {
  const kept = new Uint32Array(view.count);
  let count = 0;
  for (let i = 0; i < view.count; i++) if (!keep || keep(i)) kept[count++] = i;
  return kept.subarray(0, count);
}

function ownRecords(view: IndexView): Buffer {
  return view.bytes.subarray(0, view.recordOffset(view.count));
}

function copyRecords(view: IndexView, kept: Uint32Array): Buffer {
  const end = view.recordOffset(kept.length);
  if (kept.length === view.count) return Buffer.from(view.bytes.subarray(0, end));
  const bytes = Buffer.alloc(end);
  view.bytes.copy(bytes, 0, 0, view.startOffset);
  for (const [to, from] of kept.entries()) {
    view.bytes.copy(bytes, view.recordOffset(to), view.recordOffset(from), view.recordOffset(from + 1));
  }
  return bytes;
}

/** @returns whether the record was changed; one that was not keeps its CRC, even a wrong one. */
function patchRecord(view: IndexView, from: number, changes: IndexChanges, writer: IndexWriter, to: number): boolean {
  let isChanged = false;
  if (changes.guidOf && view.guidIsZero(from)) {
    const guid = changes.guidOf(view.uid(from), from);
    if (guid) writer.guid(to, guid);
    isChanged = guid !== undefined;
  }
  const place = changes.cacheOf?.(from);
  if (place !== undefined) {
    writer.cache(to, place?.offset ?? 0, view.cacheVersion(from), place?.crc ?? 0);
    isChanged = true;
  }
  if (changes.isArchived && changes.isArchived(from) !== view.isArchived(from)) {
    // >>> 0: bit 31 (expunged) makes a negative number otherwise
    writer.record(to, 'systemFlags', (view.systemFlags(from) ^ SystemFlag.archived) >>> 0);
    isChanged = true;
  }
  return isChanged;
}

/** @see cyrus-imapd 3.12.3 imap/mailbox.c _mailbox_index_repack: deletedmodseq and changes_epoch of dropped records */
function dropFromHeader(view: IndexView, kept: Uint32Array, writer: IndexWriter): void {
  const sums = noSums();
  let next = 0;
  let deletedModseq = view.deletedModseq;
  let changesEpoch = view.changesEpoch;
  for (let i = 0; i < view.count; i++) {
    if (kept[next] === i) {
      addToSums(sums, view, i);
      next++;
    } else if (view.modseq(i) > deletedModseq) {
      deletedModseq = view.modseq(i);
      changesEpoch = view.lastUpdated(i);
    }
  }
  writer.sums(sums);
  writer.header('count', kept.length);
  writer.header('deletedModseq', deletedModseq);
  writer.header('changesEpoch', changesEpoch);
  writer.header('leakedCache', view.leakedCache + view.count - kept.length);
}
