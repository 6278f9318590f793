/** What the next pass may take for granted while it stands: see sync/idle.ts. A cache: losing it costs one whole pass. */
import type { StateDatabase } from './database.js';

const HEAD = 0;

export class SweepRows {
  readonly #db: StateDatabase;

  constructor(db: StateDatabase) {
    this.#db = db;
  }

  head(): string | undefined {
    const row = this.#db.prepare('SELECT bytes FROM sweep WHERE part = ?').get(HEAD) as { bytes: string } | undefined;
    return row?.bytes;
  }

  /** One after the other, so that only one is in memory. */
  *parts(): Iterable<Buffer> {
    for (const row of this.#db.prepare('SELECT bytes FROM sweep WHERE part > ? ORDER BY part').iterate(HEAD))
      yield (row as { bytes: Buffer }).bytes;
  }

  /** @param head Asked for when all parts are made. */
  save(parts: Iterable<Buffer>, head: () => string): void {
    const put = this.#db.prepare('INSERT INTO sweep VALUES (?, ?)');
    this.#db.transaction(() => {
      this.forget();
      let number = HEAD;
      for (const part of parts) put.run(++number, part);
      put.run(HEAD, head());
    })();
  }

  forget(): void {
    this.#db.exec('DELETE FROM sweep');
  }
}
