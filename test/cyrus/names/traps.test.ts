/** Traps of names and keys that no other test catches by itself where no real Cyrus is installed (reference 0, 2, 4.7, 5). */
import { describe, expect, it } from 'vitest';
import { writeDatabase } from '../../../src/cyrus/db/database.js';
import { mailboxDir } from '../../../src/cyrus/layout/mailbox-place.js';
import { asInternalName, fromDbName, toDbName } from '../../../src/cyrus/names/mailbox-name.js';
import { readMailboxEntries } from '../../../src/cyrus/records/mailboxes-db.js';
import type { CyrusVersion } from '../../../src/cyrus/version.js';
import { confOf } from '../conf/conf-of.js';

const ODD = ['user.anna.trailing ', 'lists.caf\xe9', 'lists. lead', 'lists.\x80\xff', "user.o'brien.#1"];

describe('a name with blanks at its ends or bytes beyond ASCII', () => {
  it.each(ODD)('%j is the same in mailboxes.db of 2.3, of 3.6, and on disk', (text) => {
    const name = asInternalName(text);
    const old = readMailboxEntries([{ key: text, value: '0 default anyone\tlrs\t' }], confOf('2.3'), 'x');
    expect(old.mailboxes[0]?.name).toBe(text);
    expect(fromDbName(toDbName(name, confOf('3.6')), confOf('3.6'))).toBe(text);
    for (const version of ['2.3', '3.6'] as const)
      expect(mailboxDir(name, confOf(version))).toBe(text.replaceAll('.', '/'));
  });
});

describe('a shared mailbox whose name begins with N or I', () => {
  const ORDINARY = '%(A %(anna lrs) I abc1 P default V 1 F 7 M 2)';

  // Cyrus lets the first record decide (imap/mboxlist.c _check_rec_cb), and here it looks like one of 3.6
  it.each(['News.old', 'Inbox-archive'])(
    '%s does not make a database of 3.0 one of 3.6, tombstone as it may be',
    (key) => {
      const entries = [
        { key, value: '%(T d M 5)' },
        { key: 'user.anna', value: ORDINARY },
        { key: 'user.ben', value: ORDINARY.replace('abc1', 'abc2') },
      ];
      const { dialect, mailboxes } = readMailboxEntries(entries, confOf('3.0'), 'x');
      expect(dialect).toBe('dlist');
      expect(mailboxes.map(({ name }) => name)).toEqual([key, 'user.anna', 'user.ben']);
    },
  );
});

describe('keys lie in the order in which the backend looks for them', () => {
  const KEYS = ['a.b', 'a-b', 'a\xe9', 'a', 'ab', 'a\r', 'a b'];
  const written = (backend: 'flat' | 'skiplist' | 'twoskip', version: CyrusVersion, order?: 'mbox') => {
    const entries = KEYS.map((key) => ({ key, value: `=${KEYS.indexOf(key)}=` }));
    const text = writeDatabase(backend, entries, { version, nowSec: 0, order }).toString('latin1');
    const at = (key: string) => text.indexOf(`=${KEYS.indexOf(key)}=`);
    return [...KEYS].sort((a, b) => at(a) - at(b));
  };

  it('skiplist: bytes beyond ASCII first, as signed char', () =>
    expect(written('skiplist', '2.4')).toEqual(['a', 'a\xe9', 'a\r', 'a b', 'a-b', 'a.b', 'ab']));
  it('twoskip: by unsigned bytes', () =>
    expect(written('twoskip', '3.6')).toEqual(['a', 'a\r', 'a b', 'a-b', 'a.b', 'ab', 'a\xe9']));
  it('both with improved_mboxlist_sort: the dot before all else', () => {
    for (const backend of ['skiplist', 'twoskip'] as const)
      expect(written(backend, '3.4', 'mbox')).toEqual(['a', 'a.b', 'a\r', 'a b', 'a-b', 'ab', 'a\xe9']);
  });
  it('flat: the dot before all else, and by what is stored: CR is FF 8D from 2.5 on', () => {
    expect(written('flat', '3.6')).toEqual(['a', 'a.b', 'a b', 'a-b', 'ab', 'a\xe9', 'a\r']);
    expect(written('flat', '2.4')).toEqual(['a', 'a.b', 'a\r', 'a b', 'a-b', 'ab', 'a\xe9']);
  });
});
