import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { parseSeen, printSeen } from '../../../src/cyrus/records/seen.js';
import { UidSet } from '../../../src/cyrus/records/uid-set.js';
import { shown } from './fixture.js';

describe('seen', () => {
  it.each(['2.3-skiplist-uhs/seen.alice.show.txt', '3.0-uhs-plain/seen.carol.smith.show.txt'])(
    '%s, shown by cyr_dbtool, is printed as Cyrus wrote it',
    (path) => {
      const entries = shown(path);
      expect(entries.length).toBeGreaterThan(3);
      for (const { value } of entries) expect(printSeen(parseSeen(value, path))).toBe(value);
    },
  );

  it('says when and what was read', () => {
    const seen = parseSeen('1 1795456401 8 1795456403 1:3,7,9:11,13,15', 'x');
    expect(seen).toMatchObject({ lastReadSec: 1795456401, lastUid: 8, lastChangeSec: 1795456403 });
    expect([seen.uids.size, seen.uids.contains(8), seen.uids.contains(9)]).toEqual([9, false, true]);
  });

  it.each(['', '2 1 1 1 1', '1 1 1', '1 a 1 1 ', '1 1 1 1 x', '1 1 1 1 1:', '1 1 1 1 1,,2', '1 1 1 1 4294967296'])(
    'refuses %j',
    (value) => expect(() => parseSeen(value, 'x')).toThrow(FormatError),
  );
});

describe('a set of UIDs', () => {
  it('costs by its ranges, not by its UIDs', () => {
    const all = UidSet.parse('1:4294967295', 'x');
    expect(all.ranges).toEqual([[1, 4294967295]]);
    expect([all.size, all.contains(4294967295), all.contains(0)]).toEqual([4294967295, true, false]);
  });

  it.each([
    ['', ''],
    ['3,1,2', '1:3'],
    ['5:3,10', '3:5,10'],
    ['1:10,2:3,11', '1:11'],
    ['7,7', '7'],
  ])('%j is %j', (text, normal) => expect(UidSet.parse(text, 'x').toString()).toBe(normal));

  it('is the set of what went in, and comes back from its text', () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 })), (uids) => {
        const set = UidSet.of(uids);
        const truth = new Set(uids);
        for (let uid = 0; uid <= 61; uid++) expect(set.contains(uid)).toBe(truth.has(uid));
        expect(set.size).toBe(truth.size);
        expect(UidSet.parse(set.toString(), 'x')).toEqual(set);
      }),
    ));
});
