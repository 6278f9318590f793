import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IndexView } from '../../src/cyrus/mailbox/index.js';
import { FoundContents, Wanted } from '../../src/sync/wanted.js';

interface Rec {
  readonly uid: number;
  readonly unlinked: boolean;
  readonly size: number;
  readonly archived: boolean;
  readonly guid: string;
}

/** What `Wanted` asks of an index, over plain records; `find` goes by the ascending UIDs of a real index. */
function viewOf(records: readonly Rec[]): IndexView {
  return {
    count: records.length,
    uid: (i: number) => records[i]!.uid,
    find: (uid: number) => records.findIndex((r) => r.uid === uid),
    isUnlinked: (i: number) => records[i]!.unlinked,
    size: (i: number) => records[i]!.size,
    internalDate: (i: number) => records[i]!.size + 1,
    isArchived: (i: number) => records[i]!.archived,
    guidIsZero: (i: number) => records[i]!.guid === '',
    guidHex: (i: number) => records[i]!.guid,
  } as unknown as IndexView;
}

/** The plain twin: a record of the index hides those of cyrus.expunge with its UID, of which the first counts. */
function plainly(index: readonly Rec[], expunge: readonly Rec[]): Rec[] {
  const known = new Set(index.map((r) => r.uid));
  const wanted = index.filter((r) => !r.unlinked);
  for (const record of expunge) {
    if (!known.has(record.uid)) wanted.push(record);
    known.add(record.uid);
  }
  return wanted.sort((a, b) => a.uid - b.uid);
}

const record = fc.record({
  uid: fc.integer({ min: 1, max: 30 }),
  unlinked: fc.boolean(),
  size: fc.nat(100_000),
  archived: fc.boolean(),
  guid: fc.constantFrom('', 'a'.repeat(40)),
});
/** As the index has them: ascending, each once. */
const ascending = fc.uniqueArray(record, { selector: (r) => r.uid }).map((all) => all.sort((a, b) => a.uid - b.uid));
/** cyrus.expunge is appended to: in any order, and a UID may stand in it twice. */
const appended = fc.option(fc.array(record), { nil: undefined });

function read(wanted: Wanted) {
  return Array.from({ length: wanted.count }, (_, n) => ({
    uid: wanted.uid(n),
    size: wanted.size(n),
    date: wanted.internalDate(n),
    archived: wanted.isArchived(n),
    guid: wanted.guidHex(n),
  }));
}

describe('the message files that a mailbox should have', () => {
  it('are those that plain Sets give, each with its own record', () =>
    fc.assert(
      fc.property(ascending, appended, (index, expunge) => {
        const wanted = new Wanted(viewOf(index), expunge && viewOf(expunge));
        const expected = plainly(index, expunge ?? []).map(({ uid, size, archived, guid }) => ({
          uid,
          size,
          date: size + 1,
          archived,
          guid,
        }));
        expect(read(wanted)).toEqual(expected);
      }),
    ));

  it('are found by UID, and nothing else is', () =>
    fc.assert(
      fc.property(ascending, appended, (index, expunge) => {
        const wanted = new Wanted(viewOf(index), expunge && viewOf(expunge));
        const uids = plainly(index, expunge ?? []).map((r) => r.uid);
        for (let uid = 0; uid <= 31; uid++) expect(wanted.find(uid)).toBe(uids.indexOf(uid));
      }),
    ));

  it.each([
    ['a message expunged with delay in 2.3 keeps its file', [1, 3], [2], [1, 2, 3]],
    ['a UID of both is live and counts once', [1, 2], [2], [1, 2]],
    ['an expunge file that is out of order', [5], [9, 1, 7], [1, 5, 7, 9]],
    ['everything is expunged', [], [2, 1], [1, 2]],
    ['an empty mailbox', [], [], []],
  ])('%s', (_case, index, expunge, uids) => {
    const of = (all: number[]) =>
      viewOf(all.map((uid) => ({ uid, unlinked: false, size: uid, archived: false, guid: '' })));
    expect(read(new Wanted(of(index), of(expunge))).map((r) => r.uid)).toEqual(uids);
  });

  it('leave out a record that is UNLINKED, even where cyrus.expunge has its UID', () => {
    const gone: Rec = { uid: 4, unlinked: true, size: 1, archived: false, guid: '' };
    expect(new Wanted(viewOf([gone]), viewOf([{ ...gone, unlinked: false }])).count).toBe(0);
  });
});

describe('FoundContents', () => {
  const rec = (uid: number, guid: string): Rec => ({ uid, unlinked: false, size: 1, archived: false, guid });
  const of = (...records: Rec[]) => new FoundContents(new Wanted(viewOf(records), undefined));

  it('fills no gap where each record has its GUID, however often it is looked at', () => {
    const contents = of(rec(1, 'a'.repeat(40)), rec(2, ''));
    contents.set(0, Buffer.alloc(20, 0xaa), 1);
    expect(contents.fillsGaps).toBe(false);
    contents.set(1, undefined, 5);
    expect(contents.fillsGaps).toBe(false);
    contents.set(1, Buffer.alloc(20, 0xbb), 5);
    expect(contents.fillsGaps).toBe(true);
    expect([contents.guidOf(1), contents.guidOf(2), contents.sizeOf(2)]).toEqual([
      Buffer.alloc(20, 0xaa),
      Buffer.alloc(20, 0xbb),
      5,
    ]);
  });
});
