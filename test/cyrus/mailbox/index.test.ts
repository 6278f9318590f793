import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../src/base/crc32.js';
import { FormatError } from '../../../src/base/errors.js';
import { IndexView, readExpunge, readIndex, readIndexHeader } from '../../../src/cyrus/mailbox/index.js';
import { IndexOption, SystemFlag } from '../../../src/cyrus/mailbox/index-layout.js';
import { fixtureFile, fixtureIndex, MAILBOXES, WITH_CRC } from './fixtures.js';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** Header and first record of real files, decoded by hand in reference cyrus-mailbox-files.md, appendix. */
const BOOMERANG = {
  v10: hex(`
00000000 00000000 0000000a 00000060 00000058 00000006 6b047d99 00000006
00000000000022a4 00000000 6b047d97 00000000 00000000 00000003 00000001
00000000 0000000000000001 0000000000000000000000000000000000000000
00000001 5bccdc98 5bcc6a40 000003c1 0000023f 0000023f 00000004 6b047d97
00000000 00000000000000000000000000000000 00000009 00000002
0000000000000000000000000000000000000000 0000000000000001`),
  v12: hex(`
00000000 00000000 0000000c 00000080 00000060 00000006 6b047e09 00000006
0000000000007e18 00000000 6b047e07 00000000 00000000 00000003 00000001
00000000 0000000000000008 0000000000000000 00000006 00000000 00000000
74f18dc0 fdb0d89d 00000004 6b047e08 000000000000000000000000 befbc568
00000001 5e6e4ab7 5e6e18c0 000001f6 000000b3 5e6e4ab7 00000004 6b047e07
00000000 00000000000000000000000000000000 00000008 00000003
0f93c6122c16129f9268f66c61c56f71991e60a9 0000000000000002 954c628f 204d9e81`),
  v19: hex(`
00000000 00000000 00000013 000000a0 00000070 00000006 6b047dac 00000006
0000000000004962 00000000 6b047dab 00000000 00000002 00000003 00000006
00000001 00000000 0000000000000043 0000000000000000 00000000 00000000
35fb81a7 9191b673 00000004 6b047dab 00000000 00000000 2ee360e6 00000003
000000000000003a 0000000000000000 0000000000000000 6b047daa 99bdbfd8
00000001 6304a6e1 63041880 00000579 000000b7 6304a6e1 00000004 6b047daa
00000011 00000000000000000000000000000000 6b047daa 0000000b
16582258a5d2ee83480a4442e9ba7d78233b51fb 000000000000003c
87abfbb9aebbe591 000000000000003c 38a49676 890f4e64`),
};

/** Sets u32s by offset and makes the header CRC right again. */
function edited(mailbox: Parameters<typeof fixtureFile>[0], words: Record<number, number>): Buffer {
  const bytes = fixtureFile(mailbox, 'cyrus.index');
  for (const [at, value] of Object.entries(words)) bytes.writeUInt32BE(value, Number(at));
  const end = bytes.readUInt32BE(12) - 4;
  if (bytes.readUInt32BE(8) >= 12) bytes.writeUInt32BE(crc32(bytes.subarray(0, end)), end);
  return bytes;
}

function uids(view: IndexView): number[] {
  return Array.from({ length: view.count }, (_, i) => view.uid(i));
}

