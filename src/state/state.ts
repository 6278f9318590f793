/** The job's memory: facts, passes, mailboxes, placement, problems. One class per table's story. */
import { type Problem, problemKey } from '../model/problem.js';
import { CensusRows } from './census-rows.js';
import { ConfigRows } from './config-rows.js';
import { openStateDatabase, type StateDatabase } from './database.js';
import { MailboxRows } from './mailbox-rows.js';
import { PlacementRows } from './placement-rows.js';
import { ProofRows } from './proof-rows.js';
import { SweepRows } from './sweep-rows.js';
import { UnitRows } from './unit-rows.js';

export interface PassRow {
  readonly id: number;
  readonly kind: string;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly complete: 0 | 1;
  readonly seconds: number | null;
  readonly figures: string | null;
}

/** A mailbox that holds rescued messages on the target. */
export interface RescuedMailbox {
  /** Internal name of the owner's INBOX; `''` for what is nobody's. */
  readonly owner: string;
  readonly name: string;
  readonly uniqueid: string;
  /** Where it lies on the target. */
  readonly partition: string;
  readonly relative: string;
  readonly legacy: 0 | 1;
  readonly uidvalidity: number;
}

/** Facts with a fixed name; everything else about a job lies in its file. */
export type FactName =
  | 'final'
  | 'lastFull'
  | 'lastChecksum'
  | 'cutoverPhases'
  | 'roots'
  | 'useKinds'
  | 'selection'
  | 'placedBy'
  | 'spreadSaid'
  | 'merging'
  /** When final was taken back, until a pass has compared every mailbox. */
  | 'reopened'
  /** Names on the target that this gave up, until the next final. */
  | 'discarded'
  | 'leftovers';

export class State {
  readonly #db: StateDatabase;
  readonly mailboxes: MailboxRows;
  readonly census: CensusRows;
  readonly proofs: ProofRows;
  readonly sweep: SweepRows;
  readonly units: UnitRows;
  readonly config: ConfigRows;
  readonly placement: PlacementRows;

