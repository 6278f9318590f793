import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  asInternalName,
  canonicalName,
  checkName,
  fromDbName,
  fromExternal,
  inboxOf,
  isInbox,
  parentOf,
  splitName,
  toDbName,
  toExternal,
  toUserid,
  unreachableLogin,
  userFromUserid,
  userOf,
} from '../../../src/cyrus/names/mailbox-name.js';
import type { CyrusVersion } from '../../../src/cyrus/version.js';
import { confOf, fixture } from '../conf/conf-of.js';

const name = asInternalName;
const VIRT = { virtdomains: 'userid' };

/** Blocks of fixtures/mbpath/names-3.6.1.tsv: configuration, then internal name and what mbpath -7 took for it. */
function typedAt361(): { options: string; rows: { internal: string; external: string }[] }[] {
  return fixture('names-3.6.1.tsv')
    .split(/^# /m)
    .slice(1)
    .map((block) => {
      const [options = '', ...lines] = block.trimEnd().split('\n');
      return {
        options,
        rows: lines.map((line) => {
          const [internal = '', external = ''] = line.split('\t');
          return { internal, external };
        }),
      };
    });
}

describe('the external name', () => {
  it.each(typedAt361())('is what mbpath -7 of 3.6.1 took, with $options', ({ options, rows }) => {
    const conf = confOf(
      '3.6',
      Object.fromEntries(options.split(' ').map((pair) => pair.split('=') as [string, string])),
    );
    expect(rows.length).toBeGreaterThan(30);
    expect(rows.map(({ internal }) => toExternal(name(internal), conf))).toEqual(rows.map((row) => row.external));
    expect(rows.map(({ external }) => fromExternal(external, conf))).toEqual(rows.map((row) => row.internal));
  });

  // Names as 2.x, 3.0 and 3.2 servers printed them: first column of mbpath.txt of the spools.
  it.each([
    ['2.3', 'yes', 'user.carol^smith.v1^2 notes', 'user/carol.smith/v1.2 notes'],
    ['2.4', 'no', 'user.carol-smith.Sent', 'user.carol-smith.Sent'],
    ['3.0', 'yes', 'DELETED.user.goner.1^.6B04CE89', 'DELETED/user/goner/1./6B04CE89'],
    ['3.2', 'yes', 'lists.dev&-ops', 'lists/dev&-ops'],
  ] as const)('of %s with unixhierarchysep %s: %s is %s', (version, uhs, internal, external) => {
    const conf = confOf(version, { unixhierarchysep: uhs });
    expect(toExternal(name(internal), conf)).toBe(external);
    expect(fromExternal(external, conf)).toBe(internal);
  });

  it('has no default domain, which 3.x drops', () => {
    const conf = confOf('3.6', { ...VIRT, defaultdomain: 'one.example' });
    expect(toExternal(name('one.example!user.ben'), conf)).toBe('user/ben');
    expect(fromExternal('user/ben@one.example', conf)).toBe('user.ben');
    expect(fromExternal('user/ben@two.example', conf)).toBe('two.example!user.ben');
  });

  it('keeps an @ within where there are no domains', () =>
    expect(fromExternal('user/ben@one.example', confOf('2.4', { unixhierarchysep: 'yes' }))).toBe(
      'user.ben@one^example',
    ));
});

describe('the parts of a name', () => {
  it.each([
    ['user.ben.Sent', '3.6', {}, { parts: ['user', 'ben', 'Sent'], userLocalpart: 'ben' }],
    ['news.local', '3.6', {}, { parts: ['news', 'local'] }],
    ['user', '3.6', {}, { parts: ['user'] }],
    ['one.example!user.ben', '3.6', {}, { domain: 'one.example', parts: ['user', 'ben'], userLocalpart: 'ben' }],
    ['one.example!user.ben', '2.4', VIRT, { domain: 'one.example', parts: ['user', 'ben'], userLocalpart: 'ben' }],
    ['one!user.ben', '2.4', {}, { parts: ['one!user', 'ben'] }],
    ['internal!user.ben', '3.6', {}, { parts: ['user', 'ben'], userLocalpart: 'ben' }],
    [
      'internal!user.ben',
      '2.4',
      { ...VIRT, defaultdomain: 'internal' },
      { domain: 'internal', parts: ['user', 'ben'], userLocalpart: 'ben' },
    ],
    [
      'DELETED.user.bob.Old.6B047DA5',
      '2.3',
      {},
      { deleted: { timeHex: '6B047DA5' }, parts: ['user', 'bob', 'Old'], userLocalpart: 'bob' },
    ],
    ['DELETED.news.6B047DA5', '3.6', {}, { deleted: { timeHex: '6B047DA5' }, parts: ['news'] }],
    ['DELETED.6B047DA5', '3.6', {}, { parts: ['DELETED', '6B047DA5'] }],
    ['DELETED.user.bob.Old', '2.4', {}, { parts: ['DELETED', 'user', 'bob', 'Old'] }],
    ['DELETED.user.bob.0', '3.6', {}, { parts: ['DELETED', 'user', 'bob', '0'] }],
    ['DELETED.user.bob.6B047DA5', '2.2', {}, { parts: ['DELETED', 'user', 'bob', '6B047DA5'] }],
    [
      'X.user.bob.6B047DA5',
      '3.6',
      { deletedprefix: 'X' },
      { deleted: { timeHex: '6B047DA5' }, parts: ['user', 'bob'], userLocalpart: 'bob' },
    ],
  ] as const)('%s of %s with %j', (text, version, options, expected) => {
    expect(splitName(name(text), confOf(version, options))).toEqual({
      domain: undefined,
      deleted: undefined,
      userLocalpart: undefined,
      ...expected,
    });
  });

  it.each([
    ['user.carol^smith.Work', { localpart: 'carol^smith' }, false],
    ['user.ben', { localpart: 'ben' }, true],
    ['one.example!user.ben', { localpart: 'ben', domain: 'one.example' }, true],
    ['DELETED.user.bob.6B047DA5', { localpart: 'bob' }, false],
    ['one.example!DELETED.user.bob.Old.6B047DA5', { localpart: 'bob', domain: 'one.example' }, false],
    ['news', undefined, false],
    ['user', undefined, false],
    ['users.ben', undefined, false],
  ])('%s belongs to %j, INBOX: %s', (text, owner, inbox) => {
    const conf = confOf('3.6');
    expect(userOf(name(text), conf)).toEqual(owner && { domain: undefined, ...owner });
    expect(isInbox(name(text), conf)).toBe(inbox);
    if (owner && inbox) expect(inboxOf(owner)).toBe(text);
  });

  it.each([
    ['user.ben.Sent.2020', 'user.ben.Sent'],
    ['user.ben.Sent', 'user.ben'],
    ['user.ben', undefined],
    ['one.example!user.ben', undefined],
    ['one.example!user.ben.Sent', 'one.example!user.ben'],
    ['one.example!news', undefined],
    ['one.example!news.local', 'one.example!news'],
    ['news.local', 'news'],
    ['news', undefined],
  ])('above %s is %s', (text, parent) => expect(parentOf(name(text))).toBe(parent));
});

describe('names in the databases of 3.6', () => {
  // Keys of mailboxes.db of the spools (mailboxes.db.show.txt, ^_ is US), and reference 2.1.
  it.each([
    ['user.new^name.deep.b', 'user\x1fnew.name\x1fdeep\x1fb'],
    ['user.mover.1^', 'user\x1fmover\x1f1.'],
    ['one.example!user.ben.Sent', 'one.example\x1duser\x1fben\x1fSent'],
    ['DELETED.user.bob.Old.6B047DA5', 'DELETED\x1fuser\x1fbob\x1fOld\x1f6B047DA5'],
    ['news', 'news'],
  ])('%s is %j', (internal, key) => {
    expect(toDbName(name(internal), confOf('3.6'))).toBe(key);
    expect(fromDbName(key, confOf('3.6'))).toBe(internal);
  });

  it('drop the default domain on both ways', () => {
    expect(toDbName(name('internal!user.ben'), confOf('3.6'))).toBe('user\x1fben');
    expect(fromDbName('internal\x1duser\x1fben', confOf('3.6'))).toBe('user.ben');
  });
});

describe('a deleted name as 3.x reads it', () => {
  // imap/mboxname.c of 3.6.1: strtoul base 16, printed with %X; 0 is not deleted.
  it.each([
    ['DELETED.user.bob.6b047da5', 'DELETED.user.bob.6B047DA5'],
    ['DELETED.user.bob.06B047DA5', 'DELETED.user.bob.6B047DA5'],
    ['DELETED.user.bob.0x6B047DA5', 'DELETED.user.bob.6B047DA5'],
    ['DELETED.user.bob.6B047DA5old', 'DELETED.user.bob.6B047DA5'],
    ['DELETED.user.bob.Old', 'user.bob'],
    ['DELETED.user.bob.1FFFFFFFFFFFFFFFF', 'DELETED.user.bob.FFFFFFFF'],
    ['DELETED.user', 'DELETED.user'],
    ['one.example!DELETED.user.bob.Old', 'one.example!user.bob'],
    ['user.bob.Old', 'user.bob.Old'],
  ])('%s is %s, and refused where that is another', (text, canonical) => {
    const conf = confOf('3.6');
    expect(canonicalName(name(text), conf)).toBe(canonical);
    expect(checkName(text, conf) === undefined).toBe(text === canonical);
    expect(canonicalName(name(text), confOf('2.4'))).toBe(text);
    expect(checkName(text, confOf('2.4'))).toBeUndefined();
  });
});

describe('names that must be refused', () => {
  it.each([
    '',
    'user..ben',
    '.news',
    'news.',
    'user.a/../../b',
    'user.a\0b',
    '!user.a',
    '..!user.a',
    '.!news',
    'one.example!',
    'user.a\tb',
    'user.a\nb',
    'user',
    'one.example!user',
    'user.^',
    'user.^^',
    'user.^^.Sent',
  ])('%j', (text) => expect(checkName(text, confOf('3.6'))).toBeTypeOf('string'));

  it.each(['user.a\x1fb', 'user.a\x1db'])('%j, from 3.6 on', (text) => {
    expect(checkName(text, confOf('3.6'))).toBeTypeOf('string');
    expect(checkName(text, confOf('3.4'))).toBeUndefined();
  });

  it.each([
    'user.anna.trailing ',
    'user.a.Caf&AOk-',
    'user.a.1^',
    'user.a.^^',
    'user.a.caf\xc3\xa9',
    'user.a.~x',
    'user.a."q"',
    'user.a.b\\c',
    'uuid.a',
    'one.example!news',
  ])('but not %j', (text) => expect(checkName(text, confOf('3.6'))).toBeUndefined());

  it('whatever passes stays below its root on disk', () =>
    fc.assert(
      fc.property(fc.stringMatching(/^[a.^!/\0u]{0,9}$/), (text) => {
        if (checkName(text, confOf('3.6')) === undefined) {
          const at = text.indexOf('!');
          const steps = [text.slice(0, Math.max(at, 0)), ...text.slice(at + 1).split('.')];
          expect(
            steps.filter((step, i) => step === '.' || step === '..' || step.includes('/') || (i > 0 && step === '')),
          ).toEqual([]);
        }
      }),
    ));
});

describe('a login', () => {
  it.each([
    ['carol.smith', '3.6', {}, { localpart: 'carol^smith' }],
    ['carol.smith@one.example', '3.6', {}, { localpart: 'carol^smith', domain: 'one.example' }],
    ['a@b@one.example', '3.6', VIRT, { localpart: 'a@b', domain: 'one.example' }],
    ['ben@internal', '3.6', {}, { localpart: 'ben' }],
    ['ben@one.example', '2.4', {}, { localpart: 'ben@one^example' }],
    ['ben@one.example', '2.4', VIRT, { localpart: 'ben', domain: 'one.example' }],
  ] as const)('%s of %s with %j owns %j', (userid, version, options, user) =>
    expect(userFromUserid(userid, confOf(version, options))).toEqual(user),
  );

  it('is written with dots and its domain', () =>
    expect(toUserid({ localpart: 'zoe^z', domain: 'one.example' })).toBe('zoe.z@one.example'));

  it.each<[string, CyrusVersion, Record<string, string>, RegExp | undefined]>([
    ['user.ben', '3.6', {}, undefined],
    ['user.carol^smith', '3.6', { unixhierarchysep: 'no' }, undefined],
    ['user.carol^smith', '2.4', { unixhierarchysep: 'no' }, /dot/],
    ['user.carol^smith', '2.4', { unixhierarchysep: 'yes' }, undefined],
    ['user.a@b^c.Sent', '3.6', {}, /@/],
    ['user.a@b^c', '3.6', VIRT, /@/],
    ['user.a@b^c', '2.4', { unixhierarchysep: 'yes' }, undefined],
    ['user.a@b^c', '2.4', { unixhierarchysep: 'yes', ...VIRT }, /@/],
    ['user.Heidi', '3.6', {}, /capital/],
    ['user.Heidi', '3.6', { username_tolower: 'no' }, undefined],
    ['One.example!user.ben', '3.6', VIRT, /capital/],
    ['one.example!user.ben', '3.6', VIRT, undefined],
    ['one.example!user.ben', '3.6', {}, /virtdomains/],
    ['user.ben.Sent', '3.6', {}, undefined],
    ['DELETED.user.Heidi.6B047DA5', '3.6', {}, undefined],
    ['News', '3.6', {}, undefined],
  ])('to %s on %s with %j: %s', (text, version, options, reason) => {
    const found = unreachableLogin(name(text), confOf(version, options));
    if (reason) expect(found).toMatch(reason);
    else expect(found).toBeUndefined();
  });
});

describe('any name', () => {
  // No control bytes and no slash (refused), no caret at first reading of an external name: it stands for a dot.
  const part = fc.stringMatching(/^[ -.0-9;-?A-Z[\]_-~^]{1,8}$/).map((text) => text.replace(/[.!@]/g, '^'));
  const internal = fc
    .tuple(fc.constantFrom('', 'one.example!', 'x!'), fc.array(part, { minLength: 1, maxLength: 5 }))
    .map(([domain, parts]) => domain + parts.join('.'));

  it.each(['3.6', '3.10'] as const)('comes back from the database of %s, and from its external form', (version) =>
    fc.assert(
      fc.property(internal, fc.constantFrom('yes', 'no'), (text, uhs) => {
        const conf = confOf(version, { ...VIRT, unixhierarchysep: uhs });
        if (checkName(text, conf) !== undefined) return;
        expect(fromDbName(toDbName(name(text), conf), conf)).toBe(text);
        expect(fromExternal(toExternal(name(text), conf), conf)).toBe(text);
      }),
    ),
  );

  it('is taken apart and put together again', () =>
    fc.assert(
      fc.property(fc.oneof(internal, fc.string()), (text) => {
        const conf = confOf('3.6');
        const { domain, deleted, parts } = splitName(name(text), conf);
        const rest = (deleted ? [conf.deletedPrefix, ...parts, deleted.timeHex] : parts).join('.');
        const dropped = text.startsWith('internal!') ? text.slice(9) : text;
        expect((domain === undefined ? '' : `${domain}!`) + rest).toBe(dropped);
      }),
    ));
});
