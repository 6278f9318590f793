import { describe, expect, it } from 'vitest';
import { detectBackend } from '../../../src/cyrus/db/detect.js';
import { fixture } from './fixture.js';

describe('detectBackend', () => {
  it.each([
    ['2.3-bob.seen', 'skiplist'],
    ['2.4-mailboxes.db', 'skiplist'],
    ['3.0-bob.seen', 'twoskip'],
    ['3.10-mailboxes.db', 'twoskip'],
    ['2.3-alice.sub', 'flat'],
    ['2.3-deliver.db', 'berkeley-btree'],
  ])('knows %s, which Cyrus wrote, for %s', (name, backend) => expect(detectBackend(fixture(name))).toBe(backend));

  it.each([
    ['a hash that db_load 5.3.28 made', '000000000100000000000000611506000900000000100000', 'berkeley-hash'],
    ['a btree from a big-endian machine', '00000000010000000000000000053162', 'berkeley-btree'],
    ['dav.db, which is SQLite', '53514c69746520666f726d6174203300', 'sqlite'],
    [
      'cyrus.header, which begins with the same four bytes',
      'a1028b0d4379727573206d61696c626f78206865616465720a',
      'flat',
    ],
    ['a skiplist cut off within its magic', 'a1028b0d736b69706c697374', 'flat'],
  ])('knows %s', (_, hex, backend) => expect(detectBackend(Buffer.from(hex, 'hex'))).toBe(backend));
});
