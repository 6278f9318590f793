/**
 * What is known of all mailboxes at once, in columns: stats of three files each, the index's sums, the row in the state.
 * 160 bytes a mailbox; as objects and fingerprint strings it would be a kilobyte.
 */
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { inodeOfWords, isThere, printOfWords, STAT_WORDS } from '../disk/stat-sweep.js';
import type { MailboxSummary } from '../model/mailbox.js';
import { Fingerprints, PRINT_WORDS, printOfFiles, putPrint } from './fingerprint.js';

/** Of an index's sums all but the bytes: each is 32 bits there. */
const SUMS = 5;

export class MailboxTable {
  readonly #words: Int32Array;
  readonly #sums: Uint32Array;
  readonly #bytes: Float64Array;
  readonly #hasSums: Uint8Array;
  /** Id of the row in the state; 0 until there is one. */
  readonly rowIds: Float64Array;
  /** Files that the target is known to have; -1 where it has never had the mailbox. */
  readonly syncedFiles: Int32Array;
  readonly #prints: Fingerprints;
  #count = 0;

  /** @param capacity Mailboxes that are to come at most. @param real Puts a root's prefix in front of its path. */
  constructor(capacity: number, hasExpunge: boolean, real: (path: string) => string) {
    this.#words = new Int32Array(capacity * PRINT_WORDS);
    this.#sums = new Uint32Array(capacity * SUMS);
    this.#bytes = new Float64Array(capacity);
    this.#hasSums = new Uint8Array(capacity);
    this.rowIds = new Float64Array(capacity);
    this.syncedFiles = new Int32Array(capacity).fill(-1);
    this.#prints = new Fingerprints(real, hasExpunge, capacity);
  }

  /** Stats the files of one more mailbox. @returns its number */
  add(place: MailboxPlace): number {
    const i = this.#count++;
    this.#prints.look(place.roots.meta, place.relative, this.#words, i * PRINT_WORDS);
    return i;
  }

  /** Has the disk asked for what {@link add} wants of a mailbox that is to come. */
  askFor(place: MailboxPlace): void {
    this.#prints.askFor(place.roots.meta, place.relative);
  }

  /** Takes back the mailbox added last. */
  drop(): void {
    this.#count--;
  }

  wordsOf(i: number): Int32Array {
    return this.#words.subarray(i * PRINT_WORDS, (i + 1) * PRINT_WORDS);
  }

  hasHeader(i: number): boolean {
    return isThere(this.#words, i * PRINT_WORDS);
  }

  hasIndex(i: number): boolean {
    return isThere(this.#words, i * PRINT_WORDS + STAT_WORDS);
  }

  headerPrint(i: number): string {
    return printOfWords(this.#words, i * PRINT_WORDS);
  }

  /** Of its cyrus.index; 0 where there is none. */
  indexInode(i: number): number {
    return inodeOfWords(this.#words, i * PRINT_WORDS + STAT_WORDS);
  }

  print(i: number): string {
    return printOfFiles(this.#words, i * PRINT_WORDS);
  }

  /** In place of what was seen at first. */
  setPrint(i: number, print: string): void {
    putPrint(print, this.#words, i * PRINT_WORDS);
  }

  summary(i: number): MailboxSummary | undefined {
    if (this.#hasSums[i] === 0) return undefined;
    const [indexVersion, uidvalidity, lastUid, messages, files] = this.#sums.subarray(i * SUMS) as unknown as [
      number,
      number,
      number,
      number,
      number,
    ];
    return { indexVersion, uidvalidity, lastUid, messages, files, bytes: this.#bytes[i]! };
  }

  setSummary(i: number, s: MailboxSummary): void {
    this.#hasSums[i] = 1;
    this.#sums.set([s.indexVersion, s.uidvalidity, s.lastUid, s.messages, s.files], i * SUMS);
    this.#bytes[i] = s.bytes;
  }

  close(): void {
    this.#prints.close();
  }
}
