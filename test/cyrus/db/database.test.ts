import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { readDatabase, writeDatabase } from '../../../src/cyrus/db/database.js';
import type { DbEntry } from '../../../src/cyrus/db/entry.js';
import { fixture } from './fixture.js';

const BACKENDS = ['flat', 'skiplist', 'twoskip'] as const;
const GOOD = ['2.3-bob.seen', '2.4-annotations.db', '3.0-bob.seen', '3.2-annotations.db', '3.0-alice.sub'] as const;
const read = (bytes: Buffer) => readDatabase(bytes, 'x.db', { escaped: true });
const anyText = fc.uint8Array({ maxLength: 60 }).map((b) => Buffer.from(b).toString('latin1'));
const anyEntries = fc.uniqueArray(fc.record({ key: anyText.map((k) => k || 'k'), value: anyText }), {
  selector: (entry) => entry.key,
  maxLength: 60,
});
const sorted = (entries: readonly DbEntry[]) => entries.toSorted((a, b) => (a.key < b.key ? -1 : 1));

describe('readDatabase', () => {
  it.each([
    ['skiplist', '2.3-mailboxes.db', 130],
    ['skiplist', '2.3-bob.seen', 17],
    ['skiplist', '2.4-mailboxes.db', 107],
    ['twoskip', '3.0-mailboxes.db', 130],
    ['twoskip', '3.0-annotations.db', 36],
    ['twoskip', '3.0-bob.seen', 4],
    ['twoskip', '3.2-annotations.db', 27],
    ['twoskip', '3.10-mailboxes.db', 299],
  ])('reads from the %s %s all that its own Cyrus showed', (backend, name, count) => {
    const database = read(fixture(name));
    const text = database.entries.map(({ key, value }) => `${key}\t${value}\n`).join('');
    expect(text).toBe(fixture(`${name}.show.txt`).toString('latin1')); // names in ASCII: all orders but mbox agree
    expect(database).toMatchObject({ backend, clean: true, notes: [] });
    expect(database.entries).toHaveLength(count);
  });

  it('reads the flat subscriptions of 2.3 and 3.0', () => {
    expect(read(fixture('2.3-alice.sub')).entries.map((e) => e.key)).toContain('user.alice.Archive.2019');
    expect(read(fixture('3.0-alice.sub'))).toMatchObject({ backend: 'flat', clean: true, notes: [] });
  });

  it('takes an empty file, as Cyrus makes for a new user, for an empty flat database', () =>
    expect(read(Buffer.alloc(0))).toEqual({ backend: 'flat', entries: [], clean: true, notes: [] }));

  it('names the Berkeley DB that must be exported on the old server', () =>
    expect(() => read(fixture('2.3-deliver.db'))).toThrow(/berkeley-btree/));

  it('throws nothing but FormatError for any bytes behind any magic', () => {
    const heads = [Buffer.alloc(0), ...GOOD.map((name) => fixture(name))];
    const anyBytes = fc
      .tuple(fc.constantFrom(...heads), fc.nat(1500), fc.uint8Array({ maxLength: 300 }))
      .map(([head, keep, tail]) => Buffer.concat([head.subarray(0, keep), tail]));
    fc.assert(fc.property(anyBytes, throwsOnlyFormatError), { numRuns: 2000 });
  });

  it('throws nothing but FormatError for a real file with any words changed', () => {
    const anyChange = fc.record({
      at: fc.nat(4000),
      word: fc.oneof(fc.constantFrom(0, 1, 2, 4, 255, 0x7fffffff, 0xffffffff), fc.nat(4800)),
    });
    const anyDamage = fc
      .tuple(fc.constantFrom(...GOOD), fc.array(anyChange, { minLength: 1, maxLength: 4 }))
      .map(([name, changes]) => {
        const bytes = Buffer.from(fixture(name));
        for (const { at, word } of changes) if (at * 4 + 4 <= bytes.length) bytes.writeUInt32BE(word, at * 4);
        return bytes;
      });
    fc.assert(fc.property(anyDamage, throwsOnlyFormatError), { numRuns: 2000 });
  });

  it.each(BACKENDS)('reads 100,000 entries of a %s file in a second', (backend) => {
    const entries = Array.from({ length: 100_000 }, (_, i) => ({
      key: `user.u${(i * 7919) % 100_000}.Sent Items`,
      value: '%(A %(bob lrswipkxtecdan) I 3ac01533-4b8f-4c7b-a0bd-5a53317b7d36 P default V 1795477100 F 10 M 1795477)',
    }));
    const bytes = write(backend, entries);
    const start = performance.now();
    expect(read(bytes).entries).toHaveLength(100_000);
    // 0.1 to 0.2 s on an idle machine; the bound only catches what is not linear
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});

describe('writeDatabase', () => {
  it.each(BACKENDS)('writes a %s file that reads back the same, whatever bytes are in it', (backend) => {
    fc.assert(
      fc.property(anyEntries, (entries) => {
        const bytes = write(backend, entries);
        expect(read(bytes)).toMatchObject({ entries: sorted(entries), clean: true, notes: [] });
        expect(write(backend, entries.toReversed()).equals(bytes)).toBe(true);
      }),
    );
  });

  it.each(BACKENDS)('refuses for %s what no Cyrus database holds', (backend) => {
    const entry = { key: 'a', value: '' };
    expect(() => write(backend, [entry, entry])).toThrow(RangeError);
    expect(() => write(backend, [{ key: '', value: 'x' }])).toThrow(RangeError);
    expect(() => write(backend, [{ key: 'caf\u0153', value: '' }])).toThrow(RangeError);
    expect(() => write(backend, [{ key: 'a', value: '\u20ac' }])).toThrow(RangeError);
  });
});

function write(backend: (typeof BACKENDS)[number], entries: readonly DbEntry[]): Buffer {
  return writeDatabase(backend, entries, { version: '3.6', nowSec: 1_700_000_000 });
}

function throwsOnlyFormatError(bytes: Buffer): void {
  try {
    read(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
  }
}
