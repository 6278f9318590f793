import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../src/base/crc32.js';
import { checkCaches } from '../../../src/cyrus/mailbox/cache.js';
import { writeMailboxHeader } from '../../../src/cyrus/mailbox/header.js';
import { type IndexView, readExpunge, readIndex } from '../../../src/cyrus/mailbox/index.js';
import { checkIndex } from '../../../src/cyrus/mailbox/index-check.js';
import { type ConvertInput, convertIndex } from '../../../src/cyrus/mailbox/index-convert.js';
import { upgradeIndex } from '../../../src/cyrus/mailbox/index-upgrade.js';
import { IndexWriter } from '../../../src/cyrus/mailbox/index-writer.js';
import type { CyrusServer } from '../../support/cyrus-server.js';
import { type Live, liveTest } from '../../support/live-test.js';
import { fixtureFile, fixtureHeader, fixtureIndex, fixturePath, hasFixture } from './fixtures.js';

const header = { ...fixtureHeader('v10-drafts'), name: "user.o'neil.Drafts", types: 'el' };
const headerFile = writeMailboxHeader(header, 'dlist');
const cache = fixtureFile('v10-drafts', 'cyrus.cache');
const message = (uid: number) =>
  hasFixture('v10-drafts', `${uid}.`) ? fixtureFile('v10-drafts', `${uid}.`) : undefined;

/** As it lies in the 2.3 spool, with the owner's seen entry `1 1795456400 6 1795456393 1:3,5`. */
function input(changes: Partial<ConvertInput> = {}): ConvertInput {
  return {
    index: fixtureIndex('v10-drafts'),
    expunge: readExpunge(fixtureFile('v10-drafts', 'cyrus.expunge'), 'cyrus.expunge'),
    guidOf: (uid) => {
      const bytes = message(uid);
      return bytes && createHash('sha1').update(bytes).digest();
    },
    sizeOf: (uid) => message(uid)?.length,
    cache,
    cacheGeneration: cache.readUInt32BE(0),
    ownerSeen: { lastUid: 6, lastChangeSec: 1795456393, contains: (uid) => uid <= 3 || uid === 5 },
    userFlags: header.flags,
    headerFileCrc: crc32(headerFile),
    nowSec: 1795500000,
    ...changes,
  };
}

function converted(changes: Partial<ConvertInput> = {}) {
  const { index, problems } = convertIndex(input(changes));
  return { view: readIndex(index, 'cyrus.index'), problems };
}

function uids(view: IndexView): number[] {
  return Array.from({ length: view.count }, (_, i) => view.uid(i));
}

/** A copy of a 2.3 index or expunge with other UIDs; v10 has no CRCs. */
function withUids(view: IndexView, ...uidOf: number[]): Buffer {
  const bytes = Buffer.from(view.bytes);
  for (const [i, uid] of uidOf.entries()) bytes.writeUInt32BE(uid, view.recordOffset(i));
  return bytes;
}

const SEEN = 0x10;
/** What IMAP of the 2.3 server showed its owner: 2.3-skiplist-uhs.state.json, user o'neil, Drafts. */
const SHOWN = [
  { uid: 2, size: 467, date: '2016-02-24T21:18:52Z', flags: SEEN | 0x1, label: false },
  { uid: 3, size: 1422, date: '2016-11-22T19:07:47Z', flags: SEEN | 0x2, label: false },
  { uid: 4, size: 985, date: '2020-11-17T22:58:27Z', flags: 0, label: false },
  { uid: 5, size: 1564, date: '2021-07-03T07:53:50Z', flags: SEEN | 0x8, label: true },
  { uid: 6, size: 12966, date: '2023-08-25T21:47:40Z', flags: 0x1, label: false },
];

