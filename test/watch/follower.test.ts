import { describe, expect, it } from 'vitest';
import { type CyrsyncError, InterruptedError, RefusedError } from '../../src/base/errors.js';
import { Follower, type FollowPace, type Look, type Work } from '../../src/watch/follower.js';

const PACE: FollowPace = {
  dirty: { quietMs: 3000, maxDelayMs: 60_000, atMostEveryMs: 15_000 },
  sweep: { share: 0.02, leastMs: 2000, mostMs: 300_000 },
  whole: { share: 0.1, leastMs: 5000, mostMs: 600_000 },
};

/** A spool of numbers: what changed at which time, as if stats had been made. */
class Spool implements Work<Look> {
  nowMs = 0;
  readonly changed = new Map<number, number>();
  /** Whether the list of stats does. */
  hasList = true;
  sweepMs = 10;
  failure: Error | undefined;
  /** Rows of which a partial pass says that they need a whole one. */
  readonly odd = new Set<number>();
  readonly log: string[] = [];
  /** What happens at which time. */
  readonly plan: { atMs: number; act: () => void }[] = [];

  at(atMs: number, act: () => void): void {
    this.plan.push({ atMs, act });
  }

  look(only?: ReadonlySet<number>): Look | undefined {
    if (!only) this.pass(this.sweepMs);
    if (!this.hasList) return undefined;
    const rows = [...this.changed].filter(([row]) => only?.has(row) !== false);
    return { changed: rows.map(([row, changedMs]) => ({ row, changedMs })) };
  }

  async copy(_look: Look, rows: ReadonlySet<number>): Promise<boolean> {
    if ([...rows].some((row) => this.odd.has(row))) return false;
    this.log.push(`${this.nowMs}: copy ${[...rows].join(' ')}`);
    for (const row of rows) this.changed.delete(row);
    return true;
  }

  async whole(): Promise<void> {
    this.log.push(`${this.nowMs}: whole`);
    if (this.failure) throw this.failure;
    this.pass(100);
    this.changed.clear();
    this.odd.clear();
    this.hasList = true;
  }

  pass(ms: number): void {
    this.goTo(this.nowMs + ms);
  }

  goTo(ms: number): void {
    for (const due of this.plan.filter(({ atMs }) => atMs > this.nowMs && atMs <= ms)) {
      this.nowMs = due.atMs;
      due.act();
    }
    this.nowMs = Math.max(this.nowMs, ms);
  }

  /** The loop, from now until then. */
  async follow(untilMs: number): Promise<{ follower: Follower<Look>; held: (string | null)[] }> {
    const held: (string | null)[] = [];
    const events = {
      swept: () => {},
      whole: () => {},
      held: (why: CyrsyncError | null) => held.push(why?.code ?? null),
    };
    const wake = (ms: number) => {
      const next = Math.min(ms, untilMs, ...this.plan.map(({ atMs }) => atMs).filter((atMs) => atMs > this.nowMs));
      this.goTo(next);
      return Promise.resolve();
    };
    const follower = new Follower(this, { nowMs: () => this.nowMs, wait: wake }, PACE, events);
    this.follower = follower;
    await follower.run(() => this.nowMs >= untilMs);
    return { follower, held };
  }
  follower: Follower<Look> | undefined;
}

describe('by sweeps alone', () => {
  it('a change is copied when the mailbox is quiet, and the sweep that finds it so comes in its time', async () => {
    const spool = new Spool();
    spool.at(2500, () => spool.changed.set(7, 2500));
    const { follower } = await spool.follow(20_000);
    // Swept at 4020, quiet at 5500: looked at alone then, not with the next sweep.
    expect(spool.log).toEqual(['5500: copy 7']);
    expect(follower.oldestMs).toBeUndefined();
  });

  it('one that never is quiet is copied all the same, and no more often than it may be', async () => {
    const spool = new Spool();
    for (let ms = 1000; ms < 200_000; ms += 1000) spool.at(ms, () => spool.changed.set(7, ms));
    await spool.follow(200_000);
    const times = spool.log.map((line) => Number(line.split(':')[0]));
    expect(times.length).toBe(3);
    for (const [i, time] of times.entries()) expect(time - (times[i - 1] ?? 0)).toBeLessThanOrEqual(66_000);
  });

  it('a sweep that takes long comes seldom', async () => {
    const spool = new Spool();
    spool.sweepMs = 1000;
    spool.at(2000, () => spool.changed.set(7, 2000));
    await spool.follow(120_000);
    expect(spool.log).toEqual(['52000: copy 7']); // one at 0, the next 50 s after its end
  });
});

