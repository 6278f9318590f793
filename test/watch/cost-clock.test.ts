import { describe, expect, it } from 'vitest';
import { CostClock } from '../../src/watch/cost-clock.js';

const PACE = { share: 0.02, leastMs: 2000, mostMs: 300_000 };

describe('sweeps come so often that they take no more than their share', () => {
  it.each([
    ['10 ms', 10, 2000],
    ['0.4 s, as of 100,000 mailboxes', 400, 20_000],
    ['30 s, where it is far too dear', 30_000, 300_000],
  ])('%s', (_, tookMs, interval) => {
    const clock = new CostClock(PACE, 0);
    clock.done(1000, tookMs);
    expect(clock.nextMs).toBe(1000 + interval);
  });

  it('a dear one is not forgotten at once', () => {
    const clock = new CostClock(PACE, 0);
    clock.done(0, 1000);
    clock.done(0, 100);
    expect(clock.intervalMs).toBe(35_000);
  });
});

it('what fails waits twice as long each time, up to ten minutes, and is as before when it succeeds', () => {
  const clock = new CostClock({ share: 0.1, leastMs: 5000, mostMs: 600_000 }, 0);
  const waits = Array.from({ length: 9 }, () => {
    clock.failed(0, 100);
    return clock.nextMs;
  });
  expect(waits).toEqual([5000, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000]);
  clock.done(0, 100);
  expect(clock.nextMs).toBe(5000);
});

it('one that is wanted at once comes at once', () => {
  const clock = new CostClock(PACE, 0);
  clock.done(1000, 10);
  clock.hasten(1500);
  expect(clock.nextMs).toBe(1500);
});
