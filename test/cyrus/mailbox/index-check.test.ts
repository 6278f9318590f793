import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../src/base/crc32.js';
import { readExpunge, readIndex } from '../../../src/cyrus/mailbox/index.js';
import { checkIndex } from '../../../src/cyrus/mailbox/index-check.js';
import { syncCrc } from '../../../src/cyrus/mailbox/sync-crc.js';
import { type FixtureMailbox, fixtureFile, fixtureHeader, fixtureIndex, MAILBOXES, WITH_CRC } from './fixtures.js';

function contextOf(mailbox: FixtureMailbox) {
  return { userFlags: fixtureHeader(mailbox).flags, headerFile: fixtureFile(mailbox, 'cyrus.header') };
}

/** Codes found after u32s were set by offset; header and record CRCs are made right again. */
function codesAfter(mailbox: FixtureMailbox, words: Record<number, number>): string[] {
  const bytes = fixtureFile(mailbox, 'cyrus.index');
  for (const [at, value] of Object.entries(words)) bytes.writeUInt32BE(value, Number(at));
  const [version, start, size, count] = [8, 12, 16, 20].map((at) => bytes.readUInt32BE(at)) as [
    number,
    number,
    number,
    number,
  ];
  const seal = (from: number, to: number) => bytes.writeUInt32BE(crc32(bytes.subarray(from, to - 4)), to - 4);
  if (version >= 12) {
    seal(0, start);
    for (let i = 0; i < count; i++) seal(start + i * size, start + (i + 1) * size);
  }
  return checkIndex(readIndex(bytes, 'x'), contextOf(mailbox)).map((problem) => problem.code);
}

describe('checking an index', () => {
  it.each(MAILBOXES)('finds nothing in %s, that a quiet server left', (mailbox) => {
    expect(checkIndex(fixtureIndex(mailbox), contextOf(mailbox))).toEqual([]);
  });

  it('finds nothing in a cyrus.expunge of 2.3', () => {
    expect(checkIndex(readExpunge(fixtureFile('v10-drafts', 'cyrus.expunge'), 'x')!)).toEqual([]);
  });

  it.each(WITH_CRC)('notices any changed bit of a record, in %s', (mailbox) => {
    const view = fixtureIndex(mailbox);
    for (let bit = 8 * view.recordOffset(1); bit < 8 * view.recordOffset(2); bit++) {
      const bytes = Buffer.from(view.bytes);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const problem = checkIndex(readIndex(bytes, 'x')).find(({ code }) => code === 'record-crc');
      expect(problem, `bit ${bit}`).toMatchObject({ severity: 'damage', count: 1, offset: view.recordOffset(1) });
    }
  });

  it.each([
    // a header field or the first record's, at its offset, with a value that is not the true one
    ['v10-drafts', { 28: 5 }, ['last-uid']],
    ['v10-drafts', { 36: 1 }, ['quota-used']],
    ['v10-drafts', { 52: 0 }, ['answered']],
    ['v10-drafts', { [96 + 88]: 2 }, ['uid-order']],
    ['v12-trash', { 28: 7 }, ['last-uid']],
    ['v12-trash', { 72: 11 }, ['highest-modseq']],
    ['v12-trash', { 84: 5 }, ['exists']],
    ['v12-trash', { 48: 1 }, ['deleted']],
    ['v12-trash', { 56: 0 }, ['flagged']],
    ['v12-trash', { 44: 0 }, ['zero-uidvalidity']],
    ['v12-trash', { 96: 1 }, ['header-file-crc']],
    ['v12-trash', { 96: 0 }, []],
    ['v12-trash', { 100: 1 }, ['sync-crc']],
    ['v12-trash', { 72: 0 }, ['highest-modseq', 'zero-highest-modseq']],
    ['v12-trash', { [128 + 32]: 0x16 }, ['exists', 'quota-used', 'deleted', 'flagged', 'sync-crc']],
    ['v16-one', { 124: 0 }, ['unseen']],
    ['v19-expunged', { 140: 1 }, ['quota-deleted-used']],
    ['v19-expunged', { 148: 1 }, ['quota-expunged-used']],
  ] as const)('of %s with %j at those offsets says %j', (mailbox, words, codes) => {
    expect(codesAfter(mailbox, words).sort()).toEqual([...codes].sort());
  });

  it('names the first of several records and counts them', () => {
    const bytes = fixtureFile('v12-trash', 'cyrus.index');
    for (const i of [2, 3, 7]) bytes.writeUInt8(0xff, 128 + 96 * i + 4);
    expect(checkIndex(readIndex(bytes, 'x'))).toContainEqual(
      expect.objectContaining({ code: 'record-crc', uid: 3, count: 3, offset: 128 + 96 * 2 }),
    );
  });

  it('mentions bytes after the counted records', () => {
    const bytes = Buffer.concat([fixtureFile('v12-trash', 'cyrus.index'), Buffer.alloc(96)]);
    expect(checkIndex(readIndex(bytes, 'x'), contextOf('v12-trash'))).toEqual([
      {
        code: 'bytes-after-records',
        severity: 'note',
        offset: 896,
        count: 1,
        expected: 'the end',
        found: '96 more bytes',
      },
    ]);
  });

  it('leaves sync_crc alone without flag names, when records have flags', () => {
    expect(checkIndex(fixtureIndex('v12-trash'))).toEqual([]);
  });
});

describe('sync_crc', () => {
  it.each(WITH_CRC)('is what the server stored in %s', (mailbox) => {
    const view = fixtureIndex(mailbox);
    expect(syncCrc(view, fixtureHeader(mailbox).flags)).toBe(view.syncCrc);
  });

  it('takes flag names without their case, but 8-bit ones as bytes', () => {
    const view = fixtureIndex('v12-trash');
    expect(syncCrc(view, ['$LABEL1', '$FORWARDED', 'nonjunk'])).toBe(view.syncCrc);
    expect(syncCrc(view, ['\xc0', 'b', 'c'])).not.toBe(syncCrc(view, ['\xe0', 'b', 'c']));
  });
});
