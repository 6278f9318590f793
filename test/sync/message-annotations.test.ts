import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readDatabase, writeDatabase } from '../../src/cyrus/db/database.js';
import type { DbEntry } from '../../src/cyrus/db/entry.js';
import { OWNER } from '../../src/cyrus/records/annotations.js';
import { carryAnnotations } from '../../src/sync/message-annotations.js';

const FILE = 'cyrus.annotations';
const fixture = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../../fixtures/records/${path}.${FILE}`, import.meta.url)));
/** Of 3.0: a note of the user bob and one for all, both of his own mailbox. */
const BOBS = fixture('3.0-uhs-plain/bob');

const keysOf = (bytes: Buffer) => readDatabase(bytes, FILE).entries.map(({ key }) => key.split('\0').slice(0, 3));
const write = (entries: readonly DbEntry[]) =>
  writeDatabase('twoskip', entries, { version: '3.6', nowSec: 1_700_000_000 });

describe('the owner of private annotations of messages', () => {
  const [shared, own] = readDatabase(BOBS, FILE).entries as [DbEntry, DbEntry];
  const ownerKey = own.key.replace('\0bob\0', `\0${OWNER}\0`);

  it('is a token for 3.6 and later, of whatever version the file is', () => {
    const carried = carryAnnotations(BOBS, FILE, { owner: 'bob', version: '3.6' }, 1);
    expect(readDatabase(carried!.bytes, FILE).entries).toEqual([shared, { key: ownerKey, value: own.value }]);
    // what both servers count in sync_crc is his name
    expect(carried!.listed.map(({ userid }) => userid)).toEqual(['', 'bob']);
    const again = carryAnnotations(carried!.bytes, FILE, { owner: 'bob', version: '3.12' }, 2);
    expect(again!.bytes).toBe(carried!.bytes);
  });

  it.each([
    ['of an older target is his name', { owner: 'bob', version: '3.4' }],
    ['is another, who is named as before', { owner: 'alice', version: '3.6' }],
    ['is nobody, of a shared mailbox', { owner: undefined, version: '3.6' }],
  ] as const)('%s: the bytes stay', (_, form) => {
    expect(carryAnnotations(BOBS, FILE, form, 1)!.bytes).toBe(BOBS);
  });

  it('comes back by name for an older target', () => {
    const ofNewer = write([shared, { key: ownerKey, value: own.value }]);
    const carried = carryAnnotations(ofNewer, FILE, { owner: 'bob', version: '3.4' }, 1);
    expect(readDatabase(carried!.bytes, FILE).entries).toEqual([shared, own]);
  });

  it.each(['alice', 'Zoe', 'bob'])('has one record where 3.6 has added its own to that of %s', (owner) => {
    const old = { key: own.key.replace('\0bob\0', `\0${owner}\0`), value: own.value };
    const newer = { key: ownerKey, value: shared.value };
    const { bytes, hidden, listed } = carryAnnotations(write([old, newer]), FILE, { owner, version: '3.6' }, 1)!;
    expect(readDatabase(bytes, FILE).entries).toEqual([newer]);
    expect(hidden).toMatchObject([{ userid: owner, value: 'priv bob' }]);
    expect(listed).toMatchObject([{ userid: owner, value: 'shared of it' }]);
  });

  it('is not looked for in a file that is damaged', () => {
    const damaged = Buffer.from(BOBS);
    damaged.fill(0xff, 64, 128);
    expect(carryAnnotations(damaged, FILE, { owner: 'bob', version: '3.6' }, 1)).toBeUndefined();
    expect(keysOf(BOBS)).toHaveLength(2);
  });
});