describe('a 2.3 mailbox converted to version 12', () => {
  it('shows the owner what 2.3 showed', () => {
    const { view, problems } = converted();
    expect(problems).toEqual([]);
    const live = [...uids(view).keys()].filter((i) => !view.isExpunged(i));
    const shown = live.map((i) => ({
      uid: view.uid(i),
      size: view.size(i),
      date: new Date(1000 * view.internalDate(i)).toISOString().replace('.000', ''),
      flags: view.systemFlags(i),
      label: view.hasUserFlag(i, 0),
    }));
    expect(shown).toEqual(SHOWN);
    expect(view).toMatchObject({ uidvalidity: 1795456369, lastUid: 6, exists: 5, quotaUsedBytes: 17404, options: 1 });
  });

  it('has every sum and CRC right, and the SHA-1 of each file', () => {
    const { view } = converted();
    expect(checkIndex(view, { userFlags: header.flags, headerFile })).toEqual([]);
    for (let i = 0; i < view.count; i++) {
      expect(view.guidHex(i)).toBe(
        createHash('sha1')
          .update(message(view.uid(i))!)
          .digest('hex'),
      );
    }
    expect(checkCaches(view, { spool: cache })).toEqual({ generationFits: true, good: 6, bad: 0 });
  });

  it('keeps expunged mail as expunged records', () => {
    const { view } = converted();
    expect(uids(view)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(view.isExpunged(0)).toBe(true);
    expect(view.isUnlinked(0)).toBe(false);
    expect(view.firstExpunged).toBe(view.lastUpdated(0));
    expect(view.leakedCache).toBe(0);
  });

  it('without its cyrus.expunge has live mail only, and the same last_uid', () => {
    const { view } = converted({ expunge: undefined });
    expect(uids(view)).toEqual([2, 3, 4, 5, 6]);
    expect(view).toMatchObject({ lastUid: 6, firstExpunged: 0, leakedCache: 1, exists: 5 });
    expect(checkIndex(view, { userFlags: header.flags, headerFile })).toEqual([]);
  });

  it("has the owner's recent and \\Seen state, or none without a seen entry", () => {
    expect(converted().view).toMatchObject({ recentUid: 6, recentTime: 1795456393 });
    const { view } = converted({ ownerSeen: undefined });
    expect(view).toMatchObject({ recentUid: 0, recentTime: 0 });
    expect(uids(view).filter((_, i) => view.systemFlags(i) & SEEN)).toEqual([]);
  });

  it('takes the time of the Date: field from the cache, else INTERNALDATE', () => {
    const cache = fixtureFile('v10-drafts', 'cyrus.cache');
    const at = cache.indexOf('Wed, 24 Feb 2016 21:18:52 -0000'); // that of UID 2, and its INTERNALDATE as well
    cache.write('53', at + 'Wed, 24 Feb 2016 21:18:'.length);
    const { view } = converted({ cache });
    expect(view.gmtime(1)).toBe(Date.UTC(2016, 1, 24, 21, 18, 53) / 1000);
    expect(view.gmtime(2)).toBe(view.internalDate(2));
    const { view: without } = converted({ cache: undefined, cacheGeneration: 3 });
    expect(without.gmtime(1)).toBe(without.internalDate(1));
  });

  it('refers to no cache when none is carried over', () => {
    const { view } = converted({ cache: undefined, cacheGeneration: 3 });
    expect(uids(view).map((_, i) => [view.cacheOffset(i), view.cacheCrc(i)])).toEqual(uids(view).map(() => [0, 0]));
    expect(view.generation).toBe(3);
  });

  it("drops 2.3's CONDSTORE option and keeps modseqs, from 1 on", () => {
    const bytes = fixtureFile('v10-drafts', 'cyrus.index');
    bytes.writeUInt32BE(0x7, 60); // POP3_NEW_UIDL, CONDSTORE, SHAREDSEEN
    bytes.writeBigUInt64BE(7n, 68);
    for (const [i, modseq] of [0n, 5n, 9n].entries()) bytes.writeBigUInt64BE(modseq, 96 + 88 * i + 80);
    const { view } = converted({ index: readIndex(bytes, 'x') });
    expect(view).toMatchObject({ options: 0x5, highestModseq: 9n, deletedModseq: 9n });
    expect([0, 1, 2, 3].map((i) => view.modseq(i))).toEqual([1n, 1n, 5n, 9n]);
  });

  it('sorts a cyrus.expunge that does not ascend', () => {
    const expunge = readExpunge(withUids(fixtureIndex('v10-boomerang'), 12, 8, 9, 7, 11, 10), 'x');
    const { view, problems } = converted({ expunge, sizeOf: (uid) => message(uid)?.length ?? 1, cache: undefined });
    expect(uids(view)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(view.lastUid).toBe(12);
    expect(problems).toContainEqual({ code: 'last-uid', uids: [] });
    expect(checkIndex(view, { userFlags: header.flags })).toEqual([]);
  });

  it('carries over pop3_last_login and last_appenddate', () => {
    const bytes = fixtureFile('v10-drafts', 'cyrus.index');
    bytes.writeUInt32BE(1795450000, 40);
    expect(converted({ index: readIndex(bytes, 'x') }).view).toMatchObject({
      pop3LastLogin: 1795450000,
      lastAppend: 1795456393,
    });
  });

  it.each(['v6-by-3.6', 'v7-by-3.6', 'v8-by-3.6', 'v9-by-3.6'] as const)('comes out the same from %s', (old) => {
    const { view, problems } = converted({ index: fixtureIndex(old), expunge: undefined, cache: undefined });
    const expected = converted({ cache: undefined }).view;
    expect(problems).toEqual([]);
    const facts = (of: IndexView) =>
      uids(of).map((uid, i) => [uid, of.size(i), of.internalDate(i), of.systemFlags(i), of.guidHex(i), of.modseq(i)]);
    // \Deleted of the expunged message: 3.6.1 kept it too
    expect(facts(view)).toEqual(facts(expected));
    expect(view.syncCrc).toBe(expected.syncCrc);
    expect(checkIndex(view, { userFlags: header.flags, headerFile })).toEqual([]);
  });

  it('drops what a later server, working on the old version, had already unlinked', () => {
    const bytes = fixtureFile('v9-by-3.6', 'cyrus.index');
    bytes.writeUInt32BE(0xc000_0000, 96 + 80 * 2 + 32); // UID 3: EXPUNGED and UNLINKED
    const { view } = converted({ index: readIndex(bytes, 'x'), expunge: undefined, cache: undefined });
    expect(uids(view)).toEqual([1, 2, 4, 5, 6]);
  });

  it('is no conversion of a later version', () => {
    expect(() => convertIndex(input({ index: fixtureIndex('v12-trash') }))).toThrow(RangeError);
  });
});

describe('converting reports', () => {
  const guidOf = input().guidOf;
  const sizeOf = input().sizeOf;
  const expungeOf = (uid: number) => readExpunge(withUids(input().expunge!, uid), 'x');
  const withGuid = Buffer.from(fixtureFile('v10-drafts', 'cyrus.index'));
  withGuid.fill(0xab, 96 + 60, 96 + 80);
  const withoutUidvalidity = fixtureFile('v10-drafts', 'cyrus.index');
  withoutUidvalidity.writeUInt32BE(0, 44);

  it.each<[string, Partial<ConvertInput>, unknown[], number[]]>([
    [
      'a live message without a file, and keeps its record',
      { sizeOf: (uid) => (uid === 4 ? undefined : sizeOf(uid)) },
      [{ code: 'no-file', uids: [4] }],
      [1, 2, 3, 4, 5, 6],
    ],
    [
      'an expunged one without a file, and leaves it out',
      { sizeOf: (uid) => (uid === 1 ? undefined : sizeOf(uid)) },
      [{ code: 'no-file-expunged', uids: [1] }],
      [2, 3, 4, 5, 6],
    ],
    [
      'a file whose SHA-1 was not given',
      { guidOf: (uid) => (uid === 3 ? undefined : guidOf(uid)) },
      [{ code: 'no-guid', uids: [3] }],
      [1, 2, 3, 4, 5, 6],
    ],
    [
      'a file that is not what the GUID says',
      { index: readIndex(withGuid, 'x') },
      [{ code: 'guid-mismatch', uids: [2] }],
      [1, 2, 3, 4, 5, 6],
    ],
    [
      'a file of another length',
      { sizeOf: (uid) => (uid === 5 ? 1000 : sizeOf(uid)) },
      [{ code: 'size-mismatch', uids: [5] }],
      [1, 2, 3, 4, 5, 6],
    ],
    [
      'a UID that is live and expunged, and keeps it live',
      { expunge: expungeOf(3) },
      [{ code: 'live-and-expunged', uids: [3] }],
      [2, 3, 4, 5, 6],
    ],
    [
      'a UID that comes twice',
      { index: readIndex(withUids(fixtureIndex('v10-drafts'), 2, 3, 3), 'x') },
      [{ code: 'repeated-uid', uids: [3] }],
      [1, 2, 3, 5, 6],
    ],
    [
      'cache records that are not there',
      { cache: cache.subarray(0, 3000) },
      [{ code: 'no-cache-record', uids: [5, 6] }],
      [1, 2, 3, 4, 5, 6],
    ],
    [
      'a uidvalidity of 0, and gives it one',
      { index: readIndex(withoutUidvalidity, 'x') },
      [{ code: 'zero-uidvalidity', uids: [] }],
      [1, 2, 3, 4, 5, 6],
    ],
  ])('%s', (_what, changes, problems, left) => {
    const made = converted(changes);
    expect(made.problems).toEqual(problems);
    expect(uids(made.view)).toEqual(left);
    expect(made.view.uidvalidity).toBeGreaterThan(0);
    const codes = checkIndex(made.view, { userFlags: header.flags, headerFile }).map(({ code }) => code);
    expect(codes).toEqual([]);
  });
});

/** A 3.6.1 with this one mailbox, as a migration leaves it. */
class OneMailbox {
  readonly server: CyrusServer;
  readonly dir: string;
  static readonly name = "user/o'neil/Drafts";

  constructor(live: Live) {
    this.server = live.server('target', { hash: 'basic' });
    this.dir = join(this.server.dir, "spool/default/o/user/o'neil/Drafts");
    mkdirSync(this.dir, { recursive: true });
    for (let uid = 1; uid <= 6; uid++) cpSync(fixturePath('v10-drafts', `${uid}.`), join(this.dir, `${uid}.`));
    writeFileSync(join(this.dir, 'cyrus.header'), headerFile);
    const dbName = "user\x1fo'neil\x1fDrafts";
    const fields = `P default V 1795456369 M 1795456400 A %(o'neil lrswipkxtecda)`;
    const id = header.uniqueid;
    const entries = `I${id}\t%(T el N ${dbName} ${fields} H ())\nN${dbName}\t%(T el I ${id} ${fields})\n`;
    writeFileSync(join(this.server.dir, 'flat'), entries);
  }

  put(index: Buffer, cacheFile: Buffer | undefined): void {
    writeFileSync(join(this.dir, 'cyrus.index'), index);
    if (cacheFile) writeFileSync(join(this.dir, 'cyrus.cache'), cacheFile);
    const db = join(this.server.dir, 'conf/mailboxes.db');
    this.server.ownAll();
    this.server.tool('cvt_cyrusdb', [join(this.server.dir, 'flat'), 'flat', db, 'twoskip']);
  }

  /** Lines of a tool's output on the mailbox. */
  tool(name: string, ...args: string[]): string[] {
    return this.server
      .tool(name, [...args, OneMailbox.name])
      .split('\n')
      .filter((line) => line !== '');
  }

  index(): IndexView {
    return readIndex(readFileSync(join(this.dir, 'cyrus.index')), 'cyrus.index');
  }
}

/**
 * An index as a copy in which is zero what a server does anew on upgrade: the cache (so generation and each cache
 * record's place), the time of the repack, and sentdate, which it parses in its own time zone.
 */
function comparable(view: IndexView): Buffer {
  const writer = new IndexWriter(Buffer.from(view.bytes));
  for (const field of ['generation', 'lastRepack', 'changesEpoch'] as const) writer.header(field, 0);
  for (let i = 0; i < view.count; i++) {
    writer.cache(i, 0, 0, 0);
    writer.record(i, 'sentDate', 0);
    writer.sealRecord(i);
  }
  writer.seal();
  return writer.bytes;
}

describe('Cyrus 3.6.1', () => {
  liveTest('finds nothing to mend in a converted 2.3 mailbox', async (live) => {
    const mailbox = new OneMailbox(live);
    mailbox.put(convertIndex(input()).index, cache);
    expect(mailbox.tool('reconstruct', '-n')).toEqual([
      // 2.4 has no annotations to sum up; the other line is the mailbox's name
      "user.o'neil.Drafts: updating sync_crc_annot 0 => 12345678",
      OneMailbox.name,
    ]);
  });

  liveTest('shows its messages and flags, and lists the expunged one', async (live) => {
    const mailbox = new OneMailbox(live);
    mailbox.put(convertIndex(input()).index, cache);
    const examined = mailbox.tool('mbexamine').join('\n');
    expect(examined).toContain('Minor Version: 12');
    expect(examined).toContain('Number of Messages: 5  Mailbox Size: 17404 bytes');
    expect(examined).toContain('UIDValidity: 1795456369  Last UID: 6');
    expect(examined).toContain('Mailbox Options: POP3_NEW_UIDL');
    const shown = [...examined.matchAll(/> UID:(\d+)[\s\S]*?SYSFLAGS:(\w+)/g)].map(([, uid, flags]) => ({
      uid: Number(uid),
      flags: Number.parseInt(flags!, 16),
    }));
    expect(shown).toEqual(SHOWN.map(({ uid, flags }) => ({ uid, flags })));
    const expunged = mailbox.tool('unexpunge', '-l');
    expect(expunged.filter((line) => /UID|Size/.test(line))).toEqual(['UID: 1', '\tSize: 1444']);
  });

  liveTest('upgrades it to its own version without a change of UIDs, flags or modseqs', async (live) => {
    const mailbox = new OneMailbox(live);
    mailbox.put(convertIndex(input()).index, cache);
    const before = mailbox.index();
    expect(mailbox.tool('reconstruct', '-V', 'max')).toContain(`Converted ${OneMailbox.name} version 12 to 17`);
    const after = mailbox.index();
    const facts = (view: IndexView) =>
      uids(view).map((uid, i) => [uid, view.systemFlags(i), view.userFlags(i, 0), view.guidHex(i), view.modseq(i)]);
    expect(facts(after)).toEqual(facts(before));
    expect(after).toMatchObject({
      uidvalidity: 1795456369,
      lastUid: 6,
      options: 1,
      recentUid: 6,
      highestModseq: 1n,
      syncCrc: before.syncCrc,
    });
    expect(mailbox.tool('reconstruct', '-n')).toEqual([OneMailbox.name]);
  });

  liveTest('upgrades an index to the same fields as upgradeIndex', async (live) => {
    const mailbox = new OneMailbox(live);
    for (const version of [13, 14, 15, 16, 17]) {
      const v12 = convertIndex(input()).index;
      mailbox.put(v12, cache);
      mailbox.tool('reconstruct', '-V', String(version));
      const [theirs, ours] = [mailbox.index(), readIndex(upgradeIndex(readIndex(v12, 'x'), version, 1), 'x')];
      expect(ours.bytes.length).toBe(theirs.bytes.length);
      expect(checkIndex(ours, { userFlags: header.flags, headerFile })).toEqual([]);
      expect(comparable(ours), `version ${version}`).toEqual(comparable(theirs));
    }
  });

  liveTest('finds nothing to mend in a converted and upgraded mailbox', async (live) => {
    const mailbox = new OneMailbox(live);
    mailbox.put(upgradeIndex(readIndex(convertIndex(input()).index, 'x'), 17, 1795500000), cache);
    expect(mailbox.tool('reconstruct', '-n')).toEqual([OneMailbox.name]);
    expect(mailbox.tool('unexpunge', '-l')).toContain('UID: 1');
    expect(mailbox.tool('reconstruct', '-V', 'max')).toEqual([OneMailbox.name]);
  });

  liveTest('gives back the expunged message', async (live) => {
    const mailbox = new OneMailbox(live);
    mailbox.put(convertIndex(input()).index, cache);
    const said = mailbox.server.tool('unexpunge', ['-u', OneMailbox.name, '1']);
    expect(said).toContain('restored 1 expunged messages');
    expect(mailbox.index()).toMatchObject({ exists: 6, lastUid: 7, quotaUsedBytes: 17404 + 1444 });
  });

  liveTest('makes the cache again where none was carried over, without losing mail', async (live) => {
    const mailbox = new OneMailbox(live);
    mailbox.put(convertIndex(input({ cache: undefined, cacheGeneration: 0 })).index, undefined);
    mailbox.tool('reconstruct');
    const after = mailbox.index();
    expect(uids(after)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(after).toMatchObject({ exists: 5, quotaUsedBytes: 17404, lastUid: 6 });
    expect(checkCaches(after, { spool: readFileSync(join(mailbox.dir, 'cyrus.cache')) }).bad).toBe(0);
  });
});
