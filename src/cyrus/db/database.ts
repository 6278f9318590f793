import { FormatError } from '../../base/errors.js';
import type { CyrusVersion } from '../version.js';
import { detectBackend } from './detect.js';
import type { DbContents, DbEntry } from './entry.js';
import { type FlatOptions, readFlat } from './flat.js';
import { writeFlat } from './flat-write.js';
import type { KeyOrder } from './order.js';
import { readSkiplist } from './skiplist.js';
import { writeSkiplist } from './skiplist-write.js';
import { readTwoskip } from './twoskip.js';
import { writeTwoskip } from './twoskip-write.js';

/** What is read and written here; the others are exported on the old server. */
export type OwnBackend = 'flat' | 'skiplist' | 'twoskip';

export interface Database extends DbContents {
  readonly backend: OwnBackend;
}

/**
 * Reads a database file of Cyrus, whatever backend wrote it: the bytes say which, imapd.conf may be wrong. `bytes` may
 * be a copy of a file that is being written, or what a crash left; see `DbContents.clean`. Empty is an empty database.
 * Takes time in proportion to the size (100,000 entries, 15 MB: 0.2 s).
 * @throws FormatError if the bytes are torn (copy them again), damaged, or of a backend that must be exported on the
 * old server first.
 */
export function readDatabase(bytes: Buffer, file: string, options: FlatOptions = {}): Database {
  const backend = detectBackend(bytes);
  switch (backend) {
    case 'flat':
      return { backend, ...readFlat(bytes, file, options) };
    case 'skiplist':
      return { backend, ...readSkiplist(bytes, file) };
    case 'twoskip':
      return { backend, ...readTwoskip(bytes, file) };
    default:
      throw new FormatError(file, 0, 'a flat, skiplist or twoskip database', `a ${backend} database`);
  }
}

export interface WriteOptions {
  /** As Cyrus will open the file; without it signed for skiplist, raw for twoskip. Flat is always in mbox order. */
  readonly order?: KeyOrder | undefined;
  /** The Cyrus that will read it. */
  readonly version: CyrusVersion;
  /** The time now, in seconds since 1970, which a skiplist file bears. */
  readonly nowSec: number;
}

/**
 * Writes a whole database; entries in any order. The same input gives the same bytes.
 * @throws RangeError for a key twice or empty, or an entry that this backend of this version cannot hold
 */
export function writeDatabase(backend: OwnBackend, entries: readonly DbEntry[], options: WriteOptions): Buffer {
  switch (backend) {
    case 'flat':
      return writeFlat(entries, options.version);
    case 'skiplist':
      return writeSkiplist(entries, options.order ?? 'signed', options.nowSec);
    case 'twoskip':
      return writeTwoskip(entries, options.order ?? 'raw');
  }
}
