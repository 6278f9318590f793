/**
 * Where the bytes of a database come from. `zeroskip` is a directory, never a file's bytes: it is here for imapd.conf
 * only. `twom` is the development branch after 3.12.
 */
export type Backend =
  | 'flat'
  | 'skiplist'
  | 'twoskip'
  | 'twom'
  | 'berkeley-btree'
  | 'berkeley-hash'
  | 'zeroskip'
  | 'lmdb'
  | 'sqlite';

export const SKIPLIST_MAGIC = '\xa1\x02\x8b\x0dskiplist file\0\0\0';
export const TWOSKIP_MAGIC = '\xa1\x02\x8b\x0dtwoskip file\0\0\0\0';

/** Magic at an offset; other files of Cyrus share the first four bytes, so all of it counts. */
const MAGICS: readonly (readonly [at: number, magic: string, backend: Backend])[] = [
  [0, SKIPLIST_MAGIC, 'skiplist'], // lib/cyrusdb_skiplist.c HEADER_MAGIC
  [0, TWOSKIP_MAGIC, 'twoskip'], // lib/cyrusdb_twoskip.c HEADER_MAGIC
  [0, '\xa1\x02\x8b\x0dtwomfile\0\0\0\0', 'twom'], // lib/cyrusdb.c cyrusdb_detect, after 3.12
  [0, 'SQLite format 3\0', 'sqlite'],
  [12, '\x62\x31\x05\x00', 'berkeley-btree'], // 0x053162 in the byte order of the machine that wrote it
  [12, '\x00\x05\x31\x62', 'berkeley-btree'],
  [12, '\x61\x15\x06\x00', 'berkeley-hash'], // 0x061561
  [12, '\x00\x06\x15\x61', 'berkeley-hash'],
  [16, '\xde\xc0\xef\xbe', 'lmdb'], // MDB_MAGIC behind the 16 bytes of a page header
];

/**
 * Tells the backend by its magic. `flat` has none: it is what remains, so an empty file is flat and so is anything
 * that is no database at all (reading it as flat then fails).
 * @see cyrus-imapd 3.6.1 lib/cyrusdb.c cyrusdb_detect
 */
export function detectBackend(bytes: Buffer): Backend {
  for (const [at, magic, backend] of MAGICS) {
    if (bytes.length >= at + magic.length && bytes.toString('latin1', at, at + magic.length) === magic) return backend;
  }
  return 'flat';
}
