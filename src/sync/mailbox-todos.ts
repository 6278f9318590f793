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

  /** A user's mailboxes one after the other: their seen database is read once, their links are found together. */
  putInOrder(): void {
    const mailboxes = this.#mailboxes;
    const units = mailboxes.map(({ unit }) => unit);
    this.#order = Uint32Array.from(mailboxes.keys()).sort((a, b) => {
      const [one, other] = [units[a]!, units[b]!];
      if (one !== other) return one < other ? -1 : 1;
      return mailboxes[a]!.name < mailboxes[b]!.name ? -1 : 1;
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
