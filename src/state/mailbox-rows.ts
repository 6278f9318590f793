/** What is known of each mailbox: a row each, none per message. */
import type { Durable } from '../model/durable.js';
import type { StateDatabase } from './database.js';
import type { SweepRows } from './sweep-rows.js';

export interface MailboxRow {
  readonly id: number;
  readonly uniqueid: string;
  name: string;
  sourceKey: string;
  headerPrint: string;
  print: string;
  indexVersion: number;
  uidvalidity: number;
  lastUid: number;
  messages: number;
  files: number;
  bytes: number;
  targetPartition: string | null;
  targetRelative: string | null;
  staged: 0 | 1 | 2;
  syncedFiles: number;
  syncedMessages: number;
  syncedPrint: string | null;
  form: string | null;
  /** What else a task is made of: sync/batches.ts TaskMaking, as JSON. */
  making: string | null;
  inFlight: 0 | 1;
  deferred: number;
}

export interface PartitionTotals {
  readonly partition: string;
  readonly mailboxes: number;
  readonly messages: number;
  readonly bytes: number;
}

/** What survey and every pass learn of a mailbox on the source. */
export type Sighting = Pick<
  MailboxRow,
  | 'uniqueid'
  | 'name'
  | 'sourceKey'
  | 'headerPrint'
  | 'print'
  | 'indexVersion'
  | 'uidvalidity'
  | 'lastUid'
  | 'messages'
  | 'files'
  | 'bytes'
>;

/** What is remembered of a mailbox, beside how it stands. */
export type KnownMailbox = Omit<
  MailboxRow,
  'headerPrint' | 'syncedMessages' | 'syncedPrint' | 'form' | 'making' | 'inFlight' | 'deferred'
>;
const KNOWN =
  'id, uniqueid, name, sourceKey, print, indexVersion, uidvalidity, lastUid, messages, files, bytes, targetPartition, targetRelative, staged, syncedFiles';

/** What a plan looks at of a mailbox that was seen. */
export type SeenRow = Pick<
  MailboxRow,
  'uniqueid' | 'name' | 'sourceKey' | 'print' | 'files' | 'bytes' | 'targetPartition' | 'targetRelative' | 'syncedFiles'
>;

/** How a mailbox stands on the target. */
export type MailboxStanding = Pick<
  MailboxRow,
  'id' | 'uniqueid' | 'form' | 'inFlight' | 'staged' | 'targetPartition' | 'targetRelative'
> & {
  /** What was copied last is what was seen last. */
  readonly upToDate: 0 | 1;
};

/** What a copied mailbox is recorded with. `syncedPrint` null: it changed while it was copied, look again. */
export interface SyncedMailbox {
  readonly id: number;
  readonly syncedPrint: string | null;
  readonly form: string;
  readonly making: string;
  readonly targetPartition: string;
  readonly targetRelative: string;
}

/** Where its files are, if any. */
export type LeftMailbox = Pick<MailboxRow, 'id' | 'targetPartition' | 'targetRelative'>;

export class MailboxRows {
  readonly #db: StateDatabase;
  readonly #sight;
  readonly #byId;
  readonly #byName;
  readonly #byUniqueid;
  readonly #inFlight;
  readonly #done;
  readonly #left;
  readonly #delete;
  readonly #staged;
  readonly #deferred;
  readonly #sweep: SweepRows;
  /** While true, whoever changes rows strikes them from the list of sync/sweep-list.ts himself. */
  keepsSweep = false;

