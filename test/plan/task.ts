/** Small planning tasks for tests: users by their bytes and files, partitions by their room. */
import fc from 'fast-check';
import type { Loads } from '../../src/plan/loads.js';
import type { PlacementTask } from '../../src/plan/units.js';

export interface TestUnit {
  readonly key: string;
  readonly bytes: number;
  readonly files: number;
  /** Partitions allowed; all where absent. */
  readonly to?: readonly number[];
  /** Where it lies; -1 nowhere. */
  readonly at?: number;
}

export interface TestDisk {
  readonly bytes: number;
  readonly inodes: number;
}

/** One partition for each disk, but where `diskOf` says otherwise. Units are put in the order of their keys. */
export function taskOf(
  units: readonly TestUnit[],
  disks: readonly TestDisk[],
  diskOf: readonly number[] = disks.map((_, d) => d),
): PlacementTask {
  const sorted = [...units].sort((a, b) => (a.key < b.key ? -1 : 1));
  const bytes = Float64Array.from(sorted, (u) => u.bytes);
  const files = Float64Array.from(sorted, (u) => u.files);
  const all = diskOf.map((_, p) => p);
  const sets = new Map<string, { set: readonly number[]; number: number }>();
  const choice = Uint16Array.from(sorted, ({ to = all }) => {
    const set = sets.get(to.join()) ?? { set: to, number: sets.size };
    sets.set(to.join(), set);
    return set.number;
  });
  return {
    keys: sorted.map((u) => u.key),
    partitions: diskOf.map((disk, p) => ({
      name: `p${p}`,
      slots: [{ disk, bytes, files, diskBytes: bytes, inodes: files }],
    })),
    disks,
    choices: [...sets.values()].map(({ set }) => set),
    choice,
    current: Int16Array.from(sorted, (u) => u.at ?? -1),
    lying: bytes,
  };
}

export const roomy = (count: number): TestDisk[] =>
  Array.from({ length: count }, () => ({ bytes: 1e15, inodes: 1e12 }));

/** Partition by key. */
export function placesOf({ task, assignment }: Loads): Record<string, number> {
  return Object.fromEntries(task.keys.map((key, u) => [key, assignment[u]!]));
}

const unit = fc.record({ bytes: fc.integer({ min: 0, max: 1_000_000 }), files: fc.integer({ min: 0, max: 5_000 }) });
export const units = fc
  .array(unit, { minLength: 1, maxLength: 40 })
  .map((all) => all.map((u, i): TestUnit => ({ ...u, key: `user.u${String(i).padStart(3, '0')}` })));

export const disks = fc.array(
  fc.record({ bytes: fc.integer({ min: 1, max: 9 }), inodes: fc.integer({ min: 1, max: 9 }) }),
  { minLength: 1, maxLength: 5 },
);

/** Disks of these proportions on which all units together would take `fill`. */
export function disksFor(all: readonly TestUnit[], proportions: readonly TestDisk[], fill: number): TestDisk[] {
  const sum = (of: (u: TestUnit) => number) => all.reduce((s, u) => s + of(u), 0);
  const parts = (of: (d: TestDisk) => number) => proportions.reduce((s, d) => s + of(d), 0);
  const bytes = sum((u) => u.bytes) / fill / parts((d) => d.bytes);
  const inodes = sum((u) => u.files) / fill / parts((d) => d.inodes);
  return proportions.map((d) => ({ bytes: Math.ceil(d.bytes * bytes), inodes: Math.ceil(d.inodes * inodes) }));
}

/** The least that the largest measure can be: every assignment tried. */
export function optimum(loads: Loads): number {
  const { task, shares } = loads;
  const { bytes, files } = task.partitions[0]!.slots[0]!;
  const allBytes = bytes.reduce((a, b) => a + b, 0);
  const allFiles = files.reduce((a, b) => a + b, 0);
  const carried = shares.length;
  const b = new Array<number>(carried).fill(0);
  const f = new Array<number>(carried).fill(0);
  const measure = () => {
    let most = 0;
    for (let p = 0; p < carried; p++) {
      if (allBytes > 0) most = Math.max(most, b[p]! / allBytes / shares[p]!);
      if (allFiles > 0) most = Math.max(most, f[p]! / allFiles / shares[p]!);
    }
    return most;
  };
  const from = (u: number): number => {
    if (u === task.keys.length) return measure();
    let best = Number.POSITIVE_INFINITY;
    for (const p of task.choices[task.choice[u]!]!) {
      b[p]! += bytes[u]!;
      f[p]! += files[u]!;
      best = Math.min(best, from(u + 1));
      b[p]! -= bytes[u]!;
      f[p]! -= files[u]!;
    }
    return best;
  };
  return from(0);
}
