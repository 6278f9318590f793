/** What is known of whole users and shared trees, by unit (inventory/unit.ts). */
import type { StateDatabase } from './database.js';

export class UnitRows {
  readonly #db: StateDatabase;

  constructor(db: StateDatabase) {
    this.#db = db;
  }

  /** Unit → when it was cut over for good. */
  finals(): Map<string, string> {
    const rows = this.#db.prepare('SELECT unit, final FROM units WHERE final IS NOT NULL').all() as {
      unit: string;
      final: string;
    }[];
    return new Map(rows.map(({ unit, final }) => [unit, final]));
  }

  /** Unit → Unix time of the newest sign of use that was met; there may be newer ones. */
  lastUses(): Map<string, number> {
    const rows = this.#db.prepare('SELECT unit, lastUseSec FROM units WHERE lastUseSec IS NOT NULL').all() as {
      unit: string;
      lastUseSec: number;
    }[];
    return new Map(rows.map(({ unit, lastUseSec }) => [unit, lastUseSec]));
  }

  forgetLastUses(): void {
    this.#db.exec('UPDATE units SET lastUseSec = NULL');
  }

  saveLastUses(uses: Iterable<readonly [unit: string, lastUseSec: number]>): void {
    const put = this.#db.prepare(
      'INSERT INTO units (unit, lastUseSec) VALUES (?, ?) ON CONFLICT (unit) DO UPDATE SET lastUseSec = excluded.lastUseSec',
    );
    this.#db.transaction(() => {
      for (const [unit, lastUseSec] of uses) put.run(unit, lastUseSec);
    })();
  }
}
