/**
 * The fingerprint of a mailbox: what must be looked at to know that nothing in it changed.
 * @see reference cyrus-mailbox-files.md 9.2
 */
import type { MetaKind } from '../cyrus/conf/cyrus-conf.js';
import { isThere, nanosecondsOfWords, printOfWords, putStatWords, STAT_WORDS, StatSweep } from '../disk/stat-sweep.js';

/** cyrus.expunge is 2.3's alone, cyrus.annotations 2.5's and later: never both. */
export type ThirdFile = 'expunge' | 'annotations';

export function thirdFile(hasExpunge: boolean): ThirdFile {
  return hasExpunge ? 'expunge' : 'annotations';
}

/** Those that tell whether anything in a mailbox changed. */
export function mailboxFiles(third: ThirdFile): [string, string, string] {
  return ['cyrus.header', 'cyrus.index', `cyrus.${third}`];
}

const FILES = 3;

/**
 * Of a mailbox's three files those whose stats are worth being asked for early: the third is mostly missing, and where it
 * has the directory of another, that is known then.
 * @param roots Of each.
 */
export function worthAsking<T>([header, index, third]: readonly [T, T, T]): readonly number[] {
  return third === header || third === index ? FIRST_TWO : ALL_THREE;
}

const FIRST_TWO = [0, 1];
const ALL_THREE = [0, 1, 2];

/** 32-bit words of a mailbox's three stats, {@link STAT_WORDS} each. */
export const PRINT_WORDS = FILES * STAT_WORDS;

/** As a path's last component: slash in front, NUL at its end. */
export function nameBytes(file: string): Buffer {
  return Buffer.from(`/${file}\0`, 'latin1');
}

/** Looks at mailboxes' files; each root is opened once. */
export class Fingerprints {
  readonly #third: ThirdFile;
  readonly #real: (path: string) => string;
  readonly #sweep: StatSweep;
  readonly #names: readonly Buffer[];
  readonly #rootNumbers = new Map<string, number>();

  /**
   * @param real Puts a root's prefix in front of its path.
   * @param mailboxes About how many are to come: for a few the native calls are not worth being loaded.
   */
  constructor(real: (path: string) => string, hasExpunge: boolean, mailboxes: number) {
    this.#real = real;
    this.#third = thirdFile(hasExpunge);
    this.#sweep = new StatSweep(FILES * mailboxes);
    this.#names = mailboxFiles(this.#third).map(nameBytes);
  }

  /** @param meta Roots, as the server names them. @param into Gets {@link PRINT_WORDS} at `at`. */
  look(meta: Readonly<Record<MetaKind, string>>, relative: string, into: Int32Array, at: number): void {
    const homes = this.#homes(meta);
    this.#sweep.enterPath(relative);
    for (let file = 0; file < FILES; file++)
      this.#sweep.read(this.#rootNumber(homes[file]!), this.#names[file]!, into, at + file * STAT_WORDS);
  }

  /** Has the disk asked for what {@link look} wants. */
  askFor(meta: Readonly<Record<MetaKind, string>>, relative: string): void {
    const homes = this.#homes(meta);
    const path = Buffer.from(relative, 'latin1');
    for (const file of worthAsking(homes))
      this.#sweep.askFor(this.#rootNumber(homes[file]!), path, 0, path.length, this.#names[file]!);
  }

  of(meta: Readonly<Record<MetaKind, string>>, relative: string): MailboxPrint {
    const words = new Int32Array(PRINT_WORDS);
    this.look(meta, relative, words, 0);
    return new MailboxPrint(words);
  }

  #homes(meta: Readonly<Record<MetaKind, string>>): [string, string, string] {
    return [meta.header, meta.index, meta[this.#third]];
  }

  #rootNumber(path: string): number {
    let number = this.#rootNumbers.get(path);
    if (number === undefined) {
      number = this.#sweep.addRoot(this.#real(path));
      this.#rootNumbers.set(path, number);
    }
    return number;
  }

  close(): void {
    this.#sweep.close();
  }
}

/** Younger than this, a file may have been written again within the tick that its times show. */
const RACY_NS = 1_100_000_000n;
/** Where times have no part of a second. */
const RACY_WHOLE_SECONDS_NS = 3_000_000_000n;
const SECOND_NS = 1_000_000_000n;

export class MailboxPrint {
  readonly words: Int32Array;

  /** @param words {@link PRINT_WORDS} of them. */
  constructor(words: Int32Array) {
    this.words = words;
  }

  get hasHeader(): boolean {
    return isThere(this.words, 0);
  }

  get hasIndex(): boolean {
    return isThere(this.words, STAT_WORDS);
  }

  get hasThird(): boolean {
    return isThere(this.words, 2 * STAT_WORDS);
  }

  get header(): string {
    return printOfWords(this.words, 0);
  }

  /** Of all files looked at; `-` for one that is not there. */
  get all(): string {
    return printOfFiles(this.words, 0);
  }

  equals({ words }: MailboxPrint): boolean {
    return this.words.every((word, i) => word === words[i]);
  }

  /** True where another write could hide behind the same times. */
  isRacy(nowMs: number): boolean {
    return areRacy(this.words, nowMs);
  }
}

/** @param words Of the stats of some files. @param nowMs The clock when they were taken. */
export function areRacy(words: Int32Array, nowMs: number): boolean {
  let newestNs = 0n;
  let isFine = false;
  for (let at = 0; at < words.length; at += STAT_WORDS) {
    for (const time of nanosecondsOfWords(words, at)) {
      if (time > newestNs) newestNs = time;
      isFine ||= time % SECOND_NS !== 0n;
    }
  }
  return BigInt(nowMs) * 1_000_000n - newestNs < (isFine ? RACY_NS : RACY_WHOLE_SECONDS_NS);
}

/** Fingerprint of three files whose words begin at `at`. */
export function printOfFiles(words: Int32Array, at: number): string {
  return `${printOfWords(words, at)} ${printOfWords(words, at + STAT_WORDS)} ${printOfWords(words, at + 2 * STAT_WORDS)}`;
}

/** The words of such a fingerprint. */
export function putPrint(print: string, into: Int32Array, at: number): void {
  for (const [file, text] of print.split(' ').entries()) putStatWords(text, into, at + file * STAT_WORDS);
}
