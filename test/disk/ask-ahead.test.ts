/** When files are asked for before their turn, and which. */
import { expect, it } from 'vitest';
import { AskAhead } from '../../src/disk/ask-ahead.js';

const MEMORY_MS = 0.01;
const DISK_MS = 2;
const WAITED_MS = 1;

/** Looks at `count` files in slices; a file that nobody asked for takes `msOf` of its place. */
function looking(msOf: (n: number) => number, slice = 1) {
  let nowMs = 0;
  const ahead = new AskAhead(WAITED_MS, () => nowMs);
  return (count: number): { asked: number[]; lead: number } => {
    const asked: number[] = [];
    const early = new Set<number>();
    let lead = 0;
    ahead.beginList();
    for (let n = 0; n < count; n += slice) {
      ahead.before(n, count, (at) => {
        asked.push(at);
        early.add(at);
        lead = Math.max(lead, at - n);
      });
      for (let at = n; at < Math.min(count, n + slice); at++) nowMs += early.has(at) ? MEMORY_MS : msOf(at);
      ahead.after();
    }
    return { asked, lead };
  };
}

const upTo = (count: number, from = 0) => Array.from({ length: count - from }, (_, i) => from + i);

it('of what is in memory nothing is asked for, also where now and then one takes long', () => {
  expect(looking((n) => (n % 3 === 0 ? DISK_MS : MEMORY_MS))(60).asked).toEqual([]);
});

it('after two that waited each is asked for once, in order, never more than 256 ahead', () => {
  const { asked, lead } = looking(() => DISK_MS)(1000);
  expect(asked).toEqual(upTo(1000, 2));
  expect(lead).toBe(255);
});

it('after 2,000 it looks again whether the disk is still to be waited for', () => {
  const { asked } = looking((n) => (n < 1000 ? DISK_MS : MEMORY_MS))(5000);
  expect(asked).toEqual(upTo(2002, 2));
  expect(looking(() => DISK_MS)(4100).asked).toEqual([...upTo(2002, 2), ...upTo(4004, 2004), ...upTo(4100, 4006)]);
});

it('of a next list it begins at the first, and of slices with the next slice', () => {
  const look = looking((n) => (n < 8 ? DISK_MS : MEMORY_MS), 4);
  expect(look(10).asked).toEqual([8, 9]);
  expect(look(300).asked).toEqual(upTo(300));
});
