/** The mailboxes that have something to be done in a pass, in columns: as objects those of a first copy take 100 bytes each. */
import type { Inventory } from '../inventory/inventory.js';
import type { ListedMailbox } from '../inventory/listed-mailbox.js';
import type { Todo } from './batches.js';

export interface MailboxTodo extends Todo {
  readonly mailbox: ListedMailbox;
  /** A crash may have left anything of it on the target. */
  readonly checkContent: boolean;
}

const KINDS = ['created', 'moved', 'changed', 'unchanged'] as const;

export class MailboxTodos {
  readonly #inventory: Inventory;
  readonly #mailboxes: ListedMailbox[] = [];
  readonly #kinds: Uint8Array;
  readonly #checkContent: Uint8Array;
  readonly #bytes: Float64Array;
  readonly #files: Uint32Array;
  #order: Uint32Array | undefined;

  constructor(inventory: Inventory) {
    const most = inventory.mailboxes.length;
    this.#inventory = inventory;
    this.#kinds = new Uint8Array(most);
    this.#checkContent = new Uint8Array(most);
    this.#bytes = new Float64Array(most);
    this.#files = new Uint32Array(most);
  }

  get length(): number {
    return this.#mailboxes.length;
  }

  add({ mailbox, kind, checkContent, bytes, files }: Omit<MailboxTodo, 'id'>): void {
    const i = this.#mailboxes.push(mailbox) - 1;
    this.#kinds[i] = KINDS.indexOf(kind);
    this.#checkContent[i] = Number(checkContent);
    this.#bytes[i] = bytes;
    this.#files[i] = files;
  }

  /**
   * By inode of their indexes, as a disk that must seek has them, and yet a user's mailboxes one after the other: their
   * seen database is read once, their links are found together. Users by the least inode of theirs.
   */
  putInOrder(): void {
    const mailboxes = this.#mailboxes;
    const units = mailboxes.map(({ unit }) => unit);
    const inodes = Float64Array.from(mailboxes, ({ at }) => this.#inventory.table.indexInode(at));
    const first = new Map<string, number>();
    for (const [i, unit] of units.entries()) first.set(unit, Math.min(inodes[i]!, first.get(unit) ?? Infinity));
    const starts = Float64Array.from(units, (unit) => first.get(unit)!);
    this.#order = Uint32Array.from(mailboxes.keys()).sort((a, b) => {
      if (starts[a] !== starts[b]) return starts[a]! - starts[b]!;
      const [one, other] = [units[a]!, units[b]!];
      if (one !== other) return one < other ? -1 : 1; // indexes of two partitions may have one inode number
      return inodes[a]! - inodes[b]!;
    });
  }

  *[Symbol.iterator](): Generator<MailboxTodo, void, void> {
    for (let n = 0; n < this.length; n++) {
      const i = this.#order ? this.#order[n]! : n;
      const mailbox = this.#mailboxes[i]!;
      yield {
        id: this.#inventory.table.rowIds[mailbox.at]!,
        kind: KINDS[this.#kinds[i]!]!,
        bytes: this.#bytes[i]!,
        files: this.#files[i]!,
        mailbox,
        checkContent: this.#checkContent[i] === 1,
      };
    }
  }
}
