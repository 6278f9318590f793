import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { writeDatabase } from '../../src/cyrus/db/database.js';
import { entriesOf } from '../../src/inventory/read-mailboxes-db.js';

describe('a flat database of the source', () => {
  // Written by cyr_deny of 3.6.1 (fixtures/db/README.md): the TABs of a record are FF 89.
  const denied = readFileSync(new URL('../../fixtures/db/3.6-user_deny.db', import.meta.url));

  it('of 2.5 and later is unescaped, and is the same again when written: who is denied stays so', () => {
    const entries = entriesOf(denied, 'user_deny.db', '3.6');
    expect(entries).toEqual([
      { key: 'alice', value: '2\t*\tAccess to this service has been blocked' },
      { key: 'bob', value: '2\timap,pop3\tClosed until Monday' },
    ]);
    expect(writeDatabase('flat', entries, { version: '3.6', nowSec: 0 })).toEqual(denied);
  });

  it('before 2.5 is taken as it is: FF is a byte like others', () =>
    expect(entriesOf(Buffer.from('user.caf\xff\x89\t\n', 'latin1'), 'anna.sub', '2.4')).toEqual([
      { key: 'user.caf\xff\x89', value: '' },
    ]));
});
