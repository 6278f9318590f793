import { describe, expect, it } from 'vitest';
import type { CyrusVersion } from '../../src/cyrus/version.js';
import { davRule } from '../../src/databases/derived.js';

/** Versions of dav databases: 3.0 6, 3.2 9, 3.4 10, 3.6 14, 3.8 15, 3.10 and 3.12 16 (imap/dav_db.c DB_VERSION of each). */
describe('what becomes of the dav databases, by which ManageSieve finds the scripts of 3.6 and later', () => {
  it.each<[CyrusVersion, CyrusVersion, string]>([
    ['3.6', '3.6', 'copied'],
    ['3.6', '3.12', 'copied'], // the newer server alters its tables
    ['3.10', '3.12', 'copied'],
    ['3.12', '3.10', 'copied'], // an older release line, and the same version of the database
    ['3.8', '3.6', 'left-to-target'],
    ['3.2', '3.2', 'copied'],
    ['3.2', '3.6', 'left-to-target'], // it names mailboxes by name
    ['3.6', '2.4', 'dropped'],
  ])('of %s in %s: %s', (from, to, action) => expect(davRule({ version: from }, { version: to }).action).toBe(action));

  it('says that no script is shown where the databases of 3.6 and later do not come along', () => {
    expect(davRule({ version: '3.8' }, { version: '3.6' }).note).toMatch(/ManageSieve/);
    expect(davRule({ version: '3.2' }, { version: '3.6' }).note).not.toMatch(/ManageSieve/);
  });
});
