/** Where units were placed, and what placing goes by: sizes that cost a look into an index, and how the source grows. */
import type { StateDatabase } from './database.js';
import type { SweepRows } from './sweep-rows.js';

export interface PlacementRow {
  /** Key of the unit (plan/rules.ts). */
  readonly unit: string;
  readonly partition: string;
  /** plan/reason.ts */
  readonly reason: string;
  /** Of the unit when it was placed. */
  readonly bytes: number;
  readonly files: number;
  /** ISO 8601. */
  readonly placedAt: string;
}

/** What of a mailbox may lie on disks of its own. */
export interface SizesRow {
  readonly uniqueid: string;
  /** Of the mailbox: while it stays, so do the sizes. */
  readonly print: string;
  readonly archivedBytes: number;
  readonly archivedFiles: number;
  /** cyrus.index, cyrus.header, cyrus.annotations. */
  readonly indexBytes: number;
  readonly cacheBytes: number;
}

/** Messages that are one file under several names. */
export interface LinksRow {
  /** Keys of units, one for each name. */
  readonly units: readonly string[];
  /** Of one name of each message that was met, their number, and the squares of their sizes. */
  readonly bytes: number;
  readonly files: number;
  readonly squares: number;
  /** Of so many messages one was looked at. */
  readonly oneIn: number;
}

/** The whole source at one time. */
export interface GrowthRow {
  /** ISO 8601. */
  readonly at: string;
  readonly bytes: number;
  readonly files: number;
}

export class PlacementRows {
  readonly #db: StateDatabase;
  readonly #sweep: SweepRows;
  readonly #put;
  readonly #sizes;
  readonly #putSizes;

  constructor(db: StateDatabase, sweep: SweepRows) {
    this.#db = db;
    this.#sweep = sweep;
    this.#put = db.prepare(
      `INSERT INTO placement (unit, partition, reason, bytes, files, placedAt)
      VALUES (@unit, @partition, @reason, @bytes, @files, @placedAt) ON CONFLICT (unit) DO UPDATE SET
        partition = @partition, reason = @reason, bytes = @bytes, files = @files, placedAt = @placedAt`,
    );
    this.#sizes = db.prepare('SELECT * FROM sizes WHERE uniqueid = ?');
    this.#putSizes = db.prepare(
      `INSERT OR REPLACE INTO sizes (uniqueid, print, archivedBytes, archivedFiles, indexBytes, cacheBytes)
      VALUES (@uniqueid, @print, @archivedBytes, @archivedFiles, @indexBytes, @cacheBytes)`,
    );
  }

  /** One at a time: there may be a million. Nothing else may be asked of the state meanwhile. */
  all(): IterableIterator<PlacementRow> {
    return this.#db
      .prepare('SELECT unit, partition, reason, bytes, files, placedAt FROM placement')
      .iterate() as IterableIterator<PlacementRow>;
  }

  /** The next pass must look at what was placed otherwise: in the same transaction it is told to (sync/sweep-list.ts). */
  save(rows: Iterable<PlacementRow>): void {
    this.#db.transaction(() => {
      let isChanged = false;
      for (const row of rows) {
        this.#put.run(row);
        isChanged = true;
      }
      if (isChanged) this.#sweep.forget();
    })();
  }

  /** What a person did not say is placed anew, or stays where it lies. */
  forgetUnsaid(): void {
    this.#db.prepare("DELETE FROM placement WHERE reason <> 'csv'").run();
  }

  sizes(uniqueid: string, print: string): SizesRow | undefined {
    const row = this.#sizes.get(uniqueid) as SizesRow | undefined;
    return row?.print === print ? row : undefined;
  }

  saveSizes(rows: readonly SizesRow[]): void {
    this.#db.transaction(() => {
      for (const row of rows) this.#putSizes.run(row);
    })();
  }

  links(): LinksRow[] {
    const rows = this.#db.prepare('SELECT units, bytes, files, squares, oneIn FROM links').all() as (Omit<
      LinksRow,
      'units'
    > & { units: string })[];
    return rows.map(({ units, ...row }) => ({ ...row, units: JSON.parse(units) as string[] }));
  }

  /** In place of what was known. */
  saveLinks(rows: Iterable<LinksRow>): void {
    this.#db.transaction(() => {
      this.#db.prepare('DELETE FROM links').run();
      const put = this.#db.prepare('INSERT INTO links (units, bytes, files, squares, oneIn) VALUES (?, ?, ?, ?, ?)');
      for (const { units, bytes, files, squares, oneIn } of rows)
        put.run(JSON.stringify(units), bytes, files, squares, oneIn);
    })();
  }

  /** The oldest first. */
  growth(): GrowthRow[] {
    return this.#db.prepare('SELECT at, bytes, files FROM growth ORDER BY at').all() as GrowthRow[];
  }

  /** @param keep So many of the latest stay. */
  addGrowth(row: GrowthRow, keep: number): void {
    this.#db.transaction(() => {
      this.#db.prepare('INSERT OR REPLACE INTO growth (at, bytes, files) VALUES (@at, @bytes, @files)').run(row);
      this.#db.prepare('DELETE FROM growth WHERE at NOT IN (SELECT at FROM growth ORDER BY at DESC LIMIT ?)').run(keep);
    })();
  }
}
