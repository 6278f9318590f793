/**
 * Looks for messages of the source that are one file under several names (Cyrus's single instance store: a delivery to
 * many, a COPY). The indexes say which may be, a stat of these which are. Nothing of that is known without a look, so it
 * is taken only where it may change the plan (plan.ts); of more messages than are kept at a time, a sample that is the
 * same for all names of a message.
 */
import type { Sliced } from '../base/slices.js';
import { messageFileName } from '../cyrus/layout/mailbox-place.js';
import type { IndexView } from '../cyrus/mailbox/index.js';
import type { SourceTrees } from '../disk/trees.js';
import type { PlannedMailbox } from './plan-input.js';
import { readSourceIndex } from './source-index.js';
import type { LinkGroup, Links } from './units.js';

/** Messages kept at a time: 3 MB, and as many stats at most. */
export const MOST_MESSAGES = 131_072;

/**
 * @param unitOf Position of its unit.
 * @param most Messages kept at a time; a power of two.
 */
export function* lookForLinks(
  mailboxes: Iterable<PlannedMailbox>,
  count: number,
  unitOf: (mailbox: PlannedMailbox) => number,
  trees: SourceTrees,
  most = MOST_MESSAGES,
): Sliced<Links> {
  const sample = new Sample(most);
  const looked: PlannedMailbox[] = [];
  let done = 0;
  for (const mailbox of mailboxes) {
    yield { what: 'looking for hard links', done: done++, of: count };
    const { summary, place } = mailbox;
    const index = summary && summary.files > 0 ? readSourceIndex(place, trees) : undefined;
    if (!index) continue;
    const at = looked.push(mailbox) - 1;
    for (let i = 0; i < index.count; i++)
      if (!index.isUnlinked(i) && !index.isExpunged(i) && !index.isArchived(i))
        sample.add(keyOf(index, i), at, index.uid(i), index.size(i));
  }
  const groups = new Map<string, { units: number[]; bytes: number; files: number; squares: number }>();
  for (const names of sample.alike()) {
    yield { what: 'looking for hard links', done: count, of: count };
    const byInode = new Map<string, number[]>();
    for (const n of names) {
      const mailbox = looked[sample.mailbox[n]!]!;
      const { roots, relative } = mailbox.place;
      const stat = trees.root(roots.data)?.stat(`${relative}/${messageFileName(sample.uid[n]!)}`);
      if (!stat || stat.nlink < 2) continue;
      const inode = `${stat.dev} ${stat.ino}`;
      const units = byInode.get(inode) ?? [];
      units.push(unitOf(mailbox));
      byInode.set(inode, units);
    }
    const bytes = sample.size[names[0]!]!;
    for (const units of byInode.values()) {
      if (units.length < 2) continue;
      units.sort((a, b) => a - b);
      const key = units.join();
      const group = groups.get(key) ?? { units, bytes: 0, files: 0, squares: 0 };
      group.bytes += bytes;
      group.files++;
      group.squares += bytes * bytes;
      groups.set(key, group);
    }
  }
  return { groups: [...groups.values()] satisfies LinkGroup[], oneIn: sample.oneIn };
}

/**
 * 53 bits of what is the same for all names of a message that stay one on the target: it gets the time of its
 * INTERNALDATE, and a file has but one.
 */
function keyOf(index: IndexView, i: number): number {
  const h1 = mixed(mixed(index.size(i)) ^ index.internalDate(i));
  const h2 = mixed(mixed(h1 ^ 0x5bd1e995) ^ index.sentDate(i));
  return (h2 & 0x1fffff) * 2 ** 32 + h1 || 1; // 0 would be in every sample
}

/** Murmur3's last steps: every bit of 32 depends on all. */
function mixed(h: number): number {
  let x = h | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Messages by their keys: all, or when there are too many those of every second key, every fourth … */
class Sample {
  readonly #key: Float64Array;
  readonly mailbox: Uint32Array;
  readonly uid: Uint32Array;
  readonly size: Float64Array;
  count = 0;
  oneIn = 1;

  constructor(most: number) {
    this.#key = new Float64Array(most);
    this.mailbox = new Uint32Array(most);
    this.uid = new Uint32Array(most);
    this.size = new Float64Array(most);
  }

  add(key: number, mailbox: number, uid: number, size: number): void {
    if (!this.#isIn(key)) return;
    while (this.count === this.#key.length) {
      this.#halve();
      if (!this.#isIn(key)) return;
    }
    const at = this.count++;
    this.#key[at] = key;
    this.mailbox[at] = mailbox;
    this.uid[at] = uid;
    this.size[at] = size;
  }

  #isIn(key: number): boolean {
    return key % this.oneIn === 0;
  }

  #halve(): void {
    this.oneIn *= 2;
    let kept = 0;
    for (let i = 0; i < this.count; i++) {
      if (!this.#isIn(this.#key[i]!)) continue;
      this.#key[kept] = this.#key[i]!;
      this.mailbox[kept] = this.mailbox[i]!;
      this.uid[kept] = this.uid[i]!;
      this.size[kept] = this.size[i]!;
      kept++;
    }
    this.count = kept;
  }

  /** Of each key that several have, these. */
  *alike(): Iterable<readonly number[]> {
    const order = new Uint32Array(this.count);
    for (let i = 0; i < order.length; i++) order[i] = i;
    order.sort((a, b) => this.#key[a]! - this.#key[b]! || a - b);
    for (let from = 0; from < order.length; ) {
      let to = from + 1;
      while (to < order.length && this.#key[order[to]!] === this.#key[order[from]!]) to++;
      if (to - from > 1) yield [...order.subarray(from, to)];
      from = to;
    }
  }
}
