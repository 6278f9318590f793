/**
 * Many stats, each compared with what it was: the whole of a pass in which nothing changed.
 * A file's stat is ten 32-bit words here: inode, size, mtime, ctime, each as the kernel has it. Absent: all zero.
 */
import { closeSync, lstat } from 'node:fs';
import { failed, openRoot } from './beneath.js';
import { statPath } from './file-stat.js';
import { native } from './native.js';
import { ifThere } from './os-path.js';

export const STAT_WORDS = 10;

const MAX_PATH = 4096;
/** Of `/cyrus.annotations` and its like, with the NUL. */
const MAX_NAME = 64;
/** A stat by `statx` saves 4 µs of CPU time and more; its addon takes 5 ms to load. */
const WORTH_NATIVE = 1200;
/** Stats asked for whose answers nobody has taken: 0.6 KB each. */
const MOST_ASKED = 4096;
const ENOENT = 2;
const ENOTDIR = 20;
const ENAMETOOLONG = 36;
const ELOOP = 40;
/** Offsets of struct statx in 32-bit words. @see statx(2), linux/stat.h; the same on every architecture */
const STATX = { ino: 8, size: 10, ctime: 24, mtime: 28 } as const;

const BIG_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 0;

export class StatSweep {
  readonly #fds: number[] = [];
  readonly #roots: string[] = [];
  readonly #path = Buffer.alloc(MAX_PATH);
  #length = 0;
  readonly #statx = Buffer.alloc(256);
  readonly #words = new Int32Array(this.#statx.buffer, this.#statx.byteOffset, 64);
  readonly #calls: ReturnType<typeof native>;
  #asked = 0;

  /** @param files About how many are to come. */
  constructor(files: number) {
    this.#calls = files < WORTH_NATIVE ? undefined : native();
  }

  /** @param path Real path; a root that is missing has no files. @returns the number that stands for it. */
  addRoot(path: string): number {
    this.#fds.push(ifThere(() => openRoot(path)) ?? -1);
    return this.#roots.push(path) - 1;
  }

