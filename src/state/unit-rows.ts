/** What is known of whole users and shared trees, by unit (inventory/listed-mailbox.ts unitOf). */
import type { StateDatabase } from './database.js';

type Column = 'lastUseSec' | 'denied' | 'begun' | 'final';

export class UnitRows {
  readonly #db: StateDatabase;

  constructor(db: StateDatabase) {
    this.#db = db;
  }

  /** Unit → when it was cut over for good. */
  finals(): Map<string, string> {
    return this.#column('final');
  }

  /** Unit → when a cutover began to write it into the target's databases; some of it may be there. */
  begun(): Map<string, string> {
    return this.#column('begun');
  }

  /** Some unit was begun, and is not final. */
  isHalfDone(): boolean {
    return (
      this.#db.prepare('SELECT 1 FROM units WHERE begun IS NOT NULL AND final IS NULL LIMIT 1').get() !== undefined
    );
  }

  /** Unit → its entry of user_deny.db when it was first seen, `''` for none. */
  denied(): Map<string, string> {
    return this.#column('denied');
  }

  /** Unit → Unix time of the newest sign of use that was met; there may be newer ones. */
  lastUses(): Map<string, number> {
    return this.#column('lastUseSec');
  }

  forgetLastUses(): void {
    this.#db.exec('UPDATE units SET lastUseSec = NULL');
  }

  saveLastUses(uses: Iterable<readonly [unit: string, lastUseSec: number]>): void {
    this.#save('lastUseSec', 'excluded.lastUseSec', uses);
  }

  /** Units that were seen before keep what they have. */
  saveDenied(entries: Iterable<readonly [unit: string, denied: string]>): void {
    this.#save('denied', 'coalesce(denied, excluded.denied)', entries);
  }

  /** Before the first byte that the target's server would read. */
  begin(units: Iterable<string>, at: string): void {
    this.#save('begun', 'excluded.begun', each(units, at));
  }

  /** @param andAlso In the same commit. */
  finish(units: Iterable<string>, at: string, andAlso: () => void = () => {}): void {
    this.#db.transaction(() => {
      this.#save('final', 'excluded.final', each(units, at));
      andAlso();
    })();
  }

  /** Takes back what was called final then. @param andAlso In the same commit. */
  reopen(at: string, andAlso: () => void): void {
    this.#db.transaction(() => {
      this.#db.prepare('UPDATE units SET final = NULL WHERE final = ?').run(at);
      andAlso();
    })();
  }

  #column<T>(column: Column): Map<string, T> {
    const rows = this.#db.prepare(`SELECT unit, ${column} AS value FROM units WHERE ${column} IS NOT NULL`).all() as {
      unit: string;
      value: T;
    }[];
    return new Map(rows.map(({ unit, value }) => [unit, value]));
  }

  #save(column: Column, value: string, entries: Iterable<readonly [unit: string, value: string | number]>): void {
    const put = this.#db.prepare(
      `INSERT INTO units (unit, ${column}) VALUES (?, ?) ON CONFLICT (unit) DO UPDATE SET ${column} = ${value}`,
    );
    this.#db.transaction(() => {
      for (const entry of entries) put.run(...entry);
    })();
  }
}

function* each(units: Iterable<string>, at: string): Iterable<readonly [string, string]> {
  for (const unit of units) yield [unit, at];
}
