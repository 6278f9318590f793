/** What lay in a directory of the source when it was last listed: a row each, so that an unchanged one costs a stat. */
import type { StateDatabase } from './database.js';

export interface CensusRow {
  readonly path: string;
  /** Fingerprint of the directory. */
  readonly print: string;
  /**
   * Print of the live mailbox whose directory it is; `''` for none, and then it holds no file; `*` for files that a
   * mailbox left behind.
   */
  readonly mailbox: string;
  /** Names of the directories in it, `/` between. */
  readonly directories: string;
  readonly files: number;
  /** -1: not added up. */
  readonly bytes: number;
  readonly messages: number;
  /** JSON: what in it is a leftover by itself (`*`: all that was seen in the place); `''` for nothing. */
  readonly odd: string;
}

/** Rows of one transaction. */
const BATCH = 2000;

export class CensusRows {
  readonly #db: StateDatabase;
  readonly #get;
  readonly #put;
  #pending: CensusRow[] = [];
  #met = 0;

  constructor(db: StateDatabase) {
    this.#db = db;
    this.#get = db.prepare('SELECT * FROM census WHERE path = ?');
    this.#put = db.prepare(
      `INSERT INTO census VALUES (@path, @print, @mailbox, @directories, @files, @bytes, @messages, @odd)
      ON CONFLICT (path) DO UPDATE SET print = @print, mailbox = @mailbox, directories = @directories, files = @files,
        bytes = @bytes, messages = @messages, odd = @odd`,
    );
  }

  get(path: string): CensusRow | undefined {
    this.#met++;
    return this.#get.get(path) as CensusRow | undefined;
  }

  save(row: CensusRow): void {
    this.#pending.push(row);
    if (this.#pending.length >= BATCH) this.#flush();
  }

  /** At the end of a whole walk. Rows of directories that are no more go when they are most of them. */
  endWalk(): void {
    this.#flush();
    const { count } = this.#db.prepare('SELECT count(*) AS count FROM census').get() as { count: number };
    if (count > 2 * this.#met + 1000) this.#db.exec('DELETE FROM census');
    this.#met = 0;
  }

  #flush(): void {
    const rows = this.#pending;
    this.#pending = [];
    this.#db.transaction(() => {
      for (const row of rows) this.#put.run(row);
    })();
  }
}
