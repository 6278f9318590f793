/**
 * cyrus.index: what a mailbox holds. A header, then records of one size, one per message, ascending by UID.
 * The view reads fields from the bytes when asked, because a mailbox may have a million messages; which byte holds
 * which field is `index-layout.ts`. What must hold between them is `index-check.ts`.
 */

import { crc32 } from '../../base/crc32.js';
import { FormatError } from '../../base/errors.js';
import {
  type HeaderField,
  INDEX_LAYOUTS,
  type IndexLayout,
  IndexOption,
  type Place,
  SystemFlag,
} from './index-layout.js';

const NS_PER_SECOND = 1_000_000_000n;
/** As far as generation, version, sizes and count: the same in all versions. */
const GENERIC_HEADER = 24;

/**
 * The header of a cyrus.index, normalised as the server does on reading: no live message → POP3_NEW_UIDL set;
 * highestmodseq 0 → 1; before version 12 exists = count and deletedModseq = highestModseq; before 17
 * changesEpoch = lastRepack. A field that the version lacks is 0, or undefined where 0 would pass for a fact.
 * Times are seconds since 1970, byte sums are exact up to 2^53.
 * @see cyrus-imapd 3.12.3 imap/mailbox.c mailbox_buf_to_index_header
 */
export class IndexHeader {
  /** Only names the input in errors. */
  readonly file: string;
  readonly bytes: Buffer;
  readonly layout: IndexLayout;
  readonly minorVersion: number;
  /** Must equal the first four bytes of cyrus.cache. */
  readonly generation: number;
  readonly startOffset: number;
  readonly recordSize: number;
  /** Records in the file; from version 12 on with the expunged ones. */
  readonly count: number;
  readonly lastAppend: number;
  /** UIDNEXT is one more. */
  readonly lastUid: number;
  readonly quotaUsedBytes: number;
  readonly pop3LastLogin: number;
  readonly uidvalidity: number;
  readonly deleted: number;
  readonly answered: number;
  readonly flagged: number;
  /** Bits of {@link IndexOption}. */
  readonly options: number;
  readonly leakedCache: number;
  readonly highestModseq: bigint;
  readonly deletedModseq: bigint;
  readonly exists: number;
  /** When the oldest expunged record was expunged; 0 = there is none. */
  readonly firstExpunged: number;
  readonly lastRepack: number;
  /** CRC-32 of the cyrus.header beside it; 0 = not kept. */
  readonly headerFileCrc: number;
  readonly syncCrc: number;
  readonly recentUid: number;
  readonly recentTime: number;
  readonly pop3ShowAfter: number;
  readonly quotaAnnotUsed: number;
  readonly syncCrcAnnot: number;
  readonly unseen: number | undefined;
  readonly createdModseq: bigint;
  readonly changesEpoch: number;
  readonly quotaDeletedUsed: number | undefined;
  readonly quotaExpungedUsed: number | undefined;

