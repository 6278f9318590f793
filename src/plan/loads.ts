/**
 * HOT: what each partition and disk carries under an assignment, kept up to date unit by unit (`npm run bench -- plan`).
 *
 * The balanced measure of a partition is the largest of its loads, each against its share: bytes and files of each
 * slot. Shares follow the room on the disks for the average mail of this job, so that all partitions would run full at
 * the same time; 1 is an even spread. Allocates nothing after construction.
 */
import type { Assignment, PlacementTask, Room } from './units.js';

/** Below this much of a byte or file, a disk is not over its room: sums of doubles. */
const SLACK = 1e-6;

export class Loads {
  readonly task: PlacementTask;
  readonly assignment: Assignment;
  /** Which partitions take part in spreading. */
  readonly open: readonly boolean[];
  /** 0: the unit lies, or must lie, on a partition that takes no part. It stays there, and is nobody's share. */
  readonly isCounted: Uint8Array;
  /** Share of the whole that each partition should carry; they add up to 1. 0: it takes no part in spreading. */
  readonly shares: Float64Array;
  /** How much of its share each partition could carry before a disk is full; Infinity where nobody knows. */
  readonly mostOfShare: number;
  /** Loads against shares; partition p has those from `first[p]` on, two for each slot: bytes, files. */
  readonly loads: Float64Array;
  readonly first: Int32Array;
  /** Used by this job: bytes and inodes of each disk in turn. */
  readonly used: Float64Array;
  readonly room: Float64Array;
  /** In the order of `loads`: what a unit adds, as column × factor; and where it counts on the disks. */
  readonly #columns: Float64Array[] = [];
  readonly #factors: number[] = [];
  readonly #diskColumns: Float64Array[] = [];
  readonly #cells: number[] = [];

