import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ForecastInput, forecastCutover, type PastPass } from '../../src/sync/forecast.js';

const HOUR_MS = 3_600_000;
const NIGHT = 24 * HOUR_MS;
const FIRST: PastPass = { startedAtMs: 0, seconds: 3600, mailboxes: 10_000, messages: 1_000_000 };

/** Nightly passes of a site with 10,000 mailboxes of which so many change a day. */
function nights(...changed: number[]): PastPass[] {
  return changed.map((mailboxes, i) => ({
    startedAtMs: (i + 1) * NIGHT,
    seconds: 2 + mailboxes * 0.04,
    mailboxes,
    messages: 10 * mailboxes,
  }));
}

function guess(changes: Partial<ForecastInput>) {
  const passes = [FIRST, ...nights(1000, 1200, 800)];
  return forecastCutover({ passes, mailboxes: 10_000, nowMs: 4 * NIGHT, restSec: 20, ...changes });
}

describe('the forecast of a cutover', () => {
  it.each([
    ['no pass', []],
    ['the first alone', [FIRST]],
  ])('needs more than %s', (_, passes) => {
    expect(guess({ passes })).toBeUndefined();
  });

  it('a day after the last night is like a night, and what the rehearsal took', () => {
    const forecast = guess({})!;
    expect(forecast.seconds).toBeGreaterThan(20 + 30);
    expect(forecast.seconds).toBeLessThan(20 + 70);
    expect(forecast.low).toBeLessThan(forecast.seconds);
    expect(forecast.high).toBeGreaterThan(forecast.seconds);
  });

  it('right after a pass is little more than a pass in which nothing changed', () => {
    expect(guess({ nowMs: 3 * NIGHT })!.seconds).toBeLessThan(20 + 35);
  });

  it('says that databases are a guess where no rehearsal was made, and doubts more', () => {
    const [with_, without] = [guess({})!, guess({ restSec: undefined })!];
    expect(without.basis).toContain('--rehearse');
    expect(without.high / without.low).toBeGreaterThan(with_.high / with_.low);
  });

  it('is always low ≤ guess ≤ high, and grows with the time since the last pass', () => {
    const pass = fc.record({
      startedAtMs: fc.nat(1000 * NIGHT),
      seconds: fc.float({ min: 0, max: 1e5, noNaN: true }),
      mailboxes: fc.nat(100_000),
      messages: fc.nat(10_000_000),
    });
    fc.assert(
      fc.property(fc.array(pass, { minLength: 2, maxLength: 20 }), fc.nat(100), (some, hours) => {
        const passes = some.sort((a, b) => a.startedAtMs - b.startedAtMs);
        const last = passes.at(-1)!.startedAtMs;
        const at = (h: number) => guess({ passes, nowMs: last + h * HOUR_MS })!;
        const { low, seconds, high } = at(hours);
        expect(low).toBeLessThanOrEqual(seconds);
        expect(seconds).toBeLessThanOrEqual(high);
        expect(Number.isFinite(high)).toBe(true);
        expect(at(hours + 1).seconds).toBeGreaterThanOrEqual(seconds);
      }),
    );
  });
});