  /** @throws FormatError: see {@link readIndexHeader}. */
  constructor(bytes: Buffer, file: string) {
    this.bytes = bytes;
    this.file = file;
    const layout = (this.layout = checkedLayout(bytes, file));
    const u32 = (field: HeaderField) => {
      const place = layout.header[field];
      return place ? readNumber(bytes, place.at, place) : 0;
    };
    const u64 = (field: HeaderField) => {
      const place = layout.header[field];
      return place ? bytes.readBigUInt64BE(place.at) : 0n;
    };
    const ifKept = (field: HeaderField) => (layout.header[field] ? u32(field) : undefined);

    this.minorVersion = layout.minorVersion;
    this.startOffset = layout.headerSize;
    this.recordSize = layout.recordSize;
    this.generation = u32('generation');
    this.count = u32('count');
    this.lastAppend = u32('lastAppend');
    this.lastUid = u32('lastUid');
    this.quotaUsedBytes = u32('quotaUsedBytes');
    this.pop3LastLogin = u32('pop3LastLogin');
    this.uidvalidity = u32('uidvalidity');
    this.deleted = u32('deleted');
    this.answered = u32('answered');
    this.flagged = u32('flagged');
    this.leakedCache = u32('leakedCache');
    this.highestModseq = u64('highestModseq') || 1n;
    this.deletedModseq = layout.header.deletedModseq ? u64('deletedModseq') : this.highestModseq;
    this.exists = layout.header.exists ? u32('exists') : this.count;
    const known = this.minorVersion < 8 ? IndexOption.pop3NewUidl : 0xffff_ffff;
    this.options = ((u32('options') & known) | (this.exists === 0 ? IndexOption.pop3NewUidl : 0)) >>> 0;
    this.firstExpunged = u32('firstExpunged');
    this.lastRepack = u32('lastRepack');
    this.headerFileCrc = u32('headerFileCrc');
    this.syncCrc = u32('syncCrc');
    this.recentUid = u32('recentUid');
    this.recentTime = u32('recentTime');
    this.pop3ShowAfter = u32('pop3ShowAfter');
    this.quotaAnnotUsed = u32('quotaAnnotUsed');
    this.syncCrcAnnot = u32('syncCrcAnnot');
    this.unseen = ifKept('unseen');
    this.createdModseq = u64('createdModseq');
    this.changesEpoch = layout.header.changesEpoch ? u32('changesEpoch') : this.lastRepack;
    this.quotaDeletedUsed = ifKept('quotaDeletedUsed');
    this.quotaExpungedUsed = ifKept('quotaExpungedUsed');
  }

  /** Whether the server would answer that this mailbox does not exist ({@link IndexOption.deleted}). */
  get isDeletedMailbox(): boolean {
    return (this.options & IndexOption.deleted) !== 0;
  }
}

/**
 * A whole cyrus.index. `i` is a record's position, 0 to `count` - 1, and is not checked: a wrong one reads foreign
 * bytes or throws RangeError.
 */
export class IndexView extends IndexHeader {
  /** Whether UIDs are meant to ascend; not so in a cyrus.expunge. */
  readonly isSorted: boolean;
  readonly #at: IndexLayout['record'];
  readonly #systemFlagsAt: number;
  readonly #userFlagsAt: number;

  /** @throws FormatError: see {@link readIndex}. */
  constructor(bytes: Buffer, file: string, isSorted = true) {
    super(bytes, file);
    const room = Math.floor((bytes.length - this.startOffset) / this.recordSize);
    if (this.count > room) {
      throw new FormatError(file, bytes.length, `${this.count} records`, `the end of the file after ${room}`);
    }
    this.isSorted = isSorted;
    this.#at = this.layout.record;
    this.#systemFlagsAt = this.#at.systemFlags!.at; // both are in every version
    this.#userFlagsAt = this.#at.userFlags!.at;
  }

  /** Offset of record `i` in the file. */
  recordOffset(i: number): number {
    return this.startOffset + i * this.recordSize;
  }

  uid(i: number): number {
    return this.bytes.readUInt32BE(this.startOffset + i * this.recordSize);
  }

  /** INTERNALDATE. */
  internalDate(i: number): number {
    return this.#number(i, this.#at.internalDate);
  }

  sentDate(i: number): number {
    return this.#number(i, this.#at.sentDate);
  }

  /** RFC822.SIZE: bytes of the message file. */
  size(i: number): number {
    return this.#number(i, this.#at.size);
  }

  headerSize(i: number): number {
    return this.#number(i, this.#at.headerSize);
  }

  /** Exact time of the Date: header; 0 before version 12. */
  gmtime(i: number): number {
    return this.#number(i, this.#at.gmtime);
  }

  /** Last change of flags, or when it was expunged. */
  lastUpdated(i: number): number {
    return this.#number(i, this.#at.lastUpdated);
  }

  /** When it came into this mailbox; 0 = unknown (always before version 15). */
  saveDate(i: number): number {
    return this.#number(i, this.#at.saveDate);
  }

