/** What is known of the messages of leftovers: their hashes, and where each was found among live mail. */
import type { StateDatabase } from './database.js';

/** A live file with the content of a leftover's message. */
export interface Witness {
  /** Of the leftover's file, and its fingerprint. */
  readonly path: string;
  readonly print: string;
  /** `expunged`: root and relative are those of the stale index that knew it. */
  readonly how: 'twin' | 'elsewhere' | 'expunged';
  /** The live mailbox, and its fingerprint. */
  readonly mailbox: string;
  readonly mailboxPrint: string;
  readonly root: string;
  readonly relative: string;
  readonly filePrint: string;
}

export class ProofRows {
  readonly #db: StateDatabase;
  readonly #hash;
  readonly #witness;
  readonly #searched;

  constructor(db: StateDatabase) {
    this.#db = db;
    this.#hash = db.prepare('SELECT guid FROM hashes WHERE path = ? AND print = ?');
    this.#witness = db.prepare('SELECT * FROM witnesses WHERE path = ?');
    this.#searched = db.prepare('SELECT print FROM searched WHERE mailbox = ?');
  }

  /** SHA-1 of a file, while its fingerprint is that one. */
  hash(path: string, print: string): string | undefined {
    return (this.#hash.get(path, print) as { guid: string } | undefined)?.guid;
  }

  witness(path: string): Witness | undefined {
    return this.#witness.get(path) as Witness | undefined;
  }

  save(
    hashes: readonly { readonly path: string; readonly print: string; readonly guid: string }[],
    witnesses: readonly Witness[],
  ): void {
    if (hashes.length === 0 && witnesses.length === 0) return;
    const hash = this.#db.prepare('INSERT OR REPLACE INTO hashes VALUES (@path, @print, @guid)');
    const witness = this.#db.prepare(
      `INSERT OR REPLACE INTO witnesses (path, print, how, mailbox, mailboxPrint, root, relative, filePrint)
      VALUES (@path, @print, @how, @mailbox, @mailboxPrint, @root, @relative, @filePrint)`,
    );
    this.#db.transaction(() => {
      for (const row of hashes) hash.run(row);
      for (const row of witnesses) witness.run(row);
    })();
  }

  /** Contents that no mailbox had, of those that `searchedPrint` knows. */
  searchedFor(): Set<string> {
    const rows = this.#db.prepare('SELECT guid FROM searchedFor').all() as { guid: string }[];
    return new Set(rows.map(({ guid }) => guid));
  }

  /** Fingerprint of the mailbox when it was looked through for them. */
  searchedPrint(mailbox: string): string | undefined {
    return (this.#searched.get(mailbox) as { print: string } | undefined)?.print;
  }

  saveSearched(
    guids: readonly string[],
    looked: readonly { readonly mailbox: string; readonly print: string }[],
  ): void {
    this.#db.transaction(() => {
      this.#db.exec('DELETE FROM searchedFor');
      const guid = this.#db.prepare('INSERT INTO searchedFor VALUES (?)');
      for (const one of guids) guid.run(one);
      const mailbox = this.#db.prepare('INSERT OR REPLACE INTO searched VALUES (@mailbox, @print)');
      for (const row of looked) mailbox.run(row);
    })();
  }
}
