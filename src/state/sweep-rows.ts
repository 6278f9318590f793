/** What the next pass may take for granted while it stands: see sync/sweep-list.ts. A cache: losing it costs one whole pass. */
import type { StateDatabase } from './database.js';

const HEAD = 0;

export class SweepRows {
  readonly #db: StateDatabase;
  #edition: object = {};

  constructor(db: StateDatabase) {
    this.#db = db;
  }

  /** Another object once head and parts may be other ones: who has the job is the only one that writes them. */
  get edition(): object {
    return this.#edition;
  }

  head(): string | undefined {
    const row = this.#db.prepare('SELECT bytes FROM sweep WHERE part = ?').get(HEAD) as { bytes: string } | undefined;
    return row?.bytes;
  }

  /** One after the other, so that only one is in memory. @param isWanted Asked for each, by its number from 0. */
  *parts(isWanted: (part: number) => boolean = () => true): Iterable<[number: number, bytes: Buffer]> {
    const get = this.#db.prepare('SELECT bytes FROM sweep WHERE part = ?');
    const { last } = this.#db.prepare('SELECT max(part) AS last FROM sweep').get() as { last: number | null };
    for (let number = 0; number < (last ?? HEAD) - HEAD; number++)
      if (isWanted(number)) yield [number, (get.get(number + 1) as { bytes: Buffer }).bytes];
  }

  /** By position, from `first` to before `end`: what is newer than the parts say; null is not known. */
  news(first: number, end: number): Map<number, Buffer | null> {
    const select = this.#db.prepare('SELECT position, words FROM sweepNews WHERE position >= ? AND position < ?');
    const rows = select.all(first, end);
    return new Map((rows as { position: number; words: Buffer | null }[]).map((row) => [row.position, row.words]));
  }

  /** Strikes mailboxes from the list until they are renewed; durable when it returns. */
  strike(positions: Iterable<number>): void {
    this.#putNews([...positions].map((position) => ({ position, words: null })));
  }

  renew(news: readonly { position: number; words: Buffer }[]): void {
    this.#putNews(news);
  }

  #putNews(news: readonly { position: number; words: Buffer | null }[]): void {
    const put = this.#db.prepare('INSERT OR REPLACE INTO sweepNews VALUES (@position, @words)');
    this.#db.transaction(() => {
      for (const one of news) put.run(one);
    })();
  }

  /** @param struck Positions that are not to be trusted. */
  save(head: string, parts: Iterable<Buffer>, struck: Iterable<number>): void {
    const put = this.#db.prepare('INSERT INTO sweep VALUES (?, ?)');
    this.#db.transaction(() => {
      this.forget();
      put.run(HEAD, head);
      let number = HEAD;
      for (const part of parts) put.run(++number, part);
      this.strike(struck);
    })();
  }

  forget(): void {
    this.#edition = {};
    this.#db.exec('DELETE FROM sweep; DELETE FROM sweepNews');
  }
}
