/**
 * The loop: hints and sweeps say what changed → the dirty set says what is due → a pass over that. What it does on disk
 * stands in `Work`, time in `Clock`: the order of things is all there is here.
 *
 * A sweep looks at every mailbox; between sweeps those that were hinted at are looked at when they are due, and nothing
 * is believed that a stat does not show. Where the list of stats can't answer (mailboxes.db changed, a mailbox was
 * renamed, a partition is gone …) a whole pass is due.
 */
import { CyrsyncError, InterruptedError } from '../base/errors.js';
import { errnoOf } from '../disk/os-path.js';
import { CostClock, type CostPace } from './cost-clock.js';
import { type DirtyPace, DirtySet } from './dirty-set.js';

/** What changed, as stats show it. */
export interface Look {
  readonly changed: readonly { readonly row: number; readonly changedMs: number }[];
}

export interface Work<L extends Look> {
  /** @param only Mailboxes by row. @returns undefined where a whole pass is needed */
  look(only?: ReadonlySet<number>): L | undefined;
  /** Copies these of what was seen. @returns false where a whole pass is needed: nothing was done then */
  copy(look: L, rows: ReadonlySet<number>): Promise<boolean>;
  whole(): Promise<void>;
}

export interface Clock {
  nowMs(): number;
  /** Comes back at `untilMs` at the latest; earlier where there may be something to do, or to stop for. */
  wait(untilMs: number): Promise<void>;
}

export interface FollowPace {
  readonly dirty: DirtyPace;
  readonly sweep: CostPace;
  readonly whole: CostPace;
}

/** What it tells as it goes. */
export interface FollowEvents {
  swept(found: number, tookMs: number): void;
  /** A pass begins, or has ended. */
  whole(isBegun: boolean): void;
  /** The same pass failed for another reason than before, or (null) does so no longer. */
  held(why: CyrsyncError | null): void;
}

/** The row that stands for databases. */
const DATABASES = 0;

export class Follower<L extends Look> {
  readonly dirty: DirtySet;
  readonly sweeps: CostClock;
  readonly #wholes: CostClock;
  readonly #work: Work<L>;
  readonly #clock: Clock;
  readonly #events: FollowEvents;
  readonly #quietMs: number;
  /** Since when the list of stats does not do. */
  #wholeSinceMs: number | undefined;
  /** Not before then: who renames a tree, or makes many mailboxes, is let to finish. */
  #wholeNotBeforeMs = 0;
  #sweptMs: number;
  #held: string | undefined;

