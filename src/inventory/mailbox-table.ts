/**
 * What is known of all mailboxes at once, in columns: stats of three files each, the index's sums, the row in the state.
 * 172 bytes a mailbox; as objects and fingerprint strings it would be a kilobyte.
 */
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { isThere, printOfWords, putStatWords, STAT_WORDS, StatSweep } from '../disk/stat-sweep.js';
import type { MailboxSummary } from '../model/mailbox.js';

/** cyrus.expunge is 2.3's alone, cyrus.annotations 2.5's and later: never both. */
export type ThirdFile = 'expunge' | 'annotations';

export function thirdFile(hasExpunge: boolean): ThirdFile {
  return hasExpunge ? 'expunge' : 'annotations';
}

/** Those that tell whether anything in a mailbox changed (reference cyrus-mailbox-files.md 9.2). */
export function mailboxFiles(third: ThirdFile): [string, string, string] {
  return ['cyrus.header', 'cyrus.index', `cyrus.${third}`];
}

export const FILES = 3;
const WORDS = FILES * STAT_WORDS;
const SUMS = 6;

/** As a path's last component: slash in front, NUL at its end. */
export function nameBytes(file: string): Buffer {
  return Buffer.from(`/${file}\0`, 'latin1');
}

export class MailboxTable {
  /** Of header, index and third file, {@link STAT_WORDS} each. */
  readonly #words: Int32Array;
  readonly #sums: Float64Array;
  readonly #hasSums: Uint8Array;
  /** Id of the row in the state; 0 until there is one. */
  readonly rowIds: Float64Array;
  /** Files that the target is known to have; -1 where it has never had the mailbox. */
  readonly syncedFiles: Int32Array;
  readonly #third: ThirdFile;
  readonly #real: (path: string) => string;
  readonly #sweep: StatSweep;
  readonly #names: readonly Buffer[];
  readonly #rootNumbers = new Map<string, number>();
  #count = 0;

  /** @param capacity Mailboxes that are to come at most. @param real Puts a root's prefix in front of its path. */
  constructor(capacity: number, hasExpunge: boolean, real: (path: string) => string) {
    this.#words = new Int32Array(capacity * WORDS);
    this.#sums = new Float64Array(capacity * SUMS);
    this.#hasSums = new Uint8Array(capacity);
    this.rowIds = new Float64Array(capacity);
    this.syncedFiles = new Int32Array(capacity).fill(-1);
    this.#third = thirdFile(hasExpunge);
    this.#real = real;
    this.#sweep = new StatSweep(FILES * capacity);
    this.#names = mailboxFiles(this.#third).map(nameBytes);
  }

  /** Stats the files of one more mailbox. @returns its number */
  add(place: MailboxPlace): number {
    const i = this.#count++;
    this.#look(place, this.#words, i * WORDS);
    return i;
  }

  /** Takes back the mailbox added last. */
  drop(): void {
    this.#count--;
  }

  #look({ roots, relative }: MailboxPlace, into: Int32Array, at: number): void {
    const { meta } = roots;
    const homes = [meta.header, meta.index, meta[this.#third]];
    this.#sweep.enterPath(relative);
    for (let file = 0; file < FILES; file++)
      this.#sweep.read(this.#rootNumber(homes[file]!), this.#names[file]!, into, at + file * STAT_WORDS);
  }

  #rootNumber(path: string): number {
    let number = this.#rootNumbers.get(path);
    if (number === undefined) {
      number = this.#sweep.addRoot(this.#real(path));
      this.#rootNumbers.set(path, number);
    }
    return number;
  }

  wordsOf(i: number): Int32Array {
    return this.#words.subarray(i * WORDS, (i + 1) * WORDS);
  }

  hasHeader(i: number): boolean {
    return isThere(this.#words, i * WORDS);
  }

  hasIndex(i: number): boolean {
    return isThere(this.#words, i * WORDS + STAT_WORDS);
  }

  headerPrint(i: number): string {
    return printOfWords(this.#words, i * WORDS);
  }

  print(i: number): string {
    return printOfFiles(this.#words, i * WORDS);
  }

  /** In place of what was seen at first. */
  setPrint(i: number, print: string): void {
    putPrint(print, this.#words, i * WORDS);
  }

  summary(i: number): MailboxSummary | undefined {
    if (this.#hasSums[i] === 0) return undefined;
    const [indexVersion, uidvalidity, lastUid, messages, files, bytes] = this.#sums.subarray(i * SUMS) as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return { indexVersion, uidvalidity, lastUid, messages, files, bytes };
  }

  setSummary(i: number, s: MailboxSummary): void {
    this.#hasSums[i] = 1;
    this.#sums.set([s.indexVersion, s.uidvalidity, s.lastUid, s.messages, s.files, s.bytes], i * SUMS);
  }

  close(): void {
    this.#sweep.close();
  }
}

/** The words of a fingerprint of three files. */
export function putPrint(print: string, into: Int32Array, at: number): void {
  for (const [file, text] of print.split(' ').entries()) putStatWords(text, into, at + file * STAT_WORDS);
}

/** Fingerprint of three files whose words begin at `at` (reference cyrus-mailbox-files.md 9.2). */
export function printOfFiles(words: Int32Array, at: number): string {
  return `${printOfWords(words, at)} ${printOfWords(words, at + STAT_WORDS)} ${printOfWords(words, at + 2 * STAT_WORDS)}`;
}
