import { describe, expect, it } from 'vitest';
import { readIndex } from '../../../src/cyrus/mailbox/index.js';
import { checkIndex } from '../../../src/cyrus/mailbox/index-check.js';
import { upgradeIndex } from '../../../src/cyrus/mailbox/index-upgrade.js';
import { fixtureFile, fixtureHeader, fixtureIndex, WITH_CRC } from './fixtures.js';

// what 3.6.1 itself makes of an upgrade is compared in index-convert.test.ts
describe('upgrading an index', () => {
  const steps = WITH_CRC.filter((name) => name !== 'v12-busy-delete').flatMap((mailbox) =>
    [13, 14, 15, 16, 17, 18, 19]
      .filter((version) => version >= fixtureIndex(mailbox).minorVersion)
      .map((version) => [mailbox, version] as const),
  );

  it.each(steps)('of %s to version %i keeps every message, and all sums and CRCs right', (mailbox, version) => {
    const old = fixtureIndex(mailbox);
    const view = readIndex(upgradeIndex(old, version, 1795500000), 'x');
    const context = { userFlags: fixtureHeader(mailbox).flags, headerFile: fixtureFile(mailbox, 'cyrus.header') };
    expect(checkIndex(view, context)).toEqual([]);
    const { exists, lastUid, uidvalidity, options, highestModseq, deletedModseq, recentUid, syncCrc, generation } = old;
    expect(view).toMatchObject({ exists, lastUid, uidvalidity, options, highestModseq, deletedModseq, recentUid });
    expect(view).toMatchObject({ syncCrc, generation, minorVersion: version, lastRepack: 1795500000 });
    for (let i = 0; i < old.count; i++) {
      const facts = (of: typeof old) => [
        of.uid(i),
        of.internalDate(i),
        of.size(i),
        of.systemFlags(i),
        [0, 1, 2, 3].map((word) => of.userFlags(i, word)),
        of.guidHex(i),
        of.modseq(i),
        of.cid(i),
        of.cacheOffset(i),
        of.cacheCrc(i),
        of.gmtime(i),
        of.saveDate(i),
        of.createdAtModseq(i),
      ];
      expect(facts(view)).toEqual(facts(old));
    }
  });

  it.each([
    ['v10-drafts', 17],
    ['v12-trash', 20],
    ['v17-archived', 16],
  ] as const)('is refused from %s to version %i', (mailbox, version) => {
    expect(() => upgradeIndex(fixtureIndex(mailbox), version, 1)).toThrow(RangeError);
  });
});
