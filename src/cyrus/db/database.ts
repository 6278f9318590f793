import { FormatError } from '../../base/errors.js';
import { type Backend, detectBackend } from './detect.js';
import type { DbContents } from './entry.js';
import { type FlatOptions, readFlat } from './flat.js';
import { readSkiplist } from './skiplist.js';
import { readTwoskip } from './twoskip.js';

export interface Database extends DbContents {
  readonly backend: Backend;
}

/**
 * Reads a database file of Cyrus, whatever backend wrote it: the bytes say which, imapd.conf may be wrong. `bytes` may
 * be a copy of a file that is being written, or what a crash left; see `DbContents.clean`. Empty is an empty database.
 * Takes time in proportion to the size (100,000 entries: 0.1 s).
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
