/** Messages of leftovers on their way to be found. */
import type { FileStat } from '../disk/file-stat.js';
import type { Finding } from './finding.js';

/** A message file of a leftover. */
export interface Item {
  readonly finding: Finding;
  readonly root: string;
  /** Below the root. */
  readonly file: string;
  readonly uid: number | undefined;
  readonly print: string;
  readonly stat: FileStat;
  readonly guid: string;
  where: 'unknown' | 'twin' | 'elsewhere' | 'expunged';
}

export function pathOf({ root, file }: Item): string {
  return `${root}/${file}`;
}

/** What has not been found yet, by content and by size (for records without a GUID). */
export class Pending {
  readonly #byGuid: Map<string, Set<Item>>;
  readonly #bySize: Map<number, Set<Item>>;
  #size: number;

  constructor(items: readonly Item[]) {
    this.#size = items.length;
    this.#byGuid = groupInSets(items, ({ guid }) => guid);
    this.#bySize = groupInSets(items, ({ stat }) => stat.sizeBytes);
  }

  get size(): number {
    return this.#size;
  }

  guids(): string[] {
    return [...this.#byGuid.keys()];
  }

  ofGuid(guid: string): ReadonlySet<Item> | undefined {
    return this.#byGuid.get(guid);
  }

  ofSize(sizeBytes: number): ReadonlySet<Item> | undefined {
    return this.#bySize.get(sizeBytes);
  }

  remove(item: Item): void {
    this.#size--;
    removeFrom(this.#byGuid, item.guid, item);
    removeFrom(this.#bySize, item.stat.sizeBytes, item);
  }
}

function groupInSets<K>(items: readonly Item[], keyOf: (item: Item) => K): Map<K, Set<Item>> {
  const sets = new Map<K, Set<Item>>();
  for (const item of items) {
    const key = keyOf(item);
    const set = sets.get(key);
    if (set) set.add(item);
    else sets.set(key, new Set([item]));
  }
  return sets;
}

function removeFrom<K>(sets: Map<K, Set<Item>>, key: K, item: Item): void {
  const set = sets.get(key);
  set?.delete(item);
  if (set?.size === 0) sets.delete(key);
}