  constructor(task: PlacementTask) {
    this.task = task;
    const { partitions, disks, keys, current, choices, choice } = task;
    this.assignment = new Int16Array(keys.length).fill(-1);
    this.open = openPartitions(task);
    this.isCounted = new Uint8Array(keys.length);
    for (let u = 0; u < keys.length; u++) {
      const p = fixedPlace(current[u]!, choices[choice[u]!]!);
      this.isCounted[u] = p < 0 || this.open[p] ? 1 : 0;
    }
    this.first = new Int32Array(partitions.length + 1);
    this.used = new Float64Array(disks.length * 2);
    this.room = Float64Array.from(disks.flatMap(({ bytes, inodes }) => [bytes, inodes]));
    for (const [p, { slots }] of partitions.entries()) {
      for (const { disk, bytes, files, diskBytes, inodes } of slots) {
        this.#columns.push(bytes, files);
        this.#diskColumns.push(diskBytes, inodes);
        this.#cells.push(2 * disk, 2 * disk + 1);
      }
      this.first[p + 1] = this.#columns.length;
    }
    const { shares, mostOfShare } = this.#shares();
    this.shares = shares;
    this.mostOfShare = mostOfShare;
    const sums = columnSums(this.#columns, this.isCounted);
    for (const p of partitions.keys())
      for (let k = this.first[p]!; k < this.first[p + 1]!; k++) {
        const whole = shares[p]! * sums.get(this.#columns[k]!)!;
        this.#factors.push(whole > 0 ? 1 / whole : 0);
      }
    this.loads = new Float64Array(this.#columns.length);
  }

  /** With each unit where it is said to be. */
  static of(task: PlacementTask, assignment: Assignment): Loads {
    const loads = new Loads(task);
    for (let u = 0; u < assignment.length; u++) loads.put(u, assignment[u]!);
    return loads;
  }

  /**
   * As much as the tightest of a partition's disks takes of the average mail; a disk that several partitions are on is
   * theirs together.
   */
  #shares(): { shares: Float64Array; mostOfShare: number } {
    const { open, isCounted } = this;
    const sums = columnSums(this.#diskColumns, isCounted);
    const left = Float64Array.from(this.room); // what stays on closed partitions has its room
    const { current, choices, choice } = this.task;
    for (let u = 0; u < current.length; u++) {
      if (isCounted[u]) continue;
      const p = fixedPlace(current[u]!, choices[choice[u]!]!);
      for (let k = this.first[p]!; k < this.first[p + 1]!; k++) left[this.#cells[k]!]! -= this.#diskColumns[k]![u]!;
    }
    const asked = new Float64Array(left.length);
    const eachOpen = (see: (p: number, k: number) => void) => {
      for (const [p, isOpen] of open.entries())
        if (isOpen) for (let k = this.first[p]!; k < this.first[p + 1]!; k++) see(p, k);
    };
    eachOpen((_p, k) => {
      asked[this.#cells[k]!]! += sums.get(this.#diskColumns[k]!)!;
    });
    const raw = Float64Array.from(open, (isOpen) => (isOpen ? Number.POSITIVE_INFINITY : 0));
    eachOpen((p, k) => {
      const cell = this.#cells[k]!;
      if (asked[cell]! > 0) raw[p] = Math.min(raw[p]!, Math.max(0, left[cell]!) / asked[cell]!);
    });
    const known = raw.filter((r) => Number.isFinite(r));
    const most = known.length === 0 ? 0 : Math.max(...known);
    const total = known.reduce((a, b) => a + b, 0);
    const unknown = raw.length - known.length;
    if (unknown > 0) {
      // of a file system that does not say how large it is: as the largest that does
      const guess = most > 0 ? most : 1;
      const all = total + unknown * guess;
      return {
        shares: raw.map((r) => (Number.isFinite(r) ? r : guess) / all),
        mostOfShare: most > 0 ? all : Number.POSITIVE_INFINITY,
      };
    }
    if (total === 0) {
      const count = open.filter((isOpen) => isOpen).length;
      return { shares: Float64Array.from(open, (isOpen) => (isOpen ? 1 / count : 0)), mostOfShare: 0 };
    }
    return { shares: raw.map((r) => r / total), mostOfShare: total };
  }

  /** Makes room for what links save, by disk: in place of what was given before. */
  spare(saved: readonly Room[]): void {
    for (const [d, { bytes, inodes }] of this.task.disks.entries()) {
      this.room[2 * d] = bytes + (saved[d]?.bytes ?? 0);
      this.room[2 * d + 1] = inodes + (saved[d]?.inodes ?? 0);
    }
  }

  /** Puts a unit that is nowhere. */
  put(u: number, p: number): void {
    this.assignment[u] = p;
    this.#add(u, p, 1);
  }

  /** Until it is put somewhere it is nowhere, whatever `assignment` says. */
  take(u: number): void {
    this.#add(u, this.assignment[u]!, -1);
  }

  move(u: number, to: number): void {
    this.take(u);
    this.put(u, to);
  }

  #add(u: number, p: number, sign: number): void {
    for (let k = this.first[p]!; k < this.first[p + 1]!; k++) {
      this.loads[k]! += sign * this.#columns[k]![u]! * this.#factors[k]!;
      this.used[this.#cells[k]!]! += sign * this.#diskColumns[k]![u]!;
    }
  }

  /** What unit `u` adds to load `k`. */
  part(u: number, k: number): number {
    return this.#columns[k]![u]! * this.#factors[k]!;
  }

  column(k: number): Float64Array {
    return this.#columns[k]!;
  }

  /** The measure of a partition; with `gives` gone and `takes` come, where those are units (-1: none). */
  measure(p: number, gives = -1, takes = -1): number {
    let most = 0;
    for (let k = this.first[p]!; k < this.first[p + 1]!; k++) {
      let load = this.loads[k]!;
      if (gives >= 0) load -= this.#columns[k]![gives]! * this.#factors[k]!;
      if (takes >= 0) load += this.#columns[k]![takes]! * this.#factors[k]!;
      if (load > most) most = load;
    }
    return most;
  }

  /** By how much the sum of squares of loads grows with `u` on `p`: what keeps bytes and files even together. */
  growthOfSquares(u: number, p: number): number {
    let sum = 0;
    const from = this.first[p]!;
    const to = this.first[p + 1]!;
    for (let k = from; k < to; k++) {
      const part = this.#columns[k]![u]! * this.#factors[k]!;
      sum += part * (2 * this.loads[k]! + part);
    }
    return (sum * this.shares[p]!) / (to - from);
  }

  /** Whether the disks of `p` have room for `u`, once `leaving` (a unit of partition `from`) is gone. */
  fits(u: number, p: number, leaving = -1, from = -1): boolean {
    for (let k = this.first[p]!; k < this.first[p + 1]!; k++) {
      const cell = this.#cells[k]!;
      let used = this.used[cell]! + this.#diskColumns[k]![u]!;
      if (leaving >= 0)
        for (let j = this.first[from]!; j < this.first[from + 1]!; j++)
          if (this.#cells[j] === cell) used -= this.#diskColumns[j]![leaving]!;
      if (used > this.room[cell]! + SLACK) return false;
    }
    return true;
  }

  /** How far the fullest disk of `p` would be over its room with `u`, against that room. */
  excess(u: number, p: number): number {
    let worst = 0;
    for (let k = this.first[p]!; k < this.first[p + 1]!; k++) {
      const cell = this.#cells[k]!;
      const over = this.used[cell]! + this.#diskColumns[k]![u]! - this.room[cell]!;
      worst = Math.max(worst, over / Math.max(1, this.room[cell]!));
    }
    return worst;
  }

  /** Whether any disk of `p` is over its room. */
  isOver(p: number): boolean {
    for (let k = this.first[p]!; k < this.first[p + 1]!; k++)
      if (this.used[this.#cells[k]!]! > this.room[this.#cells[k]!]! + SLACK) return true;
    return false;
  }

  /** Largest measure of the partitions that take part: 1 is even. */
  spread(): number {
    let most = 0;
    for (let p = 0; p < this.shares.length; p++) if (this.shares[p]! > 0) most = Math.max(most, this.measure(p));
    return most === 0 ? 1 : most;
  }

  /** By disk, how many bytes and inodes it is short of; none where all fits. */
  shortfalls(): { disk: number; bytes: number; inodes: number }[] {
    return this.task.disks.flatMap((_, disk) => {
      const bytes = Math.max(0, this.used[2 * disk]! - this.room[2 * disk]!);
      const inodes = Math.max(0, this.used[2 * disk + 1]! - this.room[2 * disk + 1]!);
      return bytes > SLACK || inodes > SLACK ? [{ disk, bytes: Math.ceil(bytes), inodes: Math.ceil(inodes) }] : [];
    });
  }
}

/** Those that some unit may go to or not; where none may choose, all that are in use. */
function openPartitions({ partitions, choices }: PlacementTask): boolean[] {
  const real = choices.filter((set) => set.length > 1);
  const open = partitions.map(() => false);
  for (const set of real.length > 0 ? real : choices) for (const p of set) open[p] = true;
  return open;
}

function fixedPlace(current: number, set: readonly number[]): number {
  return current >= 0 ? current : set.length === 1 ? set[0]! : -1;
}

function columnSums(columns: readonly Float64Array[], isCounted: Uint8Array): Map<Float64Array, number> {
  const sums = new Map<Float64Array, number>();
  for (const column of columns) {
    if (sums.has(column)) continue;
    let sum = 0;
    for (let u = 0; u < column.length; u++) if (isCounted[u]) sum += column[u]!;
    sums.set(column, sum);
  }
  return sums;
}
