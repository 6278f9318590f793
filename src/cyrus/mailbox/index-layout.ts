/**
 * Where each field of a cyrus.index lies, by the minor version in the file. A new version is new rows here and
 * nothing elsewhere. Integers are big-endian and unsigned; times are seconds, from version 20 on nanoseconds.
 * @see cyrus-imapd imap/index_file.c index_files_by_version (versions 6-20 in one table), 2.3.16-3.12.3 imap/mailbox.h
 */

/** Byte offset in the header or record, length, and whether it counts nanoseconds. */
export interface Place {
  readonly at: number;
  readonly bytes: number;
  readonly ns: boolean;
}

/** [first version, last version, offset, length, 'ns' for a time in nanoseconds] */
type Row = readonly [from: number, to: number, at: number, bytes: number, unit?: 'ns'];

/** Header bytes, record bytes, and whether both end in a CRC-32 over what is before it. */
const SIZES: readonly (readonly [version: number, header: number, record: number])[] = [
  [6, 76, 60], // cyrus-imapd 2.1.16, 2.2.2
  [7, 76, 72], // 2.3.0: UUID
  [8, 92, 80], // 2.3.4: modseq
  [9, 96, 80], // 2.3.7
  [10, 96, 88], // 2.3.10: GUID
  [12, 128, 96], // 2.4.0: \Seen and expunged records in the index; CRCs
  [13, 128, 104], // 2.5.0, 3.0: THRID
  [14, 160, 104], // 3.1.4
  [15, 160, 104], // 3.1.5 dev
  [16, 160, 112], // 3.2: createdmodseq
  [17, 160, 112], // 3.4, 3.6, 3.8: changes_epoch
  [18, 160, 112], // 3.9 dev
  [19, 160, 112], // 3.10, 3.12: header fields moved to multiples of 8
  [20, 192, 144], // 3.13 dev: 64-bit times and sizes
];

/** Enough to read any version's header of. */
export const LONGEST_HEADER_BYTES = Math.max(...SIZES.map(([, header]) => header));

const FIRST_WITH_CRC = 12;

const HEADER = {
  generation: [[6, 20, 0, 4]],
  format: [[6, 20, 4, 4]],
  minorVersion: [[6, 20, 8, 4]],
  startOffset: [[6, 20, 12, 4]],
  recordSize: [[6, 20, 16, 4]],
  count: [[6, 20, 20, 4]],
  lastAppend: [
    [6, 19, 24, 4],
    [20, 20, 24, 8, 'ns'],
  ],
  lastUid: [
    [6, 19, 28, 4],
    [20, 20, 88, 4],
  ],
  quotaUsedBytes: [[6, 20, 32, 8]],
  pop3LastLogin: [
    [6, 19, 40, 4],
    [20, 20, 40, 8, 'ns'],
  ],
  uidvalidity: [
    [6, 19, 44, 4],
    [20, 20, 92, 4],
  ],
  deleted: [[6, 20, 48, 4]],
  answered: [[6, 20, 52, 4]],
  flagged: [[6, 20, 56, 4]],
  options: [
    [6, 18, 60, 4],
    [19, 20, 64, 4],
  ],
  leakedCache: [
    [6, 18, 64, 4],
    [19, 20, 68, 4],
  ],
  highestModseq: [
    [8, 18, 68, 8],
    [19, 20, 72, 8],
  ],
  deletedModseq: [
    [12, 18, 76, 8],
    [19, 20, 80, 8],
  ],
  exists: [
    [12, 18, 84, 4],
    [19, 20, 60, 4],
  ],
  firstExpunged: [
    [12, 19, 88, 4],
    [20, 20, 168, 8, 'ns'],
  ],
  lastRepack: [
    [12, 19, 92, 4],
    [20, 20, 176, 8, 'ns'],
  ],
  headerFileCrc: [[12, 20, 96, 4]],
  syncCrc: [[12, 20, 100, 4]],
  recentUid: [
    [12, 19, 104, 4],
    [20, 20, 184, 4],
  ],
  recentTime: [
    [12, 19, 108, 4],
    [20, 20, 104, 8, 'ns'],
  ],
  pop3ShowAfter: [
    [13, 19, 112, 4],
    [20, 20, 112, 8, 'ns'],
  ],
  quotaAnnotUsed: [
    [13, 19, 116, 4],
    [20, 20, 152, 8],
  ],
  syncCrcAnnot: [[13, 20, 120, 4]],
  unseen: [[14, 20, 124, 4]],
  createdModseq: [[16, 20, 128, 8]],
  changesEpoch: [
    [17, 18, 136, 4],
    [19, 19, 152, 4],
    [20, 20, 160, 8, 'ns'],
  ],
  quotaDeletedUsed: [
    [18, 18, 140, 8],
    [19, 20, 136, 8],
  ],
  quotaExpungedUsed: [
    [18, 18, 148, 8],
    [19, 20, 144, 8],
  ],
} satisfies Record<string, readonly Row[]>;