  constructor(work: Work<L>, clock: Clock, pace: FollowPace, events: FollowEvents) {
    this.#work = work;
    this.#clock = clock;
    this.#events = events;
    this.#sweptMs = clock.nowMs();
    this.#quietMs = pace.dirty.quietMs;
    this.dirty = new DirtySet(pace.dirty);
    this.sweeps = new CostClock(pace.sweep, this.#sweptMs);
    this.#wholes = new CostClock(pace.whole, this.#sweptMs);
  }

  /** When the change that has waited longest was made. */
  get oldestMs(): number | undefined {
    const oldest = this.dirty.oldestMs();
    if (this.#wholeSinceMs === undefined) return oldest;
    return Math.min(this.#wholeSinceMs, oldest ?? this.#wholeSinceMs);
  }

  /** A mailbox is said to have changed. */
  hint(row: number): void {
    const now = this.#clock.nowMs();
    this.dirty.note(row, now, now);
  }

  hintDatabases(): void {
    this.hint(DATABASES);
  }

  /** Hints may have been lost. */
  lost(): void {
    this.sweeps.hasten(this.#clock.nowMs());
  }

  /** @throws InterruptedError where a pass was told to stop. */
  async run(stopped: () => boolean): Promise<void> {
    while (!stopped()) {
      const next = this.#nextMs();
      if (this.#clock.nowMs() < next) await this.#clock.wait(next);
      else await this.#step();
    }
  }

  #nextMs(): number {
    if (this.#wholeSinceMs !== undefined) return Math.max(this.#wholes.nextMs, this.#wholeNotBeforeMs);
    return Math.min(this.sweeps.nextMs, this.dirty.nextMs());
  }

  async #step(): Promise<void> {
    const now = this.#clock.nowMs();
    if (this.#wholeSinceMs !== undefined) await this.#whole();
    else if (this.sweeps.nextMs <= now) await this.#glance();
    else await this.#glance(this.dirty.due(now));
  }

  async #glance(only?: ReadonlySet<number>): Promise<void> {
    const begun = this.#clock.nowMs();
    const seen = await this.#attempt(() => this.#work.look(only));
    const look = seen === 'failed' ? undefined : seen; // the whole pass then fails too, and says it, or mends it
    const now = this.#clock.nowMs();
    if (!only) {
      this.sweeps.done(now, now - begun);
      this.#events.swept(look?.changed.length ?? 0, now - begun);
    }
    if (!look) {
      this.#wholeSinceMs ??= only ? begun : this.#sweptMs;
      this.#wholeNotBeforeMs = only ? now : now + this.#quietMs; // a hint has waited as long already
      return;
    }
    const changed = new Set<number>();
    for (const { row, changedMs } of look.changed) {
      changed.add(row);
      this.dirty.note(row, changedMs, now, this.#sweptMs);
    }
    if (only) for (const row of only) if (!changed.has(row)) this.dirty.clean(row);
    if (!only) {
      this.dirty.keepOnly(changed);
      this.#sweptMs = begun;
    }
    const due = new Set([...this.dirty.due(now)].filter((row) => changed.has(row)));
    if (due.size === 0) return;
    const copied = await this.#attempt(() => this.#work.copy(look, due));
    if (copied !== true) this.#wholeSinceMs ??= this.dirty.oldestMs() ?? now;
    else this.dirty.passed(due, this.#clock.nowMs());
  }

  async #whole(): Promise<void> {
    const begun = this.#clock.nowMs();
    this.#events.whole(true);
    try {
      if ((await this.#attempt(() => this.#work.whole())) === 'failed') return;
    } finally {
      this.#events.whole(false);
    }
    const now = this.#clock.nowMs();
    this.#wholes.done(now, now - begun);
    // A pass leaves no list where it can't vouch for one, or where mailboxes.db changed just then.
    const seen = await this.#attempt(() => this.#work.look(new Set()));
    this.#wholeSinceMs = seen === 'failed' || !seen ? begun : undefined;
    // What changed meanwhile, the next sweep finds; what is hinted at now stays noted.
    this.dirty.passed(this.dirty.due(begun), now);
    this.#sweptMs = begun;
    if (seen !== 'failed') this.#hold(null);
  }

  /** Does it; what can't be done is said once, and the whole pass tries it after a time that doubles. */
  async #attempt<T>(act: () => T | Promise<T>): Promise<T | 'failed'> {
    const begun = this.#clock.nowMs();
    try {
      return await act();
    } catch (error) {
      if (error instanceof InterruptedError) throw error;
      const known = asKnown(error);
      if (!known) throw error;
      const now = this.#clock.nowMs();
      this.#wholes.failed(now, now - begun);
      this.#hold(known);
      return 'failed';
    }
  }

  #hold(why: CyrsyncError | null): void {
    const text = why === null ? undefined : `${why.message}: ${why.why}`;
    if (text === this.#held) return;
    this.#held = text;
    this.#events.held(why);
  }
}

/** What the system or the source brings about, and time or a person may mend; all else is a fault of the program. */
function asKnown(error: unknown): CyrsyncError | undefined {
  if (error instanceof CyrsyncError) return error;
  if (!(error instanceof Error) || !/^E[A-Z]+$/.test(errnoOf(error) ?? '')) return undefined;
  return new CyrsyncError(
    'A file can not be read or written',
    error.message,
    'Mend what it names; it is tried again.',
    {
      cause: error,
      code: 'file-error',
    },
  );
}
