/** What a mailbox takes of disks beside its messages' bytes. Pure. */

/** Of one mailbox, or of many together. */
export interface Footprint {
  mailboxes: number;
  /** Of messages that are not archived. */
  dataBytes: number;
  dataFiles: number;
  archivedBytes: number;
  archivedFiles: number;
  /** cyrus.index, cyrus.header, cyrus.annotations; cyrus.cache. */
  indexBytes: number;
  cacheBytes: number;
}

/** Where nobody looked: bytes a message in real spools of 2.3 to 3.10 (120 to 150, 660 to 770). */
const INDEX_BYTES = 140;
const CACHE_BYTES = 770;
const HEADER_BYTES = 300;
/** cyrus.header, cyrus.index and cyrus.annotations, and their directory. */
export const INDEX_FILES = 4;
/** cyrus.cache, and its directory where it has one of its own. */
export const CACHE_FILES = 2;

/** Half a block that a file's end leaves empty, and its directory entry. */
export function overheadBytes(blockBytes: number): number {
  return blockBytes / 2 + 64;
}

/** What is known cheaply of a mailbox, with the sizes of its metadata guessed. */
export function plainFootprint(bytes: number, files: number): Footprint {
  return {
    mailboxes: 1,
    dataBytes: bytes,
    dataFiles: files,
    archivedBytes: 0,
    archivedFiles: 0,
    indexBytes: HEADER_BYTES + INDEX_BYTES * files,
    cacheBytes: CACHE_BYTES * files,
  };
}