const RECORD = {
  uid: [[6, 20, 0, 4]],
  internalDate: [
    [6, 19, 4, 4],
    [20, 20, 8, 8, 'ns'],
  ],
  sentDate: [
    [6, 19, 8, 4],
    [20, 20, 16, 8, 'ns'],
  ],
  size: [
    [6, 19, 12, 4],
    [20, 20, 24, 8],
  ],
  headerSize: [
    [6, 19, 16, 4],
    [20, 20, 32, 4],
  ],
  // 6-10 have content_offset at 20, always the header's size
  gmtime: [
    [12, 19, 20, 4],
    [20, 20, 104, 8, 'ns'],
  ],
  cacheOffset: [
    [6, 19, 24, 4],
    [20, 20, 4, 4],
  ],
  lastUpdated: [
    [6, 19, 28, 4],
    [20, 20, 112, 8, 'ns'],
  ],
  systemFlags: [
    [6, 19, 32, 4],
    [20, 20, 36, 4],
  ],
  userFlags: [
    [6, 19, 36, 16],
    [20, 20, 40, 16],
  ],
  contentLines: [[6, 14, 52, 4]],
  saveDate: [
    [15, 19, 52, 4],
    [20, 20, 120, 8, 'ns'],
  ],
  cacheVersion: [[6, 20, 56, 4]],
  // 7-9 have a UUID of 12 bytes at 60 that is no hash of the content
  guid: [[10, 20, 60, 20]],
  modseq: [
    [8, 9, 72, 8],
    [10, 20, 80, 8],
  ],
  cid: [[13, 20, 88, 8]],
  createdModseq: [[16, 20, 96, 8]],
  baseCid: [[20, 20, 128, 8]],
  cacheCrc: [
    [12, 12, 88, 4],
    [13, 15, 96, 4],
    [16, 19, 104, 4],
    [20, 20, 136, 4],
  ],
} satisfies Record<string, readonly Row[]>;

export type HeaderField = keyof typeof HEADER;
export type RecordField = keyof typeof RECORD;

/** One version's layout; a field that it does not have is absent. */
export interface IndexLayout {
  readonly minorVersion: number;
  readonly headerSize: number;
  readonly recordSize: number;
  /** Whether header and records end in a CRC-32 (12 and later). */
  readonly hasCrc: boolean;
  readonly header: Readonly<Partial<Record<HeaderField, Place>>>;
  readonly record: Readonly<Partial<Record<RecordField, Place>>>;
}

function placesOf<F extends string>(rows: Record<F, readonly Row[]>, version: number): Partial<Record<F, Place>> {
  const places: Partial<Record<F, Place>> = {};
  for (const field of Object.keys(rows) as F[]) {
    const row = rows[field].find(([from, to]) => from <= version && version <= to);
    if (row) places[field] = { at: row[2], bytes: row[3], ns: row[4] === 'ns' };
  }
  return places;
}

/** Layouts by minor version: 6-10 and 12-20. (11 was never released; 5 and older lack four header bytes.) */
export const INDEX_LAYOUTS: ReadonlyMap<number, IndexLayout> = new Map(
  SIZES.map(([version, headerSize, recordSize]) => [
    version,
    {
      minorVersion: version,
      headerSize,
      recordSize,
      hasCrc: version >= FIRST_WITH_CRC,
      header: placesOf<HeaderField>(HEADER, version),
      record: placesOf<RecordField>(RECORD, version),
    },
  ]),
);

/** Bits of `system_flags`. The low 16 are flags that users see, the high 16 are Cyrus's own. */
export const SystemFlag = {
  answered: 0x1,
  flagged: 0x2,
  deleted: 0x4,
  draft: 0x8,
  /** The owner's (everyone's with `Option.sharedSeen`); from version 12 on. */
  seen: 0x10,
  snoozed: 0x0400_0000,
  splitConversation: 0x0800_0000,
  /** A second copy of the file, on spool or archive, waits to be unlinked (3.0 and later). */
  needsCleanup: 0x1000_0000,
  /** File and cache record are on the archive partition (3.0 and later). */
  archived: 0x2000_0000,
  /** The file is gone or going; the record waits for a repack (2.4 and later). */
  unlinked: 0x4000_0000,
  /** IMAP does not show it; the file is there unless `unlinked` (2.4 and later, whatever the version). */
  expunged: 0x8000_0000,
} as const;

/** Bits of the header's `options`. */
export const IndexOption = {
  /** UIDL is `uidvalidity.uid`; lost, every POP3 client downloads all mail again. */
  pop3NewUidl: 0x1,
  /** 2.3.4-2.3.20 only: modseqs are kept. */
  condstore: 0x2,
  sharedSeen: 0x4,
  dupDeliver: 0x8,
  hasAlarms: 0x10,
  needsUnlink: 0x2000_0000,
  needsRepack: 0x4000_0000,
  /** The server says "does not exist": what lies here waits to be removed, or was forgotten (2.4 and later). */
  deleted: 0x8000_0000,
} as const;