  constructor(file: string) {
    this.#db = openStateDatabase(file);
    this.census = new CensusRows(this.#db);
    this.proofs = new ProofRows(this.#db);
    this.sweep = new SweepRows(this.#db);
    this.units = new UnitRows(this.#db);
    this.mailboxes = new MailboxRows(this.#db, this.sweep);
    this.config = new ConfigRows(this.#db);
    this.placement = new PlacementRows(this.#db, this.sweep);
  }

  fact(name: FactName): string | undefined {
    return (this.#db.prepare('SELECT value FROM facts WHERE key = ?').get(name) as { value: string } | undefined)
      ?.value;
  }

  setFact(name: FactName, value: string | undefined): void {
    if (value === undefined) this.#db.prepare('DELETE FROM facts WHERE key = ?').run(name);
    else
      this.#db
        .prepare('INSERT INTO facts VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
        .run(name, value);
  }

  beginPass(kind: string): number {
    return Number(
      this.#db.prepare('INSERT INTO passes (kind, startedAt) VALUES (?, ?)').run(kind, new Date().toISOString())
        .lastInsertRowid,
    );
  }

  /** A pass that found nothing to do: begun and ended in one commit. */
  recordIdlePass(kind: string, startedAt: Date, figures: unknown): void {
    const now = new Date();
    this.#db
      .prepare('INSERT INTO passes (kind, startedAt, finishedAt, complete, seconds, figures) VALUES (?, ?, ?, 1, ?, ?)')
      .run(
        kind,
        startedAt.toISOString(),
        now.toISOString(),
        (now.getTime() - startedAt.getTime()) / 1000,
        JSON.stringify(figures),
      );
  }

  endPass(id: number, complete: boolean, seconds: number, figures: unknown): void {
    this.#db
      .prepare('UPDATE passes SET finishedAt = ?, complete = ?, seconds = ?, figures = ? WHERE id = ?')
      .run(new Date().toISOString(), complete ? 1 : 0, seconds, JSON.stringify(figures), id);
  }

  /** One pass in place of two that followed each other, under the later one's id. */
  joinPasses(earlier: PassRow, later: PassRow, figures: unknown): void {
    const { startedAt } = earlier;
    const seconds = (earlier.seconds ?? 0) + (later.seconds ?? 0);
    this.#db.transaction(() => {
      this.#db.prepare('DELETE FROM passes WHERE id = ?').run(earlier.id);
      this.#db
        .prepare('UPDATE passes SET startedAt = ?, seconds = ?, figures = ? WHERE id = ?')
        .run(startedAt, seconds, JSON.stringify(figures), later.id);
    })();
  }

  /** The newest first. */
  lastPasses(count: number): PassRow[] {
    return this.#db.prepare('SELECT * FROM passes ORDER BY id DESC LIMIT ?').all(count) as PassRow[];
  }

  /** Whether one of that kind was ever begun. */
  knowsPass(kind: string): boolean {
    return this.#db.prepare('SELECT 1 FROM passes WHERE kind = ? LIMIT 1').get(kind) !== undefined;
  }

  /** The uniqueid once given to a mailbox whose own was missing or not its alone. */
  assignedUniqueid(sourceId: string, name: string): string | undefined {
    return (
      this.#db.prepare('SELECT uniqueid FROM assigned WHERE sourceId = ? AND name = ?').get(sourceId, name) as
        | { uniqueid: string }
        | undefined
    )?.uniqueid;
  }

  assignUniqueid(sourceId: string, name: string, uniqueid: string): void {
    this.#db.prepare('INSERT INTO assigned VALUES (?, ?, ?)').run(sourceId, name, uniqueid);
  }

  /** Problems that stand: those of this run are put in, those it no longer met go, unless they stay. */
  saveProblems(problems: readonly Problem[]): void {
    const now = new Date().toISOString();
    const put = this.#db.prepare(
      'INSERT INTO problems VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET problem = excluded.problem, lastSeen = excluded.lastSeen',
    );
    this.#db.transaction(() => {
      for (const p of problems) put.run(problemKey(p), JSON.stringify(p), now, now);
      const current = new Set(problems.map(problemKey));
      this.#removeProblems(
        (problem, key) => !current.has(key) && !(problem.stays && this.mailboxes.byName(problem.mailbox ?? '')),
      );
    })();
  }

  /** Of mailboxes that are compared as a whole, now. */
  forgetStaying(mailboxes: ReadonlySet<string>): void {
    if (mailboxes.size > 0)
      this.#removeProblems(({ stays, mailbox }) => stays === true && mailboxes.has(mailbox ?? ''));
  }

  #removeProblems(which: (problem: Problem, key: string) => boolean): void {
    const remove = this.#db.prepare('DELETE FROM problems WHERE key = ?');
    const all = this.#db.prepare('SELECT key, problem FROM problems').all() as { key: string; problem: string }[];
    for (const { key, problem } of all) if (which(JSON.parse(problem) as Problem, key)) remove.run(key);
  }

  problems(): Problem[] {
    return (this.#db.prepare('SELECT problem FROM problems ORDER BY key').all() as { problem: string }[]).map(
      (row) => JSON.parse(row.problem) as Problem,
    );
  }

  rescuedMailboxes(): RescuedMailbox[] {
    return this.#db.prepare('SELECT * FROM rescued').all() as RescuedMailbox[];
  }

  saveRescuedMailbox(row: RescuedMailbox): void {
    this.#db
      .prepare(
        `INSERT OR REPLACE INTO rescued (owner, name, uniqueid, partition, relative, legacy, uidvalidity)
        VALUES (@owner, @name, @uniqueid, @partition, @relative, @legacy, @uidvalidity)`,
      )
      .run(row);
  }

  forgetRescuedMailbox(owner: string): void {
    this.#db.prepare('DELETE FROM rescued WHERE owner = ?').run(owner);
  }

  close(): void {
    this.#db.close();
  }
}
