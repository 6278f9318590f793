/**
 * Which mailboxes changed and are not copied yet, and which of them are due. Decides by the times it is told; a mailbox
 * is a number here (its row in the state); 0 and less stand for what is no mailbox: databases.
 *
 * Due is a mailbox
 * - that has been quiet for a while (a client that moves 500 messages is one pass, not 500),
 * - or has been dirty for too long (one that is never quiet must not wait for ever),
 * - and whose last pass is long enough ago. After a pass that did not get it done, the time doubles with each try as
 *   long as nothing new happens to it.
 */

export interface DirtyPace {
  readonly quietMs: number;
  readonly maxDelayMs: number;
  readonly atMostEveryMs: number;
}

interface Dirty {
  /** When it changed first, after it was last known to be clean. */
  readonly sinceMs: number;
  /** When it changed last. */
  changedMs: number;
}

interface Tried {
  readonly atMs: number;
  readonly changedMs: number;
  /** Passes in a row between which nothing new happened to it. */
  readonly again: number;
}

/** Longer than this nothing waits that a pass could not do. */
const LONGEST_RETRY_MS = 600_000;

export class DirtySet {
  readonly #pace: DirtyPace;
  readonly #dirty = new Map<number, Dirty>();
  readonly #tried = new Map<number, Tried>();

  constructor(pace: DirtyPace) {
    this.#pace = pace;
  }

  /** Of mailboxes. */
  get size(): number {
    return [...this.#dirty.keys()].filter((row) => row > 0).length;
  }

  /**
   * It changed.
   * @param changedMs When; as the files say, whose clock may be another's: never taken as later than now.
   * @param cleanMs When it was last known to be clean: it did not change before.
   */
  note(row: number, changedMs: number, nowMs: number, cleanMs = nowMs): void {
    const changed = Math.min(changedMs, nowMs);
    const known = this.#dirty.get(row);
    if (!known) this.#dirty.set(row, { sinceMs: Math.min(nowMs, Math.max(changed, cleanMs)), changedMs: changed });
    else if (changed > known.changedMs) known.changedMs = changed;
  }

  /** It is as the target has it. */
  clean(row: number): void {
    this.#dirty.delete(row);
  }

  /** All others are as the target has them. */
  keepOnly(rows: ReadonlySet<number>): void {
    for (const row of this.#dirty.keys()) if (!rows.has(row)) this.#dirty.delete(row);
  }

  /** A pass has dealt with them. What it did not get done is noted again by who looks next. */
  passed(rows: Iterable<number>, nowMs: number): void {
    for (const [row, { atMs }] of this.#tried) if (nowMs - atMs > 2 * LONGEST_RETRY_MS) this.#tried.delete(row);
    for (const row of rows) {
      const changedMs = this.#dirty.get(row)?.changedMs ?? nowMs;
      const before = this.#tried.get(row);
      const again = before && changedMs <= before.changedMs ? before.again + 1 : 0;
      this.#tried.set(row, { atMs: nowMs, changedMs: Math.max(changedMs, before?.changedMs ?? 0), again });
      this.#dirty.delete(row);
    }
  }

  due(nowMs: number): Set<number> {
    const due = new Set<number>();
    for (const [row, dirty] of this.#dirty) if (this.#dueMs(row, dirty) <= nowMs) due.add(row);
    return due;
  }

  /** When the next is due; Infinity where none is dirty. */
  nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [row, dirty] of this.#dirty) next = Math.min(next, this.#dueMs(row, dirty));
    return next;
  }

  /** When the change that has waited longest was made. */
  oldestMs(): number | undefined {
    let oldest: number | undefined;
    for (const { sinceMs } of this.#dirty.values()) if (oldest === undefined || sinceMs < oldest) oldest = sinceMs;
    return oldest;
  }

  #dueMs(row: number, { sinceMs, changedMs }: Dirty): number {
    const { quietMs, maxDelayMs, atMostEveryMs } = this.#pace;
    const ready = Math.min(changedMs + quietMs, sinceMs + maxDelayMs);
    const tried = this.#tried.get(row);
    if (!tried) return ready;
    const again = changedMs > tried.changedMs ? 0 : tried.again + 1;
    return Math.max(ready, tried.atMs + Math.min(LONGEST_RETRY_MS, atMostEveryMs * 2 ** again));
  }
}