describe('hints', () => {
  it('have a mailbox looked at without a sweep', async () => {
    const spool = new Spool();
    spool.sweepMs = 1000;
    spool.at(2000, () => {
      spool.changed.set(7, 2000);
      spool.follower!.hint(7);
    });
    await spool.follow(40_000);
    expect(spool.log).toEqual(['5000: copy 7']);
  });

  it('that are wrong cost a look and nothing else', async () => {
    const spool = new Spool();
    spool.at(2500, () => spool.follower!.hint(7));
    const { follower } = await spool.follow(20_000);
    expect(spool.log).toEqual([]);
    expect(follower.dirty.size).toBe(0);
  });

  it('of the databases have the whole pass come without a sweep', async () => {
    const spool = new Spool();
    spool.sweepMs = 1000;
    spool.at(2000, () => {
      spool.hasList = false;
      spool.follower!.hintDatabases();
    });
    await spool.follow(40_000);
    expect(spool.log).toEqual(['5000: whole']);
  });

  it('that were lost have the next sweep come at once', async () => {
    const spool = new Spool();
    spool.sweepMs = 1000;
    spool.at(2000, () => spool.changed.set(7, 2000));
    spool.at(9000, () => spool.follower!.lost());
    await spool.follow(40_000);
    expect(spool.log).toEqual(['10000: copy 7']);
  });
});

describe('a whole pass', () => {
  it('comes where the list does not do, and not again before its time', async () => {
    const spool = new Spool();
    for (let ms = 1000; ms < 60_000; ms += 1000)
      spool.at(ms, () => {
        spool.hasList = false;
      });
    await spool.follow(60_000);
    expect(spool.log.length).toBeGreaterThan(5);
    const times = spool.log.map((line) => Number(line.split(':')[0]));
    for (const [i, time] of times.slice(1).entries()) expect(time - times[i]!).toBeGreaterThanOrEqual(5000);
  });

  it('does what a partial one leaves to it', async () => {
    const spool = new Spool();
    spool.odd.add(7);
    spool.at(500, () => spool.changed.set(7, 500));
    const { follower } = await spool.follow(20_000);
    expect(spool.log).toEqual(['3500: whole']);
    expect(follower.oldestMs).toBeUndefined();
  });

  it('that is refused is tried again, ever less often; it is said once, and that it is over', async () => {
    const spool = new Spool();
    spool.failure = new RefusedError('Refused: the target would lose mail', 'a partition is gone', 'Mount it.', {
      code: 'guard',
    });
    spool.at(500, () => {
      spool.hasList = false;
    });
    spool.at(100_000, () => {
      spool.failure = undefined;
    });
    const { held, follower } = await spool.follow(300_000);
    const times = spool.log.map((line) => Number(line.split(':')[0]));
    expect(times.slice(0, 5).map((time, i) => time - (times[i - 1] ?? time))).toEqual([
      0, 5000, 10_000, 20_000, 40_000,
    ]);
    expect(held).toEqual(['guard', null]);
    expect(follower.oldestMs).toBeUndefined();
  });

  it('that fails by a fault of the program ends it, and one that is interrupted as well', async () => {
    for (const failure of [new TypeError('x is not a function'), new InterruptedError()]) {
      const spool = new Spool();
      spool.failure = failure;
      spool.hasList = false;
      await expect(spool.follow(10_000)).rejects.toThrow(failure);
    }
  });
});
