import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SharedThrottle, type SpeedLimits, shareThrottle, Throttle } from '../../src/sync/throttle.js';

const SECOND = 1_000_000_000n;

/** Workers on one clock, each of which stands where its last wait ended. */
function workers(limits: SpeedLimits, count: number) {
  const shared = shareThrottle(limits) as SharedThrottle;
  return Array.from({ length: count }, () => {
    const worker = { atNs: SECOND * 1000n, take: (_bytes: number, _files: 0 | 1) => {} };
    const throttle = new Throttle(
      shared,
      () => worker.atNs,
      (ns) => {
        worker.atNs += ns;
      },
    );
    worker.take = (bytes, files) => throttle.take(bytes, files);
    return worker;
  });
}

describe('a throttle', () => {
  it('is none where nothing is limited', () => {
    expect(shareThrottle({ bytesPerSec: undefined, filesPerSec: undefined })).toBeUndefined();
  });

  it.each<[string, SpeedLimits, number]>([
    ['bytes', { bytesPerSec: 1000, filesPerSec: undefined }, 100],
    ['files', { bytesPerSec: undefined, filesPerSec: 5 }, 200],
    ['the tighter of both', { bytesPerSec: 1000, filesPerSec: 5 }, 200],
  ])('by %s lets 1,000 messages of 100 bytes take their time', (_, limits, seconds) => {
    const [worker] = workers(limits, 1);
    const begun = worker!.atNs;
    for (let i = 0; i < 1000; i++) worker!.take(100, 1);
    const took = Number(worker!.atNs - begun) / 1e9;
    expect(took).toBeGreaterThan(seconds - 1);
    expect(took).toBeLessThanOrEqual(seconds);
  });

  it('never lets all workers together have more than the rate and a quarter of a second of it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.array(
          fc.record({ worker: fc.nat(3), bytes: fc.integer({ min: 1, max: 1_000_000 }), pauseMs: fc.nat(500) }),
          { minLength: 1 },
        ),
        (bytesPerSec, steps) => {
          const all = workers({ bytesPerSec, filesPerSec: undefined }, 4);
          const begun = all[0]!.atNs;
          let clock = begun;
          let before = 0;
          for (const { worker, bytes, pauseMs } of steps) {
            clock += BigInt(pauseMs) * 1_000_000n;
            const one = all[worker]!;
            if (one.atNs < clock) one.atNs = clock;
            one.take(bytes, 1);
            // what had been taken before this one, which begins only now
            const allowed = (Number(one.atNs - begun) / 1e9 + 0.26) * bytesPerSec + 1;
            expect(before).toBeLessThanOrEqual(allowed);
            before += bytes;
          }
        },
      ),
    );
  });
});
