import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildCache,
  cacheGeneration,
  cachePlace,
  cacheRecordLength,
  checkCaches,
} from '../../../src/cyrus/mailbox/cache.js';
import { readIndex } from '../../../src/cyrus/mailbox/index.js';
import { patchIndex } from '../../../src/cyrus/mailbox/index-patch.js';
import { fixtureFile, fixtureIndex } from './fixtures.js';

describe('the cache record', () => {
  it.each(['v12-boomerang', 'v12-trash', 'v13-cafe', 'v16-one', 'v19-expunged'] as const)(
    'of every message of %s has the CRC that its index keeps',
    (mailbox) => {
      const view = fixtureIndex(mailbox);
      const cache = fixtureFile(mailbox, 'cyrus.cache');
      expect(cacheGeneration(cache)).toBe(view.generation);
      for (let i = 0; i < view.count; i++) {
        expect(cachePlace(cache, view.cacheOffset(i))).toEqual({ offset: view.cacheOffset(i), crc: view.cacheCrc(i) });
      }
      expect(checkCaches(view, { spool: cache })).toEqual({ generationFits: true, good: view.count, bad: 0 });
    },
  );

  it('of 2.3 ends where the next begins', () => {
    const cache = fixtureFile('v10-boomerang', 'cyrus.cache');
    const view = fixtureIndex('v10-boomerang');
    const ends = [0, 1, 2, 3, 4, 5].map((i) => view.cacheOffset(i) + cacheRecordLength(cache, view.cacheOffset(i))!);
    expect(ends).toEqual([636, 1320, 1968, 2588, 3232, cache.length]);
  });

  it.each([
    ['in the generation', 0],
    ['within a record', 8],
    ['at the end', 4124],
    ['past the end', 1e9],
  ])('is not %s', (_where, offset) => {
    expect(cacheRecordLength(fixtureFile('v10-boomerang', 'cyrus.cache'), offset)).toBeUndefined();
  });

  it('is either whole or not there, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(220), (bytes, offset) => {
        const length = cacheRecordLength(Buffer.from(bytes), offset);
        expect(length === undefined || (length >= 40 && offset + length <= bytes.length)).toBe(true);
      }),
    );
  });

  it('of a mailbox hit by the RENAME bug of 3.10 is missing for some messages', () => {
    const check = checkCaches(fixtureIndex('v19-boomerang'), { spool: fixtureFile('v19-boomerang', 'cyrus.cache') });
    expect(check).toEqual({ generationFits: true, good: 2, bad: 4 });
  });

  it('of another generation is no use', () => {
    const spool = fixtureFile('v12-trash', 'cyrus.cache');
    spool.writeUInt32BE(3);
    expect(checkCaches(fixtureIndex('v12-trash'), { spool }).generationFits).toBe(false);
  });

  it('with a changed byte is not good', () => {
    const spool = fixtureFile('v12-trash', 'cyrus.cache');
    spool[60]! ^= 1;
    expect(checkCaches(fixtureIndex('v12-trash'), { spool })).toEqual({ generationFits: true, good: 7, bad: 1 });
  });
});

describe('a new cache', () => {
  const view = fixtureIndex('v17-archived');
  const caches = {
    spool: fixtureFile('v17-archived', 'cyrus.cache'),
    archive: fixtureFile('v17-archived', 'archive/cyrus.cache'),
  };

  it('of spool and archive together serves a target without an archive partition', () => {
    expect(checkCaches(view, caches)).toEqual({ generationFits: true, good: 12, bad: 0 });
    const { cache, placeOf } = buildCache(view, caches, 5);
    expect(cache.length).toBe(caches.spool.length + caches.archive.length - 4);
    const changes = { cacheOf: placeOf, isArchived: () => false, generation: 5 };
    const merged = readIndex(patchIndex(view, changes), 'x');
    expect(checkCaches(merged, { spool: cache })).toEqual({ generationFits: true, good: 12, bad: 0 });
    expect(Array.from({ length: 12 }, (_, i) => merged.cacheCrc(i))).toEqual(
      Array.from({ length: 12 }, (_, i) => view.cacheCrc(i)),
    );
  });

  it('can be split in two for a target that archives', () => {
    const spool = buildCache(view, caches, 0, (i) => !view.isArchived(i));
    const archive = buildCache(view, caches, 0, (i) => view.isArchived(i));
    // records were appended in the order of UIDs, so the parts are the server's own files again
    expect(spool.cache).toEqual(caches.spool);
    expect(archive.cache).toEqual(caches.archive);
    expect(archive.placeOf(0)).toBeNull();
  });

  it('leaves out what is missing', () => {
    const { cache, placeOf } = buildCache(view, { spool: caches.spool }, 0);
    expect(cache).toEqual(caches.spool);
    expect([placeOf(0), placeOf(5)]).toEqual([{ offset: 4, crc: view.cacheCrc(0) }, null]);
  });
});
