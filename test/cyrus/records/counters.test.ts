import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { countersVersionOf, parseCounters, printCounters, zeroCounters } from '../../../src/cyrus/records/counters.js';
import type { CyrusVersion } from '../../../src/cyrus/version.js';
import { fixtureBytes } from './fixture.js';

/** With what xxd shows at 8 and 8 bytes before the end; the servers before 3.6 had not counted anything. */
const FILES = [
  ['3.0-uhs-plain/counters/alice.counters', '3.0', 3, 0n, 0],
  ['3.2-uhs-meta/counters/bob.counters', '3.2', 5, 0n, 0],
  ['3.6-netnews-mixed/counters/alice.counters', '3.6', 9, 0x74n, 0x6b047e8d],
  ['3.10-fullhash-meta/counters/alice.counters.db', '3.10', 9, 0x81n, 0x6b047daf],
] as const;

describe('counters', () => {
  it.each(FILES)('%s is written as its server wrote it', (path, version, fileVersion, highest, uidvalidity) => {
    const bytes = fixtureBytes(path);
    const counters = parseCounters(bytes, path);
    expect([counters.fileVersion, countersVersionOf(version)]).toEqual([fileVersion, fileVersion]);
    expect([counters.modseqs.highest, counters.uidvalidity]).toEqual([highest, uidvalidity]);
    expect(printCounters(counters, fileVersion)).toEqual(bytes);
  });

  it('can be written for a newer server, and read there', () => {
    const old = parseCounters(printCounters(parseCounters(fixtureBytes(FILES[2][0]), 'x'), 3), 'x');
    expect(parseCounters(printCounters(old), 'x')).toEqual({ ...old, fileVersion: 9 });
  });

  it.each(FILES)('%s: any changed byte is noticed', (path) => {
    const bytes = fixtureBytes(path);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      expect(() => parseCounters(damaged, path)).toThrow(FormatError);
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseCounters(bytes.subarray(0, length), path)).toThrow(FormatError);
    }
  });

  it('come back from every version of the file', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 9 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (fileVersion, carddav) => {
          const counters = { generation: 7, modseqs: { ...zeroCounters(), carddav }, uidvalidity: 4294967295 };
          expect(parseCounters(printCounters(counters, fileVersion), 'x')).toEqual({ ...counters, fileVersion });
        },
      ),
    ));

  it('are not known before 3.0', () =>
    expect((['2.5', '3.4', '3.12'] as CyrusVersion[]).map(countersVersionOf)).toEqual([undefined, 8, 9]));
});
