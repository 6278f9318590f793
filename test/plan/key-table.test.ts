import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HashSet, hashOf, KeyTable } from '../../src/plan/key-table.js';

describe('a table of keys', () => {
  it('numbers them as a Map does, however many come', () =>
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 3 }), { maxLength: 5000 }), (keys) => {
        const table = new KeyTable();
        const plain = new Map<string, number>();
        for (const key of keys) {
          if (!plain.has(key)) plain.set(key, plain.size);
          expect(table.put(key)).toBe(plain.get(key));
        }
        expect(table.keys).toEqual([...plain.keys()]);
        const again = new KeyTable(table.keys);
        for (const [key, number] of plain) expect([table.get(key), again.get(key)]).toEqual([number, number]);
        expect(again.get('not there')).toBeUndefined();
      }),
    ));

  it('grows', () => {
    const table = new KeyTable();
    for (let i = 0; i < 20_000; i++) expect(table.put(`user.u${i}`)).toBe(i);
    for (let i = 0; i < 20_000; i++) expect(table.get(`user.u${i}`)).toBe(i);
  });
});

describe('a set of hashes', () => {
  it('counts each name once', () => {
    const set = new HashSet();
    for (let i = 0; i < 100_000; i++) set.add(hashOf(`user.u${i % 50_000}`));
    expect(set.size).toBe(50_000);
  });
});
