/**
 * A 2.2 or 2.3 mailbox (index versions 6-10, expunged mail in cyrus.expunge, \Seen in the owner's seen db, mostly no
 * GUIDs) as the one file that 2.4 made of it: a version 12 index. Every later server reads that as it is; left as
 * version 10 it would unlink what cyrus.expunge lists and refuse to upgrade.
 * @see cyrus-imapd 2.4.22 imap/upgrade_index.c, the converter whose outcome this one follows
 */

import { cachePlace } from './cache.js';
import { IndexView } from './index.js';
import { IndexOption, SystemFlag } from './index-layout.js';
import { addToSums, noSums } from './index-sums.js';
import { IndexWriter } from './index-writer.js';
import { sentDateInCache } from './sent-date.js';
import { syncCrc, type UserFlags } from './sync-crc.js';

const VERSION = 12;
/** Flags that 2.3 sets; bit 4 was unused and comes from the seen db instead. ARCHIVED is from a 3.x working in place. */
const OLD_FLAGS =
  SystemFlag.answered | SystemFlag.flagged | SystemFlag.deleted | SystemFlag.draft | SystemFlag.archived;
/** IMAP_CONDSTORE is 2.3's alone. */
const KEPT_OPTIONS = IndexOption.pop3NewUidl | IndexOption.sharedSeen | IndexOption.dupDeliver;

/** The owner's entry in a seen db (of the user `anyone`, if the index has sharedSeen), keyed by uniqueid. */
export interface OwnerSeen {
  readonly lastUid: number;
  readonly lastChangeSec: number;
  /** Whether the owner has seen this UID. */
  readonly contains: (uid: number) => boolean;
}

export interface ConvertInput {
  /** Version 6-10. */
  readonly index: IndexView;
  /** Absent: there is none, or its messages are not to be kept. */
  readonly expunge?: IndexView | undefined;
  /** SHA-1 of the message file (20 bytes), or undefined if there is no file. */
  readonly guidOf: (uid: number) => Uint8Array | undefined;
  /** Length of the message file, or undefined if there is no file. */
  readonly sizeOf: (uid: number) => number | undefined;
  /** The cyrus.cache that is carried over; absent = none is. */
  readonly cache?: Buffer | undefined;
  /** Of the cache that will lie beside the index. */
  readonly cacheGeneration: number;
  readonly ownerSeen?: OwnerSeen | undefined;
  /** Slots of cyrus.header. */
  readonly userFlags: UserFlags;
  /** CRC-32 of the cyrus.header that will lie beside the index. */
  readonly headerFileCrc: number;
  /** Now; also the uidvalidity of an index that has none. */
  readonly nowSec: number;
}

export type ConvertProblemCode =
  /** A live message has no file. Its record is kept, as the server would, with the GUID it had. */
  | 'no-file'
  /** An expunged message has no file; its record is left out. */
  | 'no-file-expunged'
  /** There is a file but no SHA-1 of it was given; the GUID that the record had is kept, zero mostly. */
  | 'no-guid'
  /** The file's SHA-1 is not the GUID of the index (damage); the file's is written. */
  | 'guid-mismatch'
  /** The file's length is not the size of the index (damage); the file's is written. */
  | 'size-mismatch'
  /** In cyrus.index and in cyrus.expunge: a half-done expunge. It stays live. */
  | 'live-and-expunged'
  /** More than once in one file; the first is taken. */
  | 'repeated-uid'
  /** No cache record where the index says. The server parses the message again. */
  | 'no-cache-record'
  /** Records above last_uid, which is raised. */
  | 'last-uid'
  /** uidvalidity was 0. */
  | 'zero-uidvalidity';

export interface ConvertProblem {
  readonly code: ConvertProblemCode;
  /** UIDs that show it, in order; empty for the header's. */
  readonly uids: readonly number[];
}

/** What the conversion takes from where: one entry per record of the new index, ascending by UID. */
interface Sources {
  readonly count: number;
  readonly isExpunged: (i: number) => boolean;
  readonly isFromExpunge: (i: number) => boolean;
  readonly view: (i: number) => IndexView;
  readonly position: (i: number) => number;
}

/**
 * Merges index and cyrus.expunge into a version 12 index, with all sums and CRCs. UIDs, last_uid, uidvalidity, dates
 * and flags stay; modseqs are at least 1.
 * @throws RangeError if `index` or `expunge` is not of version 6-10
 */
export function convertIndex(input: ConvertInput): { index: Buffer; problems: ConvertProblem[] } {
  for (const view of [input.index, input.expunge]) {
    if (view && view.minorVersion > 10) throw new RangeError(`version ${view.minorVersion} needs no conversion`);
  }
  const problems = new Map<ConvertProblemCode, number[]>();
  const report = (code: ConvertProblemCode, uid?: number) => {
    const uids = problems.get(code) ?? [];
    if (uid !== undefined) uids.push(uid);
    problems.set(code, uids);
  };
  const sources = mergeByUid(input, report);
  const writer = IndexWriter.create(VERSION, sources.count);
  for (let i = 0; i < sources.count; i++) {
    writeRecord(writer, i, sources.view(i), sources.position(i), sources.isExpunged(i), input, report);
  }
  writeHeader(writer, sources, input, report);
  return { index: writer.bytes, problems: [...problems].map(([code, uids]) => ({ code, uids })) };
}

