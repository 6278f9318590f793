import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asInternalName } from '../../../src/cyrus/names/mailbox-name.js';
import { readSubscriptions, writeSubscriptions } from '../../../src/cyrus/records/subscriptions.js';
import { nameConf, shown } from './fixture.js';

const FILES = [
  ['2.3-skiplist-uhs/subscriptions/alice.sub', 'alice', '2.3', 0],
  ['2.3-skiplist-uhs/subscriptions/new^name.sub', 'new^name', '2.3', 0],
  ['3.6-netnews-mixed/subscriptions/alice.sub', 'alice', '3.6', 2],
  ['3.10-fullhash-meta/subscriptions/alice.sub.db', 'alice', '3.10', 2],
] as const;

describe('subscriptions', () => {
  it.each(FILES)('%s is written as its server wrote it', (path, localpart, version, fileVersion) => {
    const entries = shown(path);
    const read = readSubscriptions(entries, { localpart }, nameConf(version));
    expect(read).toMatchObject({ version: fileVersion, unknown: [] });
    expect(writeSubscriptions(read.names, { localpart }, nameConf(version))).toEqual(entries);
  });

  it('of 3.10 name the own INBOX by its internal name', () => {
    const { names } = readSubscriptions(shown(FILES[3][0]), { localpart: 'alice' }, nameConf('3.10'));
    expect(names).toEqual(['user.alice', 'user.alice.Sent', 'user.alice._x', 'lists', 'lists.dev&-ops', 'news.local']);
  });

  const names = ['user.matt', 'user.matt.a^b', 'user.matthew', 'user.matthew.X', 'INBOX2'].map(asInternalName);

  it.each([
    ['3.4', 0, ['user.matt', 'user.matt.a^b', 'user.matthew', 'user.matthew.X', 'INBOX2']],
    // the prefix bug of 3.6 to 3.10, @see 3.6.1 imap/mboxlist.c mboxlist_dbname_to_key
    ['3.6', 2, ['\x1fVER\x1f', 'NINBOX', 'NINBOX\x1fa.b', 'NINBOXhew', 'NINBOXhew\x1fX', 'NINBOX2']],
    ['3.12', 3, ['\x1fVER\x1f', 'NINBOX', 'NINBOX\x1fa.b', 'Nuser\x1fmatthew', 'Nuser\x1fmatthew\x1fX', 'NINBOX2']],
  ] as const)('%s of matt have the keys that its server looks up', (version, fileVersion, keys) => {
    const entries = writeSubscriptions(names, { localpart: 'matt' }, nameConf(version));
    expect(entries.map((entry) => entry.key)).toEqual(keys);
    const back = readSubscriptions(entries, { localpart: 'matt' }, nameConf(version));
    // 3.6 itself reads NINBOX2 as a user's mailbox: there the shared INBOX2 can't be subscribed to
    const expected = names.map((name) => (version === '3.6' && name === 'INBOX2' ? 'user.matt2' : name));
    expect(back).toEqual({ version: fileVersion, names: expected, unknown: [] });
  });

  it('of a user with a domain have the INBOX of that domain', () => {
    const conf = nameConf('3.6', { virtDomains: 'userid', defaultDomain: 'internal' });
    const user = { localpart: 'ben', domain: 'one.example' };
    const entries = writeSubscriptions([asInternalName('one.example!user.ben.Sent')], user, conf);
    expect(entries.map((entry) => entry.key)).toEqual(['\x1fVER\x1f', 'NINBOX\x1fSent']);
    expect(readSubscriptions(entries, user, conf).names).toEqual(['one.example!user.ben.Sent']);
  });

  it('pass over keys that are no names, and never throw', () => {
    const entries = [
      { key: '\x1fVER\x1f', value: '2' },
      { key: 'x', value: '' },
      { key: 'N', value: '' },
      { key: 'Na', value: '' },
    ];
    expect(readSubscriptions(entries, { localpart: 'a' }, nameConf('3.6'))).toMatchObject({
      names: ['a'],
      unknown: ['x', 'N'],
    });
    const bytes = fc.uint8Array({ maxLength: 12 }).map((b) => Buffer.from(b).toString('latin1'));
    const entry = fc.record({ key: fc.oneof(bytes, fc.constant('\x1fVER\x1f')), value: bytes });
    fc.assert(fc.property(fc.array(entry), (e) => void readSubscriptions(e, { localpart: 'a' }, nameConf('3.6'))));
  });
});