  /** HOT: the directory of the files asked for next. @param relative Bytes of its path below the root, at `from` to `to` of it. */
  enter(relative: Uint8Array, from: number, to: number): void {
    const path = this.#path;
    this.#length = to - from;
    if (this.#length + MAX_NAME > MAX_PATH) return;
    for (let at = from, i = 0; at < to; at++, i++) path[i] = relative[at]!; // `copy` takes longer for so few
  }

  /** The same of a path as text. */
  enterPath(relative: string): void {
    this.#length = relative.length;
    if (this.#length + MAX_NAME <= MAX_PATH) this.#path.write(relative, 0, 'latin1');
  }

  /**
   * HOT: three times for every mailbox of an idle pass. Allocates nothing (where `statx` can be called).
   * @param name With a slash in front and NUL at its end.
   * @param expected Words at `at`.
   * @returns whether the file is as expected. @throws ErrnoException where that can't be told
   */
  isAsBefore(root: number, name: Uint8Array, expected: Int32Array, at: number): boolean {
    const words = this.#words;
    if (!this.#stat(root, name)) return isAbsent(expected, at);
    return (
      words[STATX.ino] === expected[at] &&
      words[STATX.ino + 1] === expected[at + 1] &&
      words[STATX.size] === expected[at + 2] &&
      words[STATX.size + 1] === expected[at + 3] &&
      words[STATX.mtime] === expected[at + 4] &&
      words[STATX.mtime + 1] === expected[at + 5] &&
      words[STATX.mtime + 2] === expected[at + 6] &&
      words[STATX.ctime] === expected[at + 7] &&
      words[STATX.ctime + 1] === expected[at + 8] &&
      words[STATX.ctime + 2] === expected[at + 9]
    );
  }

  /** HOT: as above, in a pass that looks at all mailboxes. Puts the words where they are wanted. */
  read(root: number, name: Uint8Array, into: Int32Array, at: number): void {
    if (!this.#stat(root, name)) {
      into.fill(0, at, at + STAT_WORDS);
      return;
    }
    const words = this.#words;
    into[at] = words[STATX.ino]!;
    into[at + 1] = words[STATX.ino + 1]!;
    into[at + 2] = words[STATX.size]!;
    into[at + 3] = words[STATX.size + 1]!;
    into[at + 4] = words[STATX.mtime]!;
    into[at + 5] = words[STATX.mtime + 1]!;
    into[at + 6] = words[STATX.mtime + 2]!;
    into[at + 7] = words[STATX.ctime]!;
    into[at + 8] = words[STATX.ctime + 1]!;
    into[at + 9] = words[STATX.ctime + 2]!;
  }

  /**
   * Has the kernel read what a later stat of this file needs, while this thread does something else. Whatever is wrong
   * with it shows then.
   * @param relative Bytes of its directory's path below the root, at `from` to `to` of it.
   */
  askFor(root: number, relative: Uint8Array, from: number, to: number, name: Uint8Array): void {
    if (this.#asked >= MOST_ASKED) return; // answers are taken when the event loop turns
    this.#asked++;
    const below = Buffer.from(`${this.#roots[root]}/`, 'latin1');
    lstat(Buffer.concat([below, relative.subarray(from, to), name.subarray(0, -1)]), () => this.#asked--);
  }

  /** The later of mtime and ctime, Unix milliseconds, rounded up; 0 where nothing is there. */
  changedMs(root: number, name: Uint8Array): number {
    const words = new Int32Array(STAT_WORDS);
    this.read(root, name, words, 0);
    const [mtimeNs, ctimeNs] = nanosecondsOfWords(words, 0);
    return Number(((mtimeNs > ctimeNs ? mtimeNs : ctimeNs) + 999_999n) / 1_000_000n);
  }

  /** Of a file in the directory entered, into `#words`. @returns false where nothing is there */
  #stat(root: number, name: Uint8Array): boolean {
    const path = this.#path;
    const length = this.#length;
    if (length + MAX_NAME > MAX_PATH) return false;
    for (let i = 0; i < name.length; i++) path[length + i] = name[i]!;
    if (!this.#calls) return this.#plainStat(root, path.toString('latin1', 0, length + name.length - 1));
    const fd = this.#fds[root]!;
    const errno = fd < 0 ? ENOENT : this.#calls.statAt(fd, path, this.#statx);
    if (errno === 0) return true;
    // nothing there, as statPath says
    if (errno === ENOENT || errno === ENOTDIR || errno === ELOOP || errno === ENAMETOOLONG) return false;
    throw failed(errno, path.toString('latin1', 0, length + name.length - 1));
  }

  /** The same by Node's own call, into the words where `statx` would put them. */
  #plainStat(root: number, relative: string): boolean {
    const stat = statPath(`${this.#roots[root]}/${relative}`);
    if (!stat) return false;
    const bytes = this.#statx;
    putBig(bytes, STATX.ino, stat.ino);
    putBig(bytes, STATX.size, BigInt(stat.sizeBytes));
    putTime(bytes, STATX.mtime, stat.mtimeNs);
    putTime(bytes, STATX.ctime, stat.ctimeNs);
    return true;
  }

  close(): void {
    for (const fd of this.#fds) if (fd >= 0) closeSync(fd);
  }
}

function isAbsent(expected: Int32Array, at: number): boolean {
  for (let i = at; i < at + STAT_WORDS; i++) if (expected[i] !== 0) return false;
  return true;
}

const NS = 1_000_000_000n;
const scratch = Buffer.alloc(256);
const scratchWords = new Int32Array(scratch.buffer, scratch.byteOffset, 64);

function putBig(bytes: Buffer, word: number, value: bigint): void {
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value), 4 * word);
  if (BIG_ENDIAN) bytes.subarray(4 * word, 4 * word + 8).reverse();
}

function putTime(bytes: Buffer, word: number, ns: bigint): void {
  const nanoseconds = ((ns % NS) + NS) % NS;
  putBig(bytes, word, (ns - nanoseconds) / NS);
  new Int32Array(bytes.buffer, bytes.byteOffset, 64)[word + 2] = Number(nanoseconds);
}

/** Whether the words at `at` are those of a file; all zero where there was none. */
export function isThere(words: Int32Array, at: number): boolean {
  return !isAbsent(words, at);
}

/** The words as `fingerprintOf` prints them. */
export function printOfWords(words: Int32Array, at: number): string {
  if (isAbsent(words, at)) return '-';
  return `${u64(words, at)}.${u64(words, at + 2)}.${nanoseconds(words, at + 4)}.${nanoseconds(words, at + 7)}`;
}

/** mtime and ctime, nanoseconds since 1970. */
export function nanosecondsOfWords(words: Int32Array, at: number): [mtimeNs: bigint, ctimeNs: bigint] {
  return [BigInt(nanoseconds(words, at + 4)), BigInt(nanoseconds(words, at + 7))];
}

const LOW = BIG_ENDIAN ? 1 : 0;
const HIGH = 1 - LOW;

/** Above 2^53 not exact. */
export function inodeOfWords(words: Int32Array, at: number): number {
  return (words[at + HIGH]! >>> 0) * 2 ** 32 + (words[at + LOW]! >>> 0);
}

function u64(words: Int32Array, at: number): string {
  const low = words[at + LOW]! >>> 0;
  const high = words[at + HIGH]! >>> 0;
  return high < 2 ** 21 ? String(high * 2 ** 32 + low) : String((BigInt(high) << 32n) | BigInt(low));
}

/** Of seconds in two words and nanoseconds in a third; times before 1970 are negative. */
function nanoseconds(words: Int32Array, at: number): string {
  const seconds = words[at + HIGH]! * 2 ** 32 + (words[at + LOW]! >>> 0);
  const rest = words[at + 2]!;
  if (seconds > 0) return `${seconds}${String(rest).padStart(9, '0')}`;
  return String(BigInt(seconds) * NS + BigInt(rest));
}

/** The words of a fingerprint as `fingerprintOf` prints it. */
export function putStatWords(print: string, into: Int32Array, at: number): void {
  if (print === '-') {
    into.fill(0, at, at + STAT_WORDS);
    return;
  }
  const [ino, size, mtimeNs, ctimeNs] = print.split('.');
  putBig(scratch, STATX.ino, BigInt(ino!));
  putBig(scratch, STATX.size, BigInt(size!));
  putTime(scratch, STATX.mtime, BigInt(mtimeNs!));
  putTime(scratch, STATX.ctime, BigInt(ctimeNs!));
  into.set(scratchWords.subarray(STATX.ino, STATX.ino + 4), at);
  into.set(scratchWords.subarray(STATX.mtime, STATX.mtime + 3), at + 4);
  into.set(scratchWords.subarray(STATX.ctime, STATX.ctime + 3), at + 7);
}
