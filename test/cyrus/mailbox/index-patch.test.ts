import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../src/base/crc32.js';
import { readIndex } from '../../../src/cyrus/mailbox/index.js';
import { checkIndex } from '../../../src/cyrus/mailbox/index-check.js';
import { type IndexChanges, patchIndex } from '../../../src/cyrus/mailbox/index-patch.js';
import { IndexWriter } from '../../../src/cyrus/mailbox/index-writer.js';
import { type FixtureMailbox, fixtureFile, fixtureHeader, fixtureIndex, MAILBOXES, WITH_CRC } from './fixtures.js';

/** Offsets at which `after` differs from `before`. */
function changedOffsets(before: Buffer, after: Buffer): number[] {
  return [...after.keys()].filter((at) => before[at] !== after[at]);
}

function patched(mailbox: FixtureMailbox, changes: IndexChanges) {
  return readIndex(patchIndex(fixtureIndex(mailbox), changes), mailbox);
}

describe('patching an index', () => {
  it.each(MAILBOXES)('without changes gives the same bytes, in %s', (mailbox) => {
    const bytes = fixtureFile(mailbox, 'cyrus.index');
    expect(patchIndex(readIndex(bytes, 'x'), {})).toEqual(bytes);
    expect(patchIndex(readIndex(Buffer.concat([bytes, Buffer.alloc(9)]), 'x'), {})).toEqual(bytes);
  });

  it('leaves the bytes it was given alone', () => {
    const view = fixtureIndex('v17-archived');
    const before = Buffer.from(view.bytes);
    patchIndex(view, { headerFileCrc: 7, isArchived: () => false, keep: (i) => i > 3, userFlags: [] });
    expect(view.bytes).toEqual(before);
  });

  it('changes them where it is asked to, and to the same', () => {
    const changes: IndexChanges = { headerFileCrc: 7, isArchived: () => false, syncCrcAnnot: 9 };
    const view = fixtureIndex('v17-archived');
    const apart = patchIndex(view, changes);
    const inPlace = patchIndex(view, { ...changes, inPlace: true });
    expect([inPlace.equals(apart), inPlace.buffer === view.bytes.buffer]).toEqual([true, true]);
    expect(view.bytes.subarray(0, apart.length)).toEqual(apart);
  });

  it.each(WITH_CRC)('puts the CRC of a new cyrus.header into %s, and only that', (mailbox) => {
    const before = fixtureFile(mailbox, 'cyrus.index');
    const after = patchIndex(readIndex(before, 'x'), { headerFileCrc: 0x01020304 });
    expect(readIndex(after, 'x').headerFileCrc).toBe(0x01020304);
    const end = before.readUInt32BE(12);
    for (const at of changedOffsets(before, after)) {
      expect((at >= 96 && at < 100) || (at >= end - 4 && at < end), `byte ${at}`).toBe(true);
    }
  });

  it('knows that 2.3 keeps no CRC of cyrus.header', () => {
    expect(patched('v10-drafts', { headerFileCrc: 5 }).bytes).toEqual(fixtureFile('v10-drafts', 'cyrus.index'));
  });

  it('mends a uidvalidity and a highestmodseq of zero, as 2.4.0 left them', () => {
    const writer = new IndexWriter(fixtureFile('v12-boomerang', 'cyrus.index'));
    writer.header('uidvalidity', 0);
    writer.header('highestModseq', 0);
    writer.seal();
    const view = readIndex(writer.bytes, 'x');
    const mended = readIndex(patchIndex(view, { zeros: { uidvalidity: 1795456519 } }), 'x');
    expect(mended.uidvalidity).toBe(1795456519);
    expect(mended.bytes.readBigUInt64BE(68)).toBe(1n);
    const sound = fixtureIndex('v12-boomerang');
    expect(patchIndex(sound, { zeros: { uidvalidity: 1 } })).toEqual(sound.bytes);
  });

  it.each(WITH_CRC)('fills in zero GUIDs so that %s is again what its server wrote', (mailbox) => {
    const sound = fixtureIndex(mailbox);
    const userFlags = fixtureHeader(mailbox).flags;
    const writer = new IndexWriter(Buffer.from(sound.bytes));
    const isZero = (i: number) => i % 2 === 0;
    for (let i = 0; i < sound.count; i += 2) {
      writer.guid(i, Buffer.alloc(20));
      writer.sealRecord(i);
    }
    const asked: number[] = [];
    const guidOf = (uid: number, i: number) => {
      asked.push(uid);
      const guid = Buffer.alloc(20);
      sound.copyGuid(i, guid, 0);
      return guid;
    };
    expect(patchIndex(readIndex(writer.bytes, 'x'), { guidOf, userFlags })).toEqual(sound.bytes);
    const uids = Array.from({ length: sound.count }, (_, i) => sound.uid(i));
    expect(asked).toEqual(uids.filter((_, i) => isZero(i)));
  });

  it('moves cache records, beyond 4 GiB too, and forgets others', () => {
    const far = { offset: 0x0001_0000_0010, crc: 99 };
    const view = patched('v17-archived', { cacheOf: (i) => (i === 0 ? far : i === 1 ? null : undefined) });
    expect([0, 1, 2].map((i) => view.cacheOffset(i))).toEqual([far.offset, 0, 1432]);
    expect([0, 1].map((i) => view.cacheCrc(i))).toEqual([99, 0]);
    expect(view.cacheVersion(0)).toBe(fixtureIndex('v17-archived').cacheVersion(0));
    expect(checkIndex(view, { userFlags: ['$MDNSent'] })).toEqual([]);
  });

  it('clears ARCHIVED for a target without an archive partition, and sets it again', () => {
    const sound = fixtureIndex('v17-archived');
    const cleared = patched('v17-archived', { isArchived: () => false });
    expect(cleared.systemFlags(5)).toBe(0x8000_0014);
    expect(checkIndex(cleared, { userFlags: ['$MDNSent'] })).toEqual([]);
    expect(patchIndex(cleared, { isArchived: (i) => sound.isArchived(i) })).toEqual(sound.bytes);
  });

  it.each([
    ['v12-trash', 12n, 0, 6],
    ['v13-cafe', 13n, 0, 3],
    ['v16-one', 8n, 0, 4],
    ['v17-archived', 19n, 0, 9],
    ['v19-expunged', 76n, 0, 6],
  ] as const)('drops the expunged messages of %s as a repack does', (mailbox, deletedModseq, firstExpunged, left) => {
    const sound = fixtureIndex(mailbox);
    const userFlags = fixtureHeader(mailbox).flags;
    const view = patched(mailbox, { keep: (i) => !sound.isExpunged(i), userFlags });
    expect(checkIndex(view, { userFlags, headerFile: fixtureFile(mailbox, 'cyrus.header') })).toEqual([]);
    expect(view).toMatchObject({ count: left, exists: left, deletedModseq, firstExpunged, lastUid: sound.lastUid });
    expect(view.syncCrc).toBe(sound.syncCrc);
    expect(view.bytes.length).toBe(view.startOffset + left * view.recordSize);
  });

  it('needs flag names where sync_crc changes', () => {
    expect(() => patched('v12-trash', { keep: () => true })).toThrow(RangeError);
    expect(() => patched('v12-trash', { guidOf: () => undefined })).toThrow(RangeError);
  });

  it('keeps every sum and CRC right whatever is changed at once', () => {
    const anyChange = fc.record({
      mailbox: fc.constantFrom(...MAILBOXES.filter((name) => name !== 'v12-busy-delete')),
      kept: fc.bigInt({ min: 0n, max: (1n << 20n) - 1n }),
      archived: fc.bigInt({ min: 0n, max: (1n << 20n) - 1n }),
      offset: fc.nat(),
      generation: fc.nat(),
    });
    fc.assert(
      fc.property(anyChange, ({ mailbox, kept, archived, offset, generation }) => {
        const has = (bits: bigint, i: number) => ((bits >> BigInt(i)) & 1n) === 1n;
        const userFlags = fixtureHeader(mailbox).flags;
        const headerFile = Buffer.from('another header');
        const view = patched(mailbox, {
          userFlags,
          generation,
          headerFileCrc: crc32(headerFile),
          keep: (i) => has(kept, i),
          isArchived: (i) => has(archived, i),
          cacheOf: (i) => ({ offset: offset + i, crc: i }),
          guidOf: (uid) => Buffer.alloc(20, uid),
        });
        expect(checkIndex(view, { userFlags, headerFile })).toEqual([]);
        expect(view.generation).toBe(generation);
      }),
    );
  });
});