type Report = (code: ConvertProblemCode, uid?: number) => void;

function mergeByUid(input: ConvertInput, report: Report): Sources {
  const { index, expunge } = input;
  const total = index.count + (expunge?.count ?? 0);
  const view = (source: number) => (source < index.count ? index : expunge!);
  const position = (source: number) => (source < index.count ? source : source - index.count);
  const uid = (source: number) => view(source).uid(position(source));
  // also what a 2.5 or later, working on the old version, expunged in cyrus.index itself
  const isExpunged = (source: number) => source >= index.count || index.isExpunged(source);
  // a stable sort: of equal UIDs the index's comes first, then that earlier in its file
  const order = Uint32Array.from({ length: total }, (_, source) => source).sort((a, b) => uid(a) - uid(b) || a - b);
  let count = 0;
  for (const source of order) {
    const before = count > 0 ? order[count - 1]! : undefined;
    if (before !== undefined && uid(before) === uid(source)) {
      const isSameFile = before < index.count === source < index.count;
      report(isSameFile ? 'repeated-uid' : 'live-and-expunged', uid(source));
    } else if (view(source).isUnlinked(position(source))) {
      // dropped, as by a repack
    } else if (isExpunged(source) && input.sizeOf(uid(source)) === undefined) {
      report('no-file-expunged', uid(source));
    } else {
      order[count++] = source;
    }
  }
  return {
    count,
    isExpunged: (i) => isExpunged(order[i]!),
    isFromExpunge: (i) => order[i]! >= index.count,
    view: (i) => view(order[i]!),
    position: (i) => position(order[i]!),
  };
}

function writeRecord(
  writer: IndexWriter,
  i: number,
  from: IndexView,
  at: number,
  isExpunged: boolean,
  input: ConvertInput,
  report: Report,
): void {
  const uid = from.uid(at);
  // the first 60 bytes lie alike in 6-10 and 12: uid, dates, size, cache, flags
  from.bytes.copy(writer.bytes, writer.recordOffset(i), from.recordOffset(at), from.recordOffset(at) + 60);
  writer.record(i, 'contentLines', 0);
  let flags = from.systemFlags(at) & OLD_FLAGS;
  if (input.ownerSeen?.contains(uid)) flags |= SystemFlag.seen;
  if (isExpunged) flags |= SystemFlag.expunged;
  writer.record(i, 'systemFlags', flags >>> 0);
  const modseq = from.modseq(at);
  writer.record(i, 'modseq', modseq > 1n ? modseq : 1n);

  const size = input.sizeOf(uid);
  if (size === undefined) report('no-file', uid);
  else if (size !== from.size(at)) {
    report('size-mismatch', uid);
    writer.record(i, 'size', size);
  }
  const guid = Buffer.alloc(20);
  from.copyGuid(at, guid, 0);
  const actual = size === undefined ? undefined : input.guidOf(uid);
  if (size !== undefined && !actual) report('no-guid', uid);
  if (actual && !from.guidIsZero(at) && !guid.equals(actual)) report('guid-mismatch', uid);
  writer.guid(i, actual ?? guid);

  // an archived message's cache record is in another file
  const isThere = input.cache && !from.isArchived(at);
  const place = isThere ? cachePlace(input.cache, from.cacheOffset(at)) : undefined;
  if (input.cache && !place) report('no-cache-record', uid);
  const sent = place && sentDateInCache(input.cache!, place.offset);
  writer.record(i, 'gmtime', sent?.timeSec ?? from.internalDate(at));
  writer.cache(i, place?.offset ?? 0, from.cacheVersion(at), place?.crc ?? 0);
  writer.sealRecord(i);
}

function writeHeader(writer: IndexWriter, sources: Sources, input: ConvertInput, report: Report): void {
  const { index, ownerSeen } = input;
  writer.seal(); // so that the new records can be read back
  const made = new IndexView(writer.bytes, index.file);
  const sums = noSums();
  let lastUid = index.lastUid;
  let highestModseq = index.highestModseq;
  let merged = 0;
  for (let i = 0; i < made.count; i++) {
    addToSums(sums, made, i);
    lastUid = Math.max(lastUid, made.uid(i));
    if (made.modseq(i) > highestModseq) highestModseq = made.modseq(i);
    if (sources.isFromExpunge(i)) merged++;
  }
  if (lastUid > index.lastUid) report('last-uid');
  if (index.uidvalidity === 0) report('zero-uidvalidity');

  writer.sums(sums);
  writer.header('generation', input.cacheGeneration);
  writer.header('lastAppend', index.lastAppend);
  writer.header('lastUid', lastUid);
  writer.header('pop3LastLogin', index.pop3LastLogin);
  writer.header('uidvalidity', index.uidvalidity || input.nowSec);
  writer.header('options', index.options & KEPT_OPTIONS);
  writer.header('leakedCache', input.cache ? Math.max(0, index.leakedCache - merged) : 0);
  writer.header('highestModseq', highestModseq);
  writer.header('deletedModseq', highestModseq);
  writer.header('lastRepack', input.nowSec);
  writer.header('headerFileCrc', input.headerFileCrc);
  writer.header('recentUid', ownerSeen?.lastUid ?? 0);
  writer.header('recentTime', ownerSeen?.lastChangeSec ?? 0);
  writer.header('syncCrc', syncCrc(made, input.userFlags));
  writer.seal();
}