describe('an index', () => {
  it('of 2.3 (v10) reads as worked out by hand', () => {
    const view = fixtureIndex('v10-boomerang');
    expect(view.bytes.subarray(0, BOOMERANG.v10.length)).toEqual(BOOMERANG.v10);
    expect(view).toMatchObject({
      minorVersion: 10,
      startOffset: 96,
      recordSize: 88,
      count: 6,
      exists: 6,
      lastUid: 6,
      quotaUsedBytes: 8868,
      uidvalidity: 1795456407,
      flagged: 3,
      options: IndexOption.pop3NewUidl,
      highestModseq: 1n,
      deletedModseq: 1n,
      unseen: undefined,
    });
    expect(view.uid(0)).toBe(1);
    expect(view.internalDate(0)).toBe(1540152472);
    expect(view.size(0)).toBe(961);
    expect(view.headerSize(0)).toBe(575);
    expect(view.gmtime(0)).toBe(0);
    expect(view.cacheOffset(0)).toBe(4);
    expect(view.cacheVersion(0)).toBe(2);
    expect(view.systemFlags(0)).toBe(0);
    expect(view.guidIsZero(0)).toBe(true);
    expect(view.guidHex(0)).toBe('0'.repeat(40));
    expect(view.modseq(0)).toBe(1n);
  });

  it('of 2.4 (v12) reads as worked out by hand', () => {
    const view = fixtureIndex('v12-boomerang');
    expect(view.bytes.subarray(0, BOOMERANG.v12.length)).toEqual(BOOMERANG.v12);
    expect(view).toMatchObject({
      minorVersion: 12,
      highestModseq: 8n,
      deletedModseq: 0n,
      exists: 6,
      headerFileCrc: 0x74f18dc0,
      syncCrc: 0xfdb0d89d,
      recentUid: 4,
      isDeletedMailbox: false,
    });
    expect(view.size(0)).toBe(502);
    expect(view.guidHex(0)).toBe('0f93c6122c16129f9268f66c61c56f71991e60a9');
    const guid = Buffer.alloc(22);
    view.copyGuid(0, guid, 1);
    expect(guid.toString('hex')).toBe('000f93c6122c16129f9268f66c61c56f71991e60a900');
    expect(view.guidIsZero(0)).toBe(false);
    expect(view.modseq(0)).toBe(2n);
    expect(view.cacheCrc(0)).toBe(0x954c628f);
  });

  it('of 3.10 (v19) reads as worked out by hand', () => {
    const view = fixtureIndex('v19-boomerang');
    expect(view.bytes.subarray(0, BOOMERANG.v19.length)).toEqual(BOOMERANG.v19);
    expect(view).toMatchObject({
      minorVersion: 19,
      exists: 6,
      options: 1,
      highestModseq: 67n,
      unseen: 3,
      createdModseq: 58n,
      changesEpoch: 0x6b047daa,
    });
    expect(view.systemFlags(0)).toBe(SystemFlag.answered | SystemFlag.seen);
    expect(view.saveDate(0)).toBe(0x6b047daa);
    expect(view.modseq(0)).toBe(60n);
    expect(view.createdAtModseq(0)).toBe(60n);
    expect(view.cid(0)).toBe(0x87abfbb9aebbe591n);
  });

  it.each([
    // size and synccrcs (before 3.0 not shown) as the old server's GETMETADATA answered: NAME.state.json
    ['v10-drafts', 17404, undefined],
    ['v12-trash', 4431, undefined],
    ['v13-cafe', 3719, [3992330477, 0]],
    ['v16-one', 3003, [1186332529, 2322030335]],
    ['v17-archived', 10625, [2496876353, 2093135878]],
    ['v19-expunged', 3884, [1081695576, 563438768]],
  ] as const)('%s has the size and sync CRCs that IMAP showed', (mailbox, size, crcs) => {
    const view = fixtureIndex(mailbox);
    expect(view.quotaUsedBytes).toBe(size);
    if (crcs) expect([view.syncCrc, view.syncCrcAnnot]).toEqual(crcs);
  });

  it('of 3.6 tells archived and expunged messages', () => {
    const view = fixtureIndex('v17-archived');
    const which = (is: (i: number) => boolean) => uids(view).filter((_, i) => is(i));
    // the files that lie on the archive partition of the spool
    expect(which((i) => view.isArchived(i))).toEqual([6, 7, 8, 9, 10, 11, 12]);
    expect(which((i) => view.isExpunged(i))).toEqual([4, 6, 9]);
    expect(which((i) => view.isUnlinked(i))).toEqual([]);
    expect(which((i) => view.hasUserFlag(i, 0))).toEqual([11]);
  });

  it.each([
    ['v6-by-3.6', 6, 60],
    ['v7-by-3.6', 7, 72],
    ['v8-by-3.6', 8, 80],
    ['v9-by-3.6', 9, 80],
    ['v14-by-3.6', 14, 104],
    ['v15-by-3.6', 15, 104],
  ] as const)('in a version that only 3.6.1 still writes: %s', (mailbox, minorVersion, recordSize) => {
    const view = fixtureIndex(mailbox);
    // as IMAP of 2.3 showed the mailbox that it was made from: 2.3-skiplist-uhs.state.json, o'neil, Drafts
    expect(view).toMatchObject({
      minorVersion,
      recordSize,
      uidvalidity: 1795456369,
      quotaUsedBytes: 17404,
      lastUid: 6,
    });
    expect(view).toMatchObject({ answered: 2, flagged: 1, highestModseq: 1n });
    expect(uids(view)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(uids(view).map((_, i) => view.size(i))).toEqual([1444, 467, 1422, 985, 1564, 12966]);
    expect(uids(view).filter((_, i) => view.isExpunged(i))).toEqual([1]);
    expect(uids(view).filter((_, i) => view.hasUserFlag(i, 0))).toEqual([5]);
    expect(uids(view).map((_, i) => view.modseq(i))).toEqual([1n, 1n, 1n, 1n, 1n, 1n]);
    expect(view.guidHex(1)).toBe(minorVersion < 10 ? '0'.repeat(40) : 'e32728056a432246d8e56cabbadd7fcea31a8819');
  });

  it('of a mailbox deleted while it was selected says so', () => {
    expect(fixtureIndex('v12-busy-delete').isDeletedMailbox).toBe(true);
  });

  it.each(MAILBOXES)('finds each UID of %s and no other', (mailbox) => {
    const view = fixtureIndex(mailbox);
    const all = uids(view);
    for (let uid = 0; uid <= view.lastUid + 1; uid++) expect(view.find(uid)).toBe(all.indexOf(uid));
  });

  it('may have bytes that its header does not count yet', () => {
    const bytes = fixtureFile('v12-trash', 'cyrus.index');
    expect(readIndex(Buffer.concat([bytes, Buffer.alloc(200)]), 'x').count).toBe(8);
  });

  it('keeps bits 32 to 47 of a cache offset beside the cache version (3.6)', () => {
    const bytes = fixtureFile('v17-archived', 'cyrus.index');
    bytes.writeUInt16BE(0x0123, 160 + 56);
    const view = readIndex(bytes, 'x');
    expect(view.cacheOffset(0)).toBe(0x0123_0000_0004);
    expect(view.cacheVersion(0)).toBe(fixtureIndex('v17-archived').cacheVersion(0));
  });
});

describe('an index header', () => {
  it.each(MAILBOXES)('needs only its own bytes, in %s', (mailbox) => {
    const { bytes, startOffset, highestModseq } = fixtureIndex(mailbox);
    expect(readIndexHeader(bytes.subarray(0, startOffset), 'x').highestModseq).toBe(highestModseq);
  });

  it('is normalised as the server does on reading', () => {
    const empty = readIndexHeader(edited('v12-boomerang', { 60: 0, 68: 0, 72: 0, 84: 0, 92: 77 }), 'x');
    expect(empty).toMatchObject({ options: IndexOption.pop3NewUidl, highestModseq: 1n, changesEpoch: 77 });
  });

  it('of versions 6 and 7 knows only POP3_NEW_UIDL among the options', () => {
    const bytes = edited('v10-boomerang', { 8: 7, 12: 76, 16: 72, 60: 0x7 });
    expect(readIndexHeader(bytes, 'x')).toMatchObject({ options: 1, highestModseq: 1n, exists: 6 });
  });

  it('of 3.13 (v20) has 64-bit times in nanoseconds', () => {
    const bytes = Buffer.alloc(192 + 144);
    for (const [at, value] of [
      [8, 20],
      [12, 192],
      [16, 144],
      [20, 1],
      [60, 1],
      [88, 9],
      [92, 5],
      [192, 9],
    ] as const) {
      bytes.writeUInt32BE(value, at);
    }
    bytes.writeBigUInt64BE(1_795_456_427_123_456_789n, 24);
    bytes.writeBigUInt64BE(1_661_249_249_987_654_321n, 192 + 8);
    bytes.writeBigUInt64BE(4321n, 192 + 24);
    bytes.writeUInt32BE(crc32(bytes.subarray(0, 188)), 188);
    const view = readIndex(bytes, 'x');
    expect(view).toMatchObject({ lastAppend: 1795456427, lastUid: 9, uidvalidity: 5, exists: 1 });
    expect([view.uid(0), view.internalDate(0), view.size(0)]).toEqual([9, 1661249249, 4321]);
  });
});

describe('an index is refused', () => {
  it.each([
    ['when empty', Buffer.alloc(0)],
    ['when cut within its header', fixtureFile('v17-archived', 'cyrus.index').subarray(0, 159)],
    ['when a record is missing', fixtureFile('v17-archived', 'cyrus.index').subarray(0, -1)],
    ['in another format than 0', edited('v10-boomerang', { 4: 1 })],
    ['in version 5', edited('v10-boomerang', { 8: 5 })],
    ['in version 11', edited('v10-boomerang', { 8: 11 })],
    ['in version 21', edited('v10-boomerang', { 8: 21 })],
    ['with the header size of another version', edited('v10-boomerang', { 12: 128 })],
    ['with the record size of another version', edited('v19-boomerang', { 16: 144 })],
    ['with more records than it has room for', edited('v19-boomerang', { 20: 0xffff_ffff })],
  ])('%s', (_when, bytes) => {
    expect(() => readIndex(bytes, 'x')).toThrow(FormatError);
  });

  it.each(WITH_CRC)('when any bit of its header is another, in %s', (mailbox) => {
    const bytes = fixtureFile(mailbox, 'cyrus.index');
    for (let bit = 0; bit < 8 * bytes.readUInt32BE(12); bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => readIndexHeader(damaged, 'x'), `bit ${bit}`).toThrow(FormatError);
    }
  });

  it('with the file, the offset and what was found there', () => {
    expect(() => readIndex(edited('v10-boomerang', { 8: 11 }), 'user/ben/cyrus.index')).toThrow(
      'user/ben/cyrus.index: at byte 8 expected minor version 6-10 or 12-20, found 11',
    );
  });

  it('with nothing but FormatError, whatever comes', () => {
    const near = fc.tuple(fc.constantFrom(...MAILBOXES), fc.array(fc.tuple(fc.nat(63), fc.nat(255)), { maxLength: 3 }));
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
      near.map(([mailbox, changes]) => {
        const bytes = fixtureFile(mailbox, 'cyrus.index');
        for (const [at, value] of changes) bytes[at] = value;
        const end = bytes.readUInt32BE(12) - 4;
        if (end > 0 && end + 4 <= bytes.length) bytes.writeUInt32BE(crc32(bytes.subarray(0, end)), end);
        return bytes;
      }),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        for (const read of [readIndex, readIndexHeader, readExpunge]) {
          try {
            const view = read(bytes, 'x');
            if (view instanceof IndexView) for (let i = 0; i < view.count; i++) view.modseq(i);
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError);
          }
        }
      }),
    );
  });
});

