import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DirtySet } from '../../src/watch/dirty-set.js';

const PACE = { quietMs: 3000, maxDelayMs: 60_000, atMostEveryMs: 15_000 };
const set = () => new DirtySet(PACE);

describe('a mailbox that changed is due', () => {
  it('when it has been quiet for so long', () => {
    const dirty = set();
    dirty.note(7, 1000, 1000);
    expect(dirty.due(3999)).toEqual(new Set());
    dirty.note(7, 3500, 3500);
    expect(dirty.nextMs()).toBe(6500);
    expect(dirty.due(6499)).toEqual(new Set());
    expect(dirty.due(6500)).toEqual(new Set([7]));
  });

  it('when it is never quiet, after the longest delay, counted from its first change', () => {
    const dirty = set();
    for (let now = 0; now < 60_000; now += 1000) {
      expect(dirty.due(now)).toEqual(new Set());
      dirty.note(7, now, now);
    }
    expect(dirty.due(60_000)).toEqual(new Set([7]));
    expect(dirty.oldestMs()).toBe(0);
  });

  it('not sooner than so long after its last pass', () => {
    const dirty = set();
    dirty.note(7, 0, 0);
    dirty.passed([7], 3000);
    expect(dirty.size).toBe(0);
    dirty.note(7, 4000, 4000);
    expect(dirty.nextMs()).toBe(18_000);
  });

  it('later each time where passes do not get it done and nothing new happens, and as ever once something does', () => {
    const dirty = set();
    const waits: number[] = [];
    let now = 3000;
    for (let n = 0; n < 8; n++) {
      dirty.note(7, 0, now);
      const next = dirty.nextMs();
      waits.push(next - now);
      now = next;
      dirty.passed([7], now);
    }
    expect(waits.slice(1)).toEqual([30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]);
    dirty.note(7, now + 5000, now + 5000);
    expect(dirty.nextMs()).toBe(now + 15_000);
  });

  it('by our clock where the files say the future, and no longer ago than it was seen clean', () => {
    const dirty = set();
    dirty.note(7, 9e12, 1000);
    dirty.note(8, 5, 2000, 1500);
    expect(dirty.due(4000)).toEqual(new Set([7, 8]));
    expect(dirty.oldestMs()).toBe(1000);
    dirty.clean(7);
    expect(dirty.oldestMs()).toBe(1500);
  });
});

it('whatever happens, all that is dirty is due within the longest of its times, and nextMs says when', () => {
  const event = fc.record({ row: fc.nat(5), afterMs: fc.nat(20_000), isPass: fc.boolean() });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const dirty = set();
      let now = 0;
      for (const { row, afterMs, isPass } of events) {
        now += afterMs;
        if (isPass) dirty.passed(dirty.due(now), now);
        else dirty.note(row, now, now);
        const next = dirty.nextMs();
        if (next === Number.POSITIVE_INFINITY) continue;
        expect(next - now).toBeLessThanOrEqual(60_000);
        if (next > now) expect(dirty.due(next - 1).size).toBe(0);
        expect(dirty.due(Math.max(now, next)).size).toBeGreaterThan(0);
      }
      if (dirty.nextMs() !== Number.POSITIVE_INFINITY) expect(dirty.due(now + 60_000).size).toBeGreaterThan(0);
    }),
  );
});
