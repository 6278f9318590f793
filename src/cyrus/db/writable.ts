import type { DbEntry } from './entry.js';
import { compareKeys, type KeyOrder } from './order.js';

const NOT_BYTES = /[^\x00-\xff]/;

/**
 * A sorted copy of what is to be written.
 * @throws RangeError for an empty key, which no backend holds, a key twice in this order (in mbox order TAB and LF are
 * the same), or text that is not one character per byte.
 */
export function inOrder(entries: readonly DbEntry[], order: KeyOrder): DbEntry[] {
  const compare = compareKeys(order);
  const sorted = entries.toSorted((a, b) => compare(a.key, b.key));
  for (const [i, { key, value }] of sorted.entries()) {
    if (key === '') throw new RangeError('A Cyrus database cannot hold an empty key');
    if (NOT_BYTES.test(key) || NOT_BYTES.test(value)) {
      throw new RangeError(`Not one character per byte: the entry ${JSON.stringify(key)}`);
    }
    if (i > 0 && compare(sorted[i - 1]!.key, key) === 0) throw new RangeError(`Twice: the key ${JSON.stringify(key)}`);
  }
  return sorted;
}
