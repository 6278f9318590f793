/** The list of stats as a whole pass leaves it (sweep-list.ts), part by part. */
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import type { SourceTrees } from '../disk/trees.js';
import { PRINT_WORDS, thirdFile } from '../inventory/fingerprint.js';
import type { Inventory } from '../inventory/inventory.js';
import { MailboxTable } from '../inventory/mailbox-table.js';
import type { Job } from '../job/job.js';
import type { Problem } from '../model/problem.js';
import type { State } from '../state/state.js';
import { type SeenFile, seenParts } from './seen-list.js';
import { type Inputs, inputsOf } from './sweep-inputs.js';
import { ENTRY_BYTES, type Head, PER_PART } from './sweep-list.js';

/** Leaves the list for the next pass; to be called only at the end of a complete pass. */
export class SweepList {
  readonly #head: Head;
  readonly #state: State;
  readonly #inventory: Inventory;
  readonly #numbers = new Map<string, number>();
  readonly #table: MailboxTable;
  readonly #refused: readonly MailboxPlace[];
  readonly #seenFiles: readonly SeenFile[];

  /**
   * @param problems What the next whole pass would say again.
   * @param seenFiles What the indexes of mailboxes were made of as well.
   * @returns undefined where this source has something that stats can't vouch for
   */
  static of(
    job: Job,
    state: State,
    trees: SourceTrees,
    inventory: Inventory,
    failed: number,
    problems: readonly Problem[],
    seenFiles: readonly SeenFile[],
  ): SweepList | undefined {
    const inputs = inputsOf(job, trees);
    if (inputs?.mailboxesDb !== inventory.databasePrint || !inventory.databaseQuiet) return undefined;
    return new SweepList(job, state, inventory, failed, problems, seenFiles, inputs);
  }

  private constructor(
    job: Job,
    state: State,
    inventory: Inventory,
    failed: number,
    problems: readonly Problem[],
    seenFiles: readonly SeenFile[],
    inputs: Inputs,
  ) {
    const third = thirdFile(inventory.hasExpunge);
    const roots: string[] = [];
    const places: [number, number, number][] = [];
    const numberOf = (root: string): number => {
      if (!roots.includes(root)) roots.push(root);
      return roots.indexOf(root);
    };
    for (const { name, meta } of job.source.conf.partitions.values())
      this.#numbers.set(name, places.push([numberOf(meta.header), numberOf(meta.index), numberOf(meta[third])]) - 1);
    this.#state = state;
    this.#inventory = inventory;
    this.#refused = inventory.refusedPlaces;
    this.#table = new MailboxTable(this.#refused.length, inventory.hasExpunge, job.source.real);
    for (const place of this.#refused) this.#table.add(place);
    this.#table.close();
    const mailboxes = inventory.mailboxes.length;
    const entries = mailboxes + this.#refused.length;
    this.#seenFiles = seenFiles;
    this.#head = {
      inputs,
      entries,
      mailboxes,
      failed,
      problems,
      third,
      roots,
      places,
      seenFiles: seenFiles.length,
    };
  }

  /** @param uncertain Numbers of mailboxes that must be looked at again, be they changed or not. */
  save(uncertain: ReadonlySet<number>): void {
    const struck = new Set(uncertain);
    for (const [i, { words }] of this.#seenFiles.entries()) if (!words) struck.add(this.#head.entries + i);
    this.#state.sweep.save(JSON.stringify(this.#head), this.#parts(), struck);
  }

  *#parts(): Iterable<Buffer> {
    const { mailboxes, table } = this.#inventory;
    for (let at = 0; at < this.#head.entries; at += PER_PART) {
      const count = Math.min(PER_PART, this.#head.entries - at);
      yield this.#part(count, (i) => {
        const mailbox = mailboxes[at + i];
        return mailbox
          ? { place: mailbox.place, row: table.rowIds[mailbox.at]!, words: table.wordsOf(mailbox.at) }
          : this.#ofRefused(at + i - mailboxes.length);
      });
    }
    yield* seenParts(this.#seenFiles);
  }

  #ofRefused(i: number) {
    return { place: this.#refused[i]!, row: 0, words: this.#table.wordsOf(i) };
  }

  #part(count: number, entryOf: (i: number) => { place: MailboxPlace; row: number; words: Int32Array }): Buffer {
    const words = new Int32Array(count * PRINT_WORDS);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(count);
    const paths: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const entry = entryOf(i);
      words.set(entry.words, i * PRINT_WORDS);
      const path = Buffer.from(entry.place.relative, 'latin1');
      const fields = Buffer.alloc(ENTRY_BYTES);
      fields.writeUInt16LE(this.#numbers.get(entry.place.partition)!, 0);
      fields.writeUInt16LE(path.length, 2);
      fields.writeUInt32LE(entry.row, 4);
      paths.push(fields, path);
    }
    return Buffer.concat([head, Buffer.from(words.buffer), ...paths]);
  }
}