  /** Bits of {@link SystemFlag}. */
  systemFlags(i: number): number {
    return this.bytes.readUInt32BE(this.startOffset + i * this.recordSize + this.#systemFlagsAt);
  }

  /** Flags 32 × `word` to 32 × `word` + 31 of cyrus.header, the first in the lowest bit. `word` is 0 to 3. */
  userFlags(i: number, word: number): number {
    return this.bytes.readUInt32BE(this.recordOffset(i) + this.#userFlagsAt + 4 * word);
  }

  /** Whether flag `slot` (0 to 127) of cyrus.header is set. */
  hasUserFlag(i: number, slot: number): boolean {
    return ((this.userFlags(i, slot >> 5) >>> (slot & 31)) & 1) === 1;
  }

  /** Whether records of this version have a GUID (10 and later). */
  get hasGuids(): boolean {
    return this.#at.guid !== undefined;
  }

  /** Also true where the version has no GUID (before 10). */
  guidIsZero(i: number): boolean {
    if (!this.#at.guid) return true;
    const at = this.recordOffset(i) + this.#at.guid.at;
    for (let word = 0; word < 20; word += 4) if (this.bytes.readUInt32BE(at + word) !== 0) return false;
    return true;
  }

  /** 40 lower-case hex digits: SHA-1 of the message file, or all zero. */
  guidHex(i: number): string {
    if (!this.#at.guid) return '0'.repeat(40);
    const at = this.recordOffset(i) + this.#at.guid.at;
    return this.bytes.toString('hex', at, at + 20);
  }

  /** Writes the 20 bytes of the GUID to `target` at `offset`. */
  copyGuid(i: number, target: Uint8Array, offset: number): void {
    if (!this.#at.guid) target.fill(0, offset, offset + 20);
    else
      this.bytes.copy(
        target,
        offset,
        this.recordOffset(i) + this.#at.guid.at,
        this.recordOffset(i) + this.#at.guid.at + 20,
      );
  }

  /**
   * Offset in cyrus.cache (that of the archive if archived), 48 bits; 0 = no cache record.
   * @see cyrus-imapd 3.6.1 imap/mailbox.c: bits 32-47 are the upper half of cache_version
   */
  cacheOffset(i: number): number {
    const high = this.#number(i, this.#at.cacheVersion) >>> 16;
    return high * 0x1_0000_0000 + this.#number(i, this.#at.cacheOffset);
  }

  cacheVersion(i: number): number {
    return this.#number(i, this.#at.cacheVersion) & 0xffff;
  }

  /** CRC-32 of the cache record's bytes; 0 before version 12. */
  cacheCrc(i: number): number {
    return this.#number(i, this.#at.cacheCrc);
  }

  /** 1 in versions 6 and 7, that have none. */
  modseq(i: number): bigint {
    return this.#at.modseq ? this.#bigint(i, this.#at.modseq) : 1n;
  }

  /** Conversation (THRID); 0 = none. */
  cid(i: number): bigint {
    return this.#bigint(i, this.#at.cid);
  }

  baseCid(i: number): bigint {
    return this.#bigint(i, this.#at.baseCid);
  }

  /** The record's createdmodseq: highestmodseq when it was made; 0 before version 16. */
  createdAtModseq(i: number): bigint {
    return this.#bigint(i, this.#at.createdModseq);
  }

  /** 2.3 never sets it, but 2.5 and later work in place on versions 6-10, and then it counts there too. */
  isExpunged(i: number): boolean {
    return (this.systemFlags(i) & SystemFlag.expunged) !== 0;
  }

  isUnlinked(i: number): boolean {
    return (this.systemFlags(i) & SystemFlag.unlinked) !== 0;
  }

  isArchived(i: number): boolean {
    return (this.systemFlags(i) & SystemFlag.archived) !== 0;
  }

  /** Whether the record's CRC fits its bytes; always true before version 12. */
  isRecordIntact(i: number): boolean {
    if (!this.layout.hasCrc) return true;
    const start = this.recordOffset(i);
    const end = start + this.recordSize - 4;
    return crc32(this.bytes.subarray(start, end)) === this.bytes.readUInt32BE(end);
  }

  /** Position of the record of `uid`, or -1. Needs ascending UIDs; reads through all of a cyrus.expunge. */
  find(uid: number): number {
    if (!this.isSorted) {
      for (let i = 0; i < this.count; i++) if (this.uid(i) === uid) return i;
      return -1;
    }
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.uid(middle);
      if (found === uid) return middle;
      if (found < uid) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  // takes the place, not the name: keyed look-ups cost checkIndex 0.5 s more per million records
  #number(i: number, place: Place | undefined): number {
    return place ? readNumber(this.bytes, this.startOffset + i * this.recordSize + place.at, place) : 0;
  }

  #bigint(i: number, place: Place | undefined): bigint {
    return place ? this.bytes.readBigUInt64BE(this.startOffset + i * this.recordSize + place.at) : 0n;
  }
}

/**
 * Reads the header; `buf` need not hold more than that (192 bytes are enough for every version).
 * @throws FormatError on a version that is not 6-10 or 12-20, another format or record size than that version has,
 * a short buffer, or (12 and later) a wrong header CRC.
 */
export function readIndexHeader(buf: Buffer, file: string): IndexHeader {
  return new IndexHeader(buf, file);
}

/**
 * Reads a whole index. Bytes after the counted records are no error: a record is written before the header counts it.
 * Record CRCs and the order of UIDs are not looked at: see `checkIndex`.
 * @throws FormatError as {@link readIndexHeader}, and when records are missing at the end.
 */
export function readIndex(buf: Buffer, file: string): IndexView {
  return new IndexView(buf, file);
}

/**
 * Reads a cyrus.expunge (2.3 with `expunge_mode: delayed`): an index of versions 6-10 whose records need not ascend.
 * @returns undefined for a file shorter than a header: the server treats it as absent.
 * @throws FormatError as {@link readIndex}, and on version 12 or later, which keeps expunged records in the index.
 * @see cyrus-imapd 2.3.16 imap/mailbox.c mailbox_open_index
 */
export function readExpunge(buf: Buffer, file: string): IndexView | undefined {
  const layout = buf.length < GENERIC_HEADER ? undefined : INDEX_LAYOUTS.get(buf.readUInt32BE(8));
  if (buf.length < (layout?.headerSize ?? GENERIC_HEADER)) return undefined;
  const view = new IndexView(buf, file, false);
  if (view.minorVersion > 10) throw new FormatError(file, 8, 'minor version 6-10', String(view.minorVersion));
  return view;
}

/** A number at `at`: four or eight bytes, nanoseconds as seconds. */
function readNumber(bytes: Buffer, at: number, place: Place): number {
  if (place.bytes === 4) return bytes.readUInt32BE(at);
  const value = bytes.readBigUInt64BE(at);
  return Number(place.ns ? value / NS_PER_SECOND : value);
}

function checkedLayout(bytes: Buffer, file: string): IndexLayout {
  if (bytes.length < GENERIC_HEADER) throw new FormatError(file, 0, 'an index header', `${bytes.length} bytes`);
  const format = bytes.readUInt32BE(4);
  if (format !== 0) throw new FormatError(file, 4, 'format 0', String(format));
  const version = bytes.readUInt32BE(8);
  const layout = INDEX_LAYOUTS.get(version);
  if (!layout) throw new FormatError(file, 8, 'minor version 6-10 or 12-20', String(version));
  const { headerSize, recordSize } = layout;
  if (bytes.length < headerSize) {
    throw new FormatError(file, 0, `${headerSize} bytes of header`, `${bytes.length} bytes`);
  }
  const sizes = [bytes.readUInt32BE(12), bytes.readUInt32BE(16)];
  if (sizes[0] !== headerSize) throw new FormatError(file, 12, `header size ${headerSize}`, String(sizes[0]));
  if (sizes[1] !== recordSize) throw new FormatError(file, 16, `record size ${recordSize}`, String(sizes[1]));
  if (layout.hasCrc) {
    const crcAt = headerSize - 4;
    const stored = bytes.readUInt32BE(crcAt);
    const actual = crc32(bytes.subarray(0, crcAt));
    if (stored !== actual) throw new FormatError(file, crcAt, `header CRC ${actual}`, String(stored));
  }
  return layout;
}
