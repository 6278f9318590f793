/** Counters of a user or of a domain's shared mailboxes: highest modseqs, last UIDVALIDITY (3.0+). A file, not a database. */

import { crc32 } from '../../base/crc32.js';
import { FormatError } from '../../base/errors.js';
import { type CyrusVersion, isAtLeast } from '../version.js';

/** Modseqs in file order from byte 8 on, u64 each; a newer version of the file has more of them. */
export const COUNTER_NAMES = [
  'highest',
  'mail',
  'caldav',
  'carddav',
  'notes',
  'mailFolders',
  'caldavFolders',
  'carddavFolders',
  'notesFolders',
  'quota',
  'racl',
  'submission',
  'submissionFolders',
  'mailDeleted',
  'caldavDeleted',
  'carddavDeleted',
  'notesDeleted',
  'submissionDeleted',
  'mailFoldersDeleted',
  'caldavFoldersDeleted',
  'carddavFoldersDeleted',
  'notesFoldersDeleted',
  'submissionFoldersDeleted',
  'davNotification',
  'davNotificationDeleted',
  'davNotificationFolders',
  'davNotificationFoldersDeleted',
  'jmapNotification',
  'jmapNotificationDeleted',
  'jmapNotificationFolders',
  'jmapNotificationFoldersDeleted',
  'sieve',
  'sieveDeleted',
  'sieveFolders',
  'sieveFoldersDeleted',
] as const;
export type CounterName = (typeof COUNTER_NAMES)[number];

/** How many modseqs version 0, 1, … of the file has. */
const MODSEQS = [4, 5, 6, 9, 11, 13, 23, 27, 31, 35] as const;

export interface Counters {
  generation: number;
  /** Of the file, 0 to 9. */
  fileVersion: number;
  /** 0 for those that this version of the file does not have. */
  modseqs: Record<CounterName, bigint>;
  /** The last one given to a new mailbox; must not be lower than any in use. */
  uidvalidity: number;
}

/** Version of the counters file that a server writes; those before 3.0 have none. */
export function countersVersionOf(version: CyrusVersion): number | undefined {
  const written = [
    ['3.6', 9],
    ['3.4', 8],
    ['3.2', 5],
    ['3.0', 3],
  ] as const;
  return written.find(([since]) => isAtLeast(version, since))?.[1];
}

function lengthOf(modseqs: number): number {
  return 8 + 8 * modseqs + 8;
}

/**
 * @throws FormatError on a length that does not fit the version, or a wrong CRC; Cyrus too rejects such a file.
 * @see cyrus-imapd 3.6.1 imap/mboxname.c mboxname_buf_to_counters
 */
export function parseCounters(bytes: Buffer, file: string): Counters {
  if (bytes.length < lengthOf(MODSEQS[0])) throw new FormatError(file, 0, 'counters', `${bytes.length} bytes`);
  // the first code wrote anything as its version
  const fileVersion = bytes.length === lengthOf(MODSEQS[0]) ? 0 : bytes.readUInt32BE(4);
  const modseqCount = MODSEQS[fileVersion];
  if (modseqCount === undefined) throw new FormatError(file, 4, 'version 0-9', String(fileVersion));
  const length = lengthOf(modseqCount);
  if (bytes.length !== length) throw new FormatError(file, 0, `${length} bytes`, `${bytes.length}`);
  const stored = bytes.readUInt32BE(length - 4);
  const actual = crc32(bytes.subarray(0, length - 4));
  if (stored !== actual) throw new FormatError(file, length - 4, `CRC ${actual}`, String(stored));
  const modseqs = zeroCounters();
  for (const [i, name] of COUNTER_NAMES.slice(0, modseqCount).entries()) {
    modseqs[name] = bytes.readBigUInt64BE(8 + 8 * i);
  }
  return { generation: bytes.readUInt32BE(0), fileVersion, modseqs, uidvalidity: bytes.readUInt32BE(length - 8) };
}

/** The file for a given version of it, 9 (3.6 to 3.12) if not said; `counters.fileVersion` is not looked at. */
export function printCounters(counters: Omit<Counters, 'fileVersion'>, fileVersion = 9): Buffer {
  const modseqCount = MODSEQS[fileVersion];
  if (modseqCount === undefined) throw new RangeError(`no counters file version ${fileVersion}`);
  const length = lengthOf(modseqCount);
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(counters.generation, 0);
  bytes.writeUInt32BE(fileVersion, 4);
  for (const [i, name] of COUNTER_NAMES.slice(0, modseqCount).entries()) {
    bytes.writeBigUInt64BE(counters.modseqs[name], 8 + 8 * i);
  }
  bytes.writeUInt32BE(counters.uidvalidity, length - 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, length - 4)), length - 4);
  return bytes;
}

/** All modseqs 0, to start from. */
export function zeroCounters(): Record<CounterName, bigint> {
  return Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0n])) as Record<CounterName, bigint>;
}
