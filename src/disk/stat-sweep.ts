/**
 * Many stats, each compared with what it was: the whole of a pass in which nothing changed.
 * A file's stat is ten 32-bit words here: inode, size, mtime, ctime, each as the kernel has it. Absent: all zero.
 */
import { closeSync, lstatSync } from 'node:fs';
import { openRoot } from './beneath.js';
import { native } from './native.js';
import { errnoOf, isMissing, osPath } from './os-path.js';

export const STAT_WORDS = 10;

const MAX_PATH = 4096;
/** A stat by `statx` saves 1.5-2 µs of CPU time; koffi takes 15-20 ms to load (bench "idle"). */
const WORTH_NATIVE = 12_000;
/** Offsets of struct statx in 32-bit words. @see statx(2), linux/stat.h; the same on every architecture */
const STATX = { ino: 8, size: 10, ctime: 24, mtime: 28 } as const;

export class StatSweep {
  readonly #fds: number[] = [];
  readonly #roots: readonly string[];
  readonly #path = Buffer.alloc(MAX_PATH);
  readonly #statx = Buffer.alloc(256);
  readonly #words = new Int32Array(this.#statx.buffer, this.#statx.byteOffset, 64);
  readonly #calls: ReturnType<typeof native>;

  /** @param roots Real paths; a root that is missing has no files. @param files About how many are to come. */
  constructor(roots: readonly string[], files: number) {
    this.#roots = roots;
    this.#calls = files < WORTH_NATIVE ? undefined : native();
    for (const root of roots) {
      try {
        this.#fds.push(openRoot(root));
      } catch (error) {
        if (!isMissing(error)) throw error;
        this.#fds.push(-1);
      }
    }
  }

  /**
   * HOT: three times for every mailbox of every pass. Allocates nothing (where `statx` can be called).
   * @param relative Bytes of the path below the root, at `from` to `to` of it.
   * @param expected Words at `at`.
   * @returns whether the file is as expected.
   */
  isAsBefore(
    root: number,
    relative: Buffer,
    from: number,
    to: number,
    name: Buffer,
    expected: Int32Array,
    at: number,
  ): boolean {
    const fd = this.#fds[root]!;
    const path = this.#path;
    const length = to - from;
    if (length + name.length > MAX_PATH) return false;
    relative.copy(path, 0, from, to);
    path.set(name, length); // it ends in NUL
    const words = this.#words;
    if (this.#calls) {
      const errno = fd < 0 ? 2 : this.#calls.statAt(fd, path, this.#statx);
      if (errno !== 0) {
        // ENOENT, ENOTDIR, ELOOP: nothing there, as statPath says
        return (errno === 2 || errno === 20 || errno === 40) && isAbsent(expected, at);
      }
    } else if (!this.#plainStat(root, path.toString('latin1', 0, length + name.length - 1)))
      return isAbsent(expected, at);
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

  /** The same by Node's own call, into the words where `statx` would put them. */
  #plainStat(root: number, relative: string): boolean {
    let stat: import('node:fs').BigIntStats | undefined;
    try {
      stat = lstatSync(osPath(`${this.#roots[root]}/${relative}`), { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      if (!isMissing(error) && errnoOf(error) !== 'ELOOP') throw error;
    }
    if (!stat) return false;
    const bytes = this.#statx;
    putBig(bytes, STATX.ino, stat.ino);
    putBig(bytes, STATX.size, stat.size);
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

const BIG_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 0;

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
