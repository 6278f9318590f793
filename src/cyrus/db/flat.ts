import { FormatError } from '../../base/errors.js';
import { type DbContents, type DbEntry, sortEntries } from './entry.js';
import { compareKeys } from './order.js';

export interface FlatOptions {
  /** Undo the escaping of 2.5 and later. 2.2 - 2.4 wrote keys and values as they are. */
  readonly escaped?: boolean | undefined;
}

/**
 * Reads a flat database: lines `key TAB value LF`, in mbox order of the stored keys. A value may hold TABs. Cyrus
 * replaces the whole file by rename, so an open file is always whole. A last line without LF is no entry to Cyrus
 * either; it is left out, and the result is not clean.
 * @throws FormatError at a line without TAB: this is no flat database.
 * @see cyrus-imapd 3.6.1 lib/cyrusdb_flat.c getentry, decode
 */
export function readFlat(bytes: Buffer, file: string, options: FlatOptions = {}): DbContents {
  const compare = compareKeys('mbox');
  const entries: DbEntry[] = [];
  const notes: string[] = [];
  let clean = true;
  let unsorted = 0;
  let previous: string | undefined;
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) {
      notes.push(`The last line has no line feed; Cyrus does not see its ${bytes.length - at} bytes either.`);
      clean = false;
      break;
    }
    const line = bytes.toString('latin1', at, end);
    const tab = line.indexOf('\t');
    if (tab < 0)
      throw new FormatError(file, at, 'a line with a tab between key and value', `${line.length} bytes without`);
    const key = line.slice(0, tab);
    const value = line.slice(tab + 1);
    if (previous !== undefined && compare(previous, key) >= 0) unsorted++;
    previous = key;
    entries.push(options.escaped ? { key: decode(key), value: decode(value) } : { key, value });
    at = end + 1;
  }
  if (unsorted > 0)
    notes.push(`${unsorted} lines are out of order: Cyrus, which searches by halves, may not find them.`);
  return { entries: sortEntries(entries), clean, notes };
}

/** FF FF is FF; FF x is x without its top bit; an FF at the end is nothing. */
function decode(stored: string): string {
  if (!stored.includes('\xff')) return stored;
  return stored.replace(/\xff([\s\S]?)/g, (_, next: string) =>
    next === '\xff' || next === '' ? next : String.fromCharCode(next.charCodeAt(0) & 0x7f),
  );
}