describe('cyrus.expunge of 2.3', () => {
  const expunge = fixtureFile('v10-drafts', 'cyrus.expunge');

  it('is an index of the expunged messages', () => {
    const view = readExpunge(expunge, 'x')!;
    expect(uids(view)).toEqual([1]);
    expect(view.size(0)).toBe(1444);
    expect(view.quotaUsedBytes).toBe(1444);
  });

  it.each([
    ['empty', expunge.subarray(0, 0)],
    ['shorter than the generic header', expunge.subarray(0, 23)],
    ['shorter than its header', expunge.subarray(0, 95)],
  ])('counts as absent when %s', (_when, bytes) => {
    expect(readExpunge(bytes, 'x')).toBeUndefined();
  });

  it('need not ascend, and is searched all the same', () => {
    const bytes = Buffer.concat([fixtureFile('v10-boomerang', 'cyrus.index')]);
    for (const [i, uid] of [5, 3, 9, 1, 2, 4].entries()) bytes.writeUInt32BE(uid, 96 + 88 * i);
    const view = readExpunge(bytes, 'x')!;
    expect([5, 3, 9, 1, 2, 4, 6].map((uid) => view.find(uid))).toEqual([0, 1, 2, 3, 4, 5, -1]);
  });

  it('of version 12 or later cannot be', () => {
    expect(() => readExpunge(fixtureFile('v12-trash', 'cyrus.index'), 'x')).toThrow(FormatError);
  });
});
