/**
 * The seen databases in the list of sweep-list.ts. Up to 2.3 the owner's read state lies in them and not in the index:
 * who only reads his mail changes nothing else. Each stands in the list with its stat and with the mailboxes whose index
 * on the target is made of it.
 */
import { STAT_WORDS, type StatSweep } from '../disk/stat-sweep.js';

/** A mailbox, as the list knows it. */
export interface Listed {
  readonly position: number;
  readonly row: number;
}

export interface SeenFile {
  /** Below the configdirectory. */
  readonly path: string;
  /** Its stat before it was read; null where that can't be trusted. */
  readonly words: Int32Array | null;
  /** None: all that the pass made may come of it. */
  readonly dependents: readonly Listed[];
}

/** One that is not as it was. */
export interface ChangedSeenFile {
  /** In the list: after all mailboxes. */
  readonly position: number;
  readonly path: string;
  readonly dependents: readonly Listed[];
  /** Its mtime or ctime, Unix milliseconds, rounded up; 0 where it is gone. */
  readonly changedMs: number;
}

/** Files in one blob. */
export const SEEN_PER_PART = 4096;
const WORDS_BYTES = 4 * STAT_WORDS;
/** Before words, path and dependents: length of the path (u16), number of dependents (u32). */
const HEAD_BYTES = 6;
/** Position (u32), row (u32). */
const DEPENDENT_BYTES = 8;
/** The path has it all: nothing but the NUL at its end is to be added. */
const NO_NAME = Buffer.alloc(1);

export function* seenParts(files: readonly SeenFile[]): Iterable<Buffer> {
  for (let at = 0; at < files.length; at += SEEN_PER_PART)
    yield Buffer.concat(files.slice(at, at + SEEN_PER_PART).map(encode));
}

function encode({ path, words, dependents }: SeenFile): Buffer {
  const name = Buffer.from(path, 'latin1');
  const bytes = Buffer.alloc(HEAD_BYTES + WORDS_BYTES + name.length + DEPENDENT_BYTES * dependents.length);
  bytes.writeUInt16LE(name.length, 0);
  bytes.writeUInt32LE(dependents.length, 2);
  if (words) bytes.set(new Uint8Array(words.buffer, words.byteOffset, WORDS_BYTES), HEAD_BYTES);
  name.copy(bytes, HEAD_BYTES + WORDS_BYTES);
  let at = HEAD_BYTES + WORDS_BYTES + name.length;
  for (const { position, row } of dependents) {
    bytes.writeUInt32LE(position, at);
    bytes.writeUInt32LE(row, at + 4);
    at += DEPENDENT_BYTES;
  }
  return bytes;
}

/**
 * Stats the files of one part.
 * @param first Position of its first file. @param root Number of the configdirectory in the sweep.
 * @param news By position: newer words, or null for one that is to be taken for changed.
 */
export function* changedSeenFiles(
  part: Buffer,
  first: number,
  sweep: StatSweep,
  root: number,
  news: ReadonlyMap<number, Buffer | null>,
): Iterable<ChangedSeenFile> {
  const words = new Int32Array(STAT_WORDS);
  const bytes = Buffer.from(words.buffer);
  let position = first;
  for (let at = 0; at < part.length; position++) {
    const from = at + HEAD_BYTES + WORDS_BYTES;
    const to = from + part.readUInt16LE(at);
    const count = part.readUInt32LE(at + 2);
    const newer = news.get(position);
    if (newer !== null) bytes.set(newer ?? part.subarray(at + HEAD_BYTES, from));
    sweep.enter(part, from, to);
    at = to + DEPENDENT_BYTES * count;
    if (newer !== null && sweep.isAsBefore(root, NO_NAME, words, 0)) continue;
    const dependents = Array.from({ length: count }, (_, i) => ({
      position: part.readUInt32LE(to + DEPENDENT_BYTES * i),
      row: part.readUInt32LE(to + DEPENDENT_BYTES * i + 4),
    }));
    const changedMs = sweep.changedMs(root, NO_NAME);
    yield { position, path: part.toString('latin1', from, to), dependents, changedMs };
  }
}
