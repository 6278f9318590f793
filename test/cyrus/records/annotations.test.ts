import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { readDatabase } from '../../../src/cyrus/db/database.js';
import { asInternalName } from '../../../src/cyrus/names/mailbox-name.js';
import {
  type Annotation,
  OWNER,
  parseAnnotationKey,
  parseAnnotationValue,
  printAnnotationValue,
  readAnnotations,
  rekeyAnnotations,
  withOwner,
  writeAnnotations,
} from '../../../src/cyrus/records/annotations.js';
import { readMailboxEntries } from '../../../src/cyrus/records/mailboxes-db.js';
import { fixtureBytes, nameConf, SERVERS, shown } from './fixture.js';

const database = (path: string) => readDatabase(fixtureBytes(path), path).entries;
const annotationsOf = (path: string) => readAnnotations(database(path), path).annotations;

describe('annotations', () => {
  it.each([
    ...SERVERS.map(([server, version]) => [`${server}/annotations.db`, version] as const),
    ['3.0-uhs-plain/bob.cyrus.annotations', '3.0'],
    ['3.10-fullhash-meta/owner.cyrus.annotations', '3.10'],
  ] as const)('%s is written as its server wrote it', (path, version) => {
    const entries = database(path);
    const { annotations, problems } = readAnnotations(entries, path);
    expect([entries.length > 1, problems]).toEqual([true, []]);
    expect(writeAnnotations(annotations, version)).toEqual(entries);
  });

  it('of 2.3 are of the server, of mailboxes and of one user', () => {
    // cyr_dbtool show of 2.3, annotations.db.show.txt of that spool
    expect(
      annotationsOf('2.3-skiplist-uhs/annotations.db').map(({ target, entry, userid, value }) => [
        target,
        entry,
        userid,
        value,
      ]),
    ).toEqual([
      ['', '/admin', '', 'mailto:postmaster@example.org'],
      ['', '/comment', '', 'Server of skiplist-uhs'],
      ['lists.dev&-ops', '/vendor/cmu/cyrus-imapd/news2mail', '', 'a@b.example'],
      ['news', '/comment', '', 'everybody sees "seen"'],
      ['user.3com', '/comment', '3com', 'private to 3com'],
      ['user.alice', '/comment', '', 'inbox of A'],
      ['user.alice', '/vendor/cmu/cyrus-imapd/expire', '', '365'],
    ]);
  });

  const ORIGINS = [
    ['64-bit little-endian', '000000050000000068656c6c6f00746578742f706c61696e006b047d7100000000'],
    ['64-bit big-endian', '000000000000000568656c6c6f00746578742f706c61696e00000000006b047d71'],
    ['32-bit', '0000000568656c6c6f00746578742f706c61696e006b047d71'],
  ] as const;

  it.each(ORIGINS)('of a %s machine are read', (_, hex) => {
    expect(parseAnnotationValue(Buffer.from(hex, 'hex').toString('latin1'), 'x')).toEqual({
      value: 'hello',
      contentType: 'text/plain',
      modifiedSinceSec: 0x6b047d71,
      modseq: undefined,
      deleted: false,
    });
  });

  it('come back from any of these machines, tombstones and empty ones too', () =>
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 30 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.boolean(),
        fc.constantFrom('3.2', '3.0'),
        (bytes, modseq, deleted, version) => {
          const isNew = version === '3.2';
          const annotation = {
            value: Buffer.from(bytes).toString('latin1'),
            contentType: 'text/plain',
            modifiedSinceSec: 0,
            modseq: isNew ? modseq : undefined,
            deleted: isNew && deleted,
          };
          expect(parseAnnotationValue(printAnnotationValue(annotation, version), 'x')).toEqual(annotation);
        },
      ),
    ));

  it('that are cut off or have other lengths are refused', () => {
    for (const [, hex] of ORIGINS) {
      const whole = Buffer.from(hex, 'hex').toString('latin1');
      for (let length = 0; length < whole.length; length++) {
        expect(() => parseAnnotationValue(whole.slice(0, length), 'x')).toThrow(FormatError);
      }
      expect(() => parseAnnotationValue(`${whole}x`, 'x')).toThrow(FormatError);
    }
    for (const key of ['', 'a', 'a\0b', 'a\0b\0c\0d', 'a\0b\0c\0\0']) {
      expect(() => parseAnnotationKey(key, 'x')).toThrow(FormatError);
    }
    expect(readAnnotations([{ key: 'a', value: '' }], 'x')).toMatchObject({
      problems: [{ code: 'unreadable-annotation', key: 'a' }],
    });
  });

  it('of 3.2 become those of 3.6: by uniqueid, the owner by its token', () => {
    const list = readMailboxEntries(shown('3.2-uhs-meta/mailboxes.show.txt'), nameConf('3.2'), 'm').mailboxes;
    const byName = new Map<string, { name: string; uniqueid?: string | undefined }>(list.map((m) => [m.name, m]));
    const find = (target: string) => {
      const mailbox = byName.get(target);
      const owner = /(?:^|\.)user\.([^.]+)/.exec(target)?.[1]?.replaceAll('^', '.');
      return mailbox && { name: asInternalName(mailbox.name), uniqueid: mailbox.uniqueid!, owner };
    };
    const old = [
      ...annotationsOf('3.2-uhs-meta/annotations.db'),
      annotation({ target: 'user.nobody', userid: '' }),
      annotation({ target: 'user.alice', userid: 'bob' }),
    ];
    const { kept, dropped } = rekeyAnnotations(old, '3.2', '3.6', find);
    expect(dropped.map(({ target }) => target)).toEqual(['user.nobody']);
    expect(kept.filter(({ target }) => target === '').map(({ entry }) => entry)).toEqual(['/admin', '/comment']);
    const alice = byName.get('user.alice')!.uniqueid!;
    expect(kept).toContainEqual(expect.objectContaining({ target: alice, userid: 'bob' }));
    expect(kept.filter(({ userid }) => userid === OWNER).length).toBeGreaterThan(5);
    // and back again
    const ids = new Map(list.filter((m) => !m.deleted).map((m) => [m.uniqueid, m.name]));
    const back = rekeyAnnotations(kept, '3.6', '3.4', (id) => find(ids.get(id) ?? ''));
    expect(back).toEqual({ kept: old.filter(({ target }) => target !== 'user.nobody'), dropped: [] });
  });

  it('of messages change their owner only', () => {
    const own = annotation({ target: '7', userid: 'carol.smith' });
    expect(withOwner(own, 'carol.smith', '3.4', '3.6')).toEqual({ ...own, userid: OWNER });
    expect(withOwner({ ...own, userid: OWNER }, 'carol.smith', '3.6', '3.4')).toEqual(own);
    expect(withOwner({ ...own, userid: '' }, 'carol.smith', '3.4', '3.6').userid).toBe('');
    expect(withOwner(own, undefined, '3.4', '3.6')).toEqual(own);
  });

  it('that are tombstones are kept from 3.2 on', () => {
    const gone = [annotation({ target: '7', userid: '', deleted: true })];
    expect([writeAnnotations(gone, '3.0').length, writeAnnotations(gone, '3.2').length]).toEqual([0, 1]);
  });
});

function annotation(part: Partial<Annotation>): Annotation {
  const base = { target: '', entry: '/comment', userid: '', value: 'v', contentType: 'text/plain' };
  return { ...base, modifiedSinceSec: 0, modseq: 0n, deleted: false, ...part };
}