  /** @param sweep Whatever changes a row takes from the next pass what it may have taken for granted. */
  constructor(db: StateDatabase, sweep: SweepRows) {
    this.#db = db;
    this.#sweep = sweep;
    this.#sight =
      db.prepare(`INSERT INTO mailboxes (uniqueid, name, sourceKey, headerPrint, print, indexVersion, uidvalidity, lastUid, messages, files, bytes)
      VALUES (@uniqueid, @name, @sourceKey, @headerPrint, @print, @indexVersion, @uidvalidity, @lastUid, @messages, @files, @bytes)
      ON CONFLICT (uniqueid) DO UPDATE SET name = @name, sourceKey = @sourceKey, headerPrint = @headerPrint, print = @print,
        indexVersion = @indexVersion, uidvalidity = @uidvalidity, lastUid = @lastUid, messages = @messages, files = @files, bytes = @bytes
      RETURNING id`);
    this.#byId = db.prepare('SELECT * FROM mailboxes WHERE id = ?');
    this.#byName = db.prepare('SELECT * FROM mailboxes WHERE name = ? ORDER BY id DESC LIMIT 1');
    this.#byUniqueid = db.prepare('SELECT * FROM mailboxes WHERE uniqueid = ?');
    this.#inFlight = db.prepare(
      'UPDATE mailboxes SET inFlight = 1, targetPartition = ?, targetRelative = ? WHERE id = ?',
    );
    this.#done =
      db.prepare(`UPDATE mailboxes SET inFlight = 0, deferred = 0, staged = 0, syncedFiles = files, syncedMessages = messages, syncedPrint = @syncedPrint, form = @form, making = @making,
      targetPartition = @targetPartition, targetRelative = @targetRelative WHERE id = @id`);
    this.#left = db.prepare(
      'UPDATE mailboxes SET inFlight = 0, syncedPrint = NULL, targetPartition = ?, targetRelative = ? WHERE id = ?',
    );
    this.#delete = db.prepare('DELETE FROM mailboxes WHERE id = ?');
    this.#staged = db.prepare(
      'UPDATE mailboxes SET staged = ?, targetPartition = ?, targetRelative = ?, syncedPrint = NULL WHERE id = ?',
    );
    this.#deferred = db.prepare(
      'UPDATE mailboxes SET deferred = deferred + 1, syncedPrint = NULL WHERE id = ? RETURNING deferred',
    );
  }

  /** Has the next pass compare these with the target, as it would where the source had changed. */
  lookAgain(ids: readonly number[]): void {
    const again = this.#db.prepare('UPDATE mailboxes SET syncedPrint = NULL WHERE id = ?');
    this.#change(() => {
      for (const id of ids) again.run(id);
    });
  }

  all(): MailboxRow[] {
    return this.#db.prepare('SELECT * FROM mailboxes').all() as MailboxRow[];
  }

  /** One after the other; nothing may be written meanwhile. */
  known(): Iterable<KnownMailbox> {
    return this.#db.prepare(`SELECT ${KNOWN} FROM mailboxes`).iterate() as Iterable<KnownMailbox>;
  }

  /** One after the other; nothing may be written meanwhile. @param lying Only what the target has of them. */
  *seen(lying = false): Iterable<SeenRow> {
    const rows = this.#db
      .prepare(
        `SELECT uniqueid, name, sourceKey, print, files, bytes, targetPartition, targetRelative, syncedFiles
          FROM mailboxes${lying ? ' WHERE targetPartition IS NOT NULL' : ''}`,
      )
      .raw() // a third less time than objects
      .iterate() as Iterable<[string, string, string, string, number, number, string | null, string | null, number]>;
    for (const [uniqueid, name, sourceKey, print, files, bytes, targetPartition, targetRelative, syncedFiles] of rows)
      yield { uniqueid, name, sourceKey, print, files, bytes, targetPartition, targetRelative, syncedFiles };
  }

  /** One after the other; nothing may be written meanwhile. */
  standings(): Iterable<MailboxStanding> {
    return this.#db
      .prepare(
        'SELECT id, uniqueid, syncedPrint IS print AS upToDate, form, inFlight, staged, targetPartition, targetRelative FROM mailboxes',
      )
      .iterate() as Iterable<MailboxStanding>;
  }

  /** Some that were copied to a partition of the target, the first ones. */
  someLyingOn(partition: string, most: number): { targetRelative: string; syncedMessages: number }[] {
    return this.#db
      .prepare(
        'SELECT targetRelative, syncedMessages FROM mailboxes WHERE targetPartition = ? AND form IS NOT NULL AND staged = 0 LIMIT ?',
      )
      .all(partition, most) as { targetRelative: string; syncedMessages: number }[];
  }

  isAnyCopied(): boolean {
    return this.#db.prepare('SELECT 1 FROM mailboxes WHERE targetPartition IS NOT NULL LIMIT 1').get() !== undefined;
  }

  /** Of mailboxes that were found on the target: what is in them is not known. @param isWhole Nothing says the contrary. */
  adopt(found: readonly { id: number; targetPartition: string; targetRelative: string; isWhole: boolean }[]): void {
    const put = this.#db.prepare(
      'UPDATE mailboxes SET inFlight = 1, targetPartition = ?, targetRelative = ?, syncedFiles = CASE ? WHEN 1 THEN files ELSE 0 END WHERE id = ?',
    );
    this.#change(() => {
      for (const { id, targetPartition, targetRelative, isWhole } of found)
        put.run(targetPartition, targetRelative, isWhole ? 1 : 0, id);
    });
  }

  isAnySeen(): boolean {
    return this.#db.prepare('SELECT 1 FROM mailboxes LIMIT 1').get() !== undefined;
  }

  /** `never`: not yet copied; `dirty`: copied, and changed since as the source was last seen. */
  counts(): { mailboxes: number; never: number; dirty: number } {
    return this.#db
      .prepare(
        `SELECT count(*) AS mailboxes, coalesce(sum(form IS NULL), 0) AS never,
          coalesce(sum(form IS NOT NULL AND syncedPrint IS NOT print), 0) AS dirty FROM mailboxes`,
      )
      .get() as { mailboxes: number; never: number; dirty: number };
  }

  /** Of what the target has. */
  totals(): { mailboxes: number; messages: number } {
    return this.#db
      .prepare(
        'SELECT count(*) AS mailboxes, coalesce(sum(syncedFiles), 0) AS messages FROM mailboxes WHERE targetPartition IS NOT NULL',
      )
      .get() as { mailboxes: number; messages: number };
  }

  /** What the target has, by its partitions; bytes as the source's indexes count them. */
  partitions(): PartitionTotals[] {
    return this.#db
      .prepare(
        `SELECT targetPartition AS partition, count(*) AS mailboxes, sum(syncedFiles) AS messages, sum(bytes) AS bytes
        FROM mailboxes WHERE targetPartition IS NOT NULL AND form IS NOT NULL GROUP BY targetPartition ORDER BY 1`,
      )
      .all() as PartitionTotals[];
  }

  get(id: number): MailboxRow | undefined {
    return this.#byId.get(id) as MailboxRow | undefined;
  }

  byUniqueid(uniqueid: string): MailboxRow | undefined {
    return this.#byUniqueid.get(uniqueid) as MailboxRow | undefined;
  }

  /** The one seen last, where several had the name. */
  byName(name: string): MailboxRow | undefined {
    return this.#byName.get(name) as MailboxRow | undefined;
  }

  /** Records what the source showed, new mailboxes included. @param onRow Told of the row that each has. */
  sight<T extends Sighting>(seen: Iterable<T>, onRow?: (seen: T, id: number) => void): void {
    for (const _done of this.sighting(seen, onRow));
  }

  /**
   * The same, one by one: yields how many are done. All of it is one commit, at the end; of one that is broken off
   * nothing stays. Nothing else may be written meanwhile.
   */
  *sighting<T extends Sighting>(
    seen: Iterable<T>,
    onRow: (seen: T, id: number) => void = () => {},
  ): Generator<number, void, void> {
    let done = 0;
    try {
      for (const one of seen) {
        if (done === 0) {
          this.#db.exec('BEGIN');
          this.#forgetSweep();
        }
        const { id } = this.#sight.get(one) as { id: number };
        onRow(one, id);
        yield ++done;
      }
      if (done > 0) this.#db.exec('COMMIT');
    } finally {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
    }
  }

  /** Durable before the first byte is written: after a crash these are checked by content. */
  markInFlight(batch: readonly { id: number; targetPartition: string; targetRelative: string }[]): void {
    this.#change(() => {
      for (const { id, targetPartition, targetRelative } of batch)
        this.#inFlight.run(targetPartition, targetRelative, id);
    });
  }

  /**
   * The end of a batch. Only what the barrier has made last can be marked.
   * @param left Those that were put off or not begun: to be looked at again, and no sign of a crash.
   */
  settle({ done, left }: Durable<{ done: readonly SyncedMailbox[]; left: readonly LeftMailbox[] }>): void {
    this.#change(() => {
      for (const mailbox of done) this.#done.run(mailbox);
      for (const { id, targetPartition, targetRelative } of left) this.#left.run(targetPartition, targetRelative, id);
    });
  }

  /** Records that a mailbox's files are in staging, at the given place, or on the way between (0: all at that place). */
  setStaged(
    batch: Durable<readonly { id: number; staged: 0 | 1 | 2; targetPartition: string; targetRelative: string }[]>,
  ): void {
    this.#change(() => {
      for (const { id, staged, targetPartition, targetRelative } of batch)
        this.#staged.run(staged, targetPartition, targetRelative, id);
    });
  }

  /** @returns in how many passes in a row it has been put off. */
  markDeferred(id: number): number {
    return this.#change(() => (this.#deferred.get(id) as { deferred: number }).deferred);
  }

  remove(ids: Durable<readonly number[]>): void {
    if (ids.length === 0) return;
    this.#change(() => {
      for (const id of ids) this.#delete.run(id);
    });
  }

  #change<T>(act: () => T): T {
    return this.#db.transaction(() => {
      this.#forgetSweep();
      return act();
    })();
  }

  #forgetSweep(): void {
    if (!this.keepsSweep) this.#sweep.forget();
  }
}
