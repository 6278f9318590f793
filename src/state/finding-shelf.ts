/**
 * Where the findings of one walk wait until all are known: a database of its own in a temporary file, which nobody else
 * sees and which is gone with the process. In memory a server's leftovers would be as many objects as directories.
 */
import { openScratch, type StateDatabase } from './database.js';

export interface ShelvedFinding {
  /** In the order in which they came. */
  readonly number: number;
  /** JSON. */
  readonly finding: string;
}

/** Findings read at a time, and written in one transaction. */
const PAGE = 1000;

export class FindingShelf {
  readonly #db: StateDatabase;
  readonly #put;
  readonly #rivals;
  #count = 0;

  constructor() {
    this.#db = openScratch(`
      CREATE TABLE findings (number INTEGER PRIMARY KEY, owner TEXT, path TEXT NOT NULL, claim TEXT, finding TEXT NOT NULL);
      CREATE INDEX byOwner ON findings (owner, number) WHERE owner IS NOT NULL;
      CREATE INDEX byClaim ON findings (claim, number) WHERE claim IS NOT NULL;
    `);
    this.#put = this.#db.prepare('INSERT INTO findings (owner, path, claim, finding) VALUES (?, ?, ?, ?)');
    this.#rivals = this.#db
      .prepare('SELECT path FROM findings WHERE claim = ? AND number <> ? ORDER BY number LIMIT 20')
      .pluck();
  }

  /**
   * @param owner Whose mail its messages are compared with; `''`: anyone's; undefined: it has none.
   * @param path Its first.
   * @param claim A uniqueid; see {@link rivals}.
   */
  add(owner: string | undefined, path: string, claim: string | undefined, finding: string): void {
    if (this.#count++ % PAGE === 0) this.#db.exec(this.#count > 1 ? 'COMMIT; BEGIN' : 'BEGIN');
    this.#put.run(owner ?? null, path, claim ?? null, finding);
  }

  /** Each owner's together; then, in parts, those that have no message. */
  *groups(): Generator<{ owner: string | undefined; findings: ShelvedFinding[] }> {
    const next = this.#db.prepare('SELECT min(owner) AS owner FROM findings WHERE owner > ?').pluck();
    const first = this.#db.prepare('SELECT min(owner) AS owner FROM findings WHERE owner IS NOT NULL').pluck();
    const of = this.#db.prepare('SELECT number, finding FROM findings WHERE owner = ? ORDER BY number');
    for (let owner = first.get() as string | null; owner !== null; owner = next.get(owner) as string | null)
      yield { owner, findings: of.all(owner) as ShelvedFinding[] };
    for (const findings of this.#pages('owner IS NULL AND')) yield { owner: undefined, findings };
  }

  *all(): Generator<ShelvedFinding> {
    for (const page of this.#pages('')) yield* page;
  }

  /** First paths of the others with this claim, the first twenty. */
  rivals(claim: string, number: number): readonly string[] {
    return this.#rivals.all(claim, number) as string[];
  }

  close(): void {
    this.#db.close();
  }

  *#pages(where: string): Generator<ShelvedFinding[]> {
    const page = this.#db.prepare(
      `SELECT number, finding FROM findings WHERE ${where} number > ? ORDER BY number LIMIT ${PAGE}`,
    );
    for (let after = 0; ; ) {
      const rows = page.all(after) as ShelvedFinding[];
      if (rows.length === 0) return;
      yield rows;
      after = rows.at(-1)!.number;
    }
  }
}
