import { type CyrusVersion, isAtLeast } from '../version.js';
import type { DbEntry } from './entry.js';
import { inOrder } from './writable.js';

/**
 * Writes a flat database for `version`. 2.5 and later escape, so that they hold any byte.
 * @throws RangeError for an entry it cannot hold: an empty key, a key twice, for 2.2 - 2.4 a NUL or LF anywhere or a
 * TAB in the key.
 * @see cyrus-imapd 3.6.1 lib/cyrusdb_flat.c encode, mystore
 */
export function writeFlat(entries: readonly DbEntry[], version: CyrusVersion): Buffer {
  const stored = isAtLeast(version, '2.5') ? entries.map(encode) : entries.map(checkPlain);
  // sorted as stored: Cyrus searches for the escaped key
  const lines = inOrder(stored, 'mbox').map(({ key, value }) => `${key}\t${value}\n`);
  return Buffer.from(lines.join(''), 'latin1');
}

function encode({ key, value }: DbEntry): DbEntry {
  return { key: escapeBytes(key), value: escapeBytes(value) };
}

function escapeBytes(text: string): string {
  return text.replace(
    /[\0\t\n\r\xff]/g,
    (c) => `\xff${c === '\xff' ? c : String.fromCharCode(c.charCodeAt(0) | 0x80)}`,
  );
}

function checkPlain(entry: DbEntry): DbEntry {
  if (/[\0\t\n]/.test(entry.key) || /[\0\n]/.test(entry.value)) {
    throw new RangeError(`A flat database of Cyrus before 2.5 cannot hold the entry ${JSON.stringify(entry.key)}`);
  }
  return entry;
}
