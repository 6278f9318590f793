import { FormatError } from '../../base/errors.js';

/** Inclusive. */
export type UidRange = readonly [first: number, last: number];

const MAX_UID = 0xffffffff;

/** A set of UIDs as ascending ranges that neither touch nor overlap; `1:4294967295` costs as much as `1`. */
export class UidSet {
  readonly ranges: readonly UidRange[];

  /** Ranges in any order. */
  constructor(ranges: Iterable<UidRange> = []) {
    const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
    const merged: [number, number][] = [];
    for (const [first, last] of sorted) {
      const before = merged.at(-1);
      if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
      else merged.push([first, last]);
    }
    this.ranges = merged;
  }

  static of(uids: Iterable<number>): UidSet {
    const ranges: UidRange[] = [];
    for (const uid of uids) ranges.push([uid, uid]);
    return new UidSet(ranges);
  }

  /**
   * Reads `1:3,7,9:11`; empty is the empty set. Ranges may be in any order and reversed, as Cyrus reads them.
   * @throws FormatError
   */
  static parse(text: string, file: string): UidSet {
    const ranges: UidRange[] = [];
    let at = 0;
    if (text === '') return new UidSet();
    for (const part of text.split(',')) {
      const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(part);
      const one = Number(match?.[1]);
      const other = Number(match?.[2] ?? match?.[1]);
      if (!match || one > MAX_UID || other > MAX_UID)
        throw new FormatError(file, at, 'a UID or range', part.slice(0, 40));
      ranges.push([Math.min(one, other), Math.max(one, other)]);
      at += part.length + 1;
    }
    return new UidSet(ranges);
  }

  contains(uid: number): boolean {
    let low = 0;
    let high = this.ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const [first, last] = this.ranges[middle] as UidRange;
      if (uid < first) high = middle - 1;
      else if (uid > last) low = middle + 1;
      else return true;
    }
    return false;
  }

  /** How many UIDs. */
  get size(): number {
    return this.ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  }

  toString(): string {
    return this.ranges.map(([first, last]) => (first === last ? `${first}` : `${first}:${last}`)).join(',');
  }
}
