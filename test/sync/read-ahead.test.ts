/** Which messages are asked for before their turn, and when. */
import { expect, it } from 'vitest';
import type { SourceDir } from '../../src/disk/source.js';
import { ReadAhead } from '../../src/sync/read-ahead.js';

const DIR = {} as SourceDir;

/** A mailbox that is copied, message by message; `msOf` says how long the first read of each takes that nobody asked for. */
function copying(msOf: (n: number) => number) {
  const asked: number[] = [];
  const early = new Set<number>();
  let now = 0;
  const ahead = new ReadAhead({
    ask: (dir, name) => {
      expect(dir).toBe(DIR);
      asked.push(Number(name));
      early.add(Number(name));
    },
    firstReadMs: () => (early.has(now) ? 0.003 : msOf(now)),
  });
  return {
    asked,
    ahead,
    /** @returns the numbers asked for before each message's turn */
    copy(count: number, sizeOf: (n: number) => number = () => 1000): number[] {
      early.clear();
      const messages = { count, size: sizeOf, name: (n: number) => String(n), dir: () => DIR };
      ahead.beginMailbox();
      return Array.from({ length: count }, (_, n) => {
        const before = asked.length;
        now = n;
        ahead.before(n, messages);
        ahead.after(n);
        return asked.length - before;
      });
    },
  };
}

const MEMORY = 0.004;
const DISK = 0.2;
const upTo = (count: number, from = 0) => Array.from({ length: count - from }, (_, i) => from + i);

it('of what is in memory nothing is asked for, also where now and then a thread has to wait', () => {
  const { copy, asked } = copying((n) => (n % 3 === 0 ? DISK : MEMORY));
  copy(1000);
  expect(asked).toEqual([]);
});

it('after two reads that waited every message is asked for, once, in order, never more than 256 ahead', () => {
  const { copy, asked } = copying(() => DISK);
  const askedBefore = copy(1000);
  expect(asked).toEqual(upTo(1000, 2));
  expect(askedBefore.slice(0, 4)).toEqual([0, 0, 256, 0]);
  let sum = 0;
  for (const [n, more] of askedBefore.entries()) {
    sum += more;
    expect(sum + 2 - n, `before ${n}`).toBeLessThanOrEqual(256);
    if (n >= 2) expect(sum + 2, `before ${n}`).toBeGreaterThan(n);
  }
});

it('no more bytes than 8 MiB are asked for beyond the next message', () => {
  const { copy, asked } = copying(() => DISK);
  const askedBefore = copy(100, () => 3 << 20);
  expect(Math.max(...askedBefore)).toBe(4);
  expect(asked).toEqual(upTo(100, 2));
});

it('the next mailbox is asked for from its first message on; after 2,000 the reads are looked at again', () => {
  let isCold = true;
  const { copy, asked, ahead } = copying(() => (isCold ? DISK : MEMORY));
  expect(ahead.isWaiting).toBe(false);
  copy(100);
  expect(ahead.isWaiting).toBe(true);
  asked.length = 0;
  copy(100);
  expect(asked).toEqual(upTo(100));
  asked.length = 0;
  isCold = false;
  copy(5000);
  expect(asked).toEqual(upTo(2000 - 98 - 100));
  expect(ahead.isWaiting).toBe(false);
  asked.length = 0;
  isCold = true;
  copy(5000);
  // two reads in a row, of messages 0 and 1, then 2,002 and 2,003
  expect(asked).toEqual([...upTo(2002, 2), ...upTo(4004, 2004), ...upTo(5000, 4006)]);
});
