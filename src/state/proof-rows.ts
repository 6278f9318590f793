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

/** All messages of a stale directory were found in live mail. */
export interface ProvenPlace {
  /** Its first. */
  readonly path: string;
  /** Of the place, of its twin's and owner's names. */
  readonly print: string;
  /** JSON: how many were found where. */
  readonly proof: string;
  /** JSON: the live mailboxes in which they are, and fingerprints. */
  readonly rests: string;
}

export class ProofRows {
  readonly #db: StateDatabase;
  readonly #hash;
  readonly #witness;
  readonly #searched;
  readonly #proven;
  readonly #putHash;
  readonly #putWitness;
  readonly #putProven;

  constructor(db: StateDatabase) {
    this.#db = db;
    this.#hash = db.prepare('SELECT guid FROM hashes WHERE path = ? AND print = ?');
    this.#witness = db.prepare('SELECT * FROM witnesses WHERE path = ?');
    this.#proven = db.prepare('SELECT * FROM proven WHERE path = ?');
    this.#putHash = db.prepare('INSERT OR REPLACE INTO hashes VALUES (@path, @print, @guid)');
    this.#putWitness = db.prepare(
      `INSERT OR REPLACE INTO witnesses (path, print, how, mailbox, mailboxPrint, root, relative, filePrint)
      VALUES (@path, @print, @how, @mailbox, @mailboxPrint, @root, @relative, @filePrint)`,
    );
    this.#putProven = db.prepare('INSERT OR REPLACE INTO proven VALUES (@path, @print, @proof, @rests)');
    this.#searched = db.prepare('SELECT print FROM searched WHERE mailbox = ?');
  }

  /** SHA-1 of a file, while its fingerprint is that one. */
  hash(path: string, print: string): string | undefined {
    return (this.#hash.get(path, print) as { guid: string } | undefined)?.guid;
  }

  witness(path: string): Witness | undefined {
    return this.#witness.get(path) as Witness | undefined;
  }

  proven(path: string): ProvenPlace | undefined {
    return this.#proven.get(path) as ProvenPlace | undefined;
  }

  save({
    hashes = [],
    witnesses = [],
    places = [],
  }: {
    hashes?: readonly { readonly path: string; readonly print: string; readonly guid: string }[];
    witnesses?: readonly Witness[];
    places?: readonly ProvenPlace[];
  }): void {
    if (hashes.length + witnesses.length + places.length === 0) return;
    this.#db.transaction(() => {
      for (const row of hashes) this.#putHash.run(row);
      for (const row of witnesses) this.#putWitness.run(row);
      for (const row of places) this.#putProven.run(row);
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
