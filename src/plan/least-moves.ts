/**
 * HOT: of a handful of units, the placement that moves the fewest bytes: branch and bound over all of them. Where the
 * spread that is wanted can't be had, the least spread comes first. A fixed amount of work, so that the answer does not
 * depend on the machine; what was known before is the answer where nothing better was found. Pure.
 */
import type { Loads } from './loads.js';
import type { PlacementTask } from './units.js';

/** More are not tried: what a heuristic leaves is small against their sum. */
export const MOST_UNITS = 20;
/** Placements looked into for each of the two questions: some tenths of a second. */
const MOST_NODES = 100_000;
const SLACK = 1e-9;

/**
 * Moves units of `loads` where that comes closer to `aim`, or reaches it by fewer bytes.
 * @param task Where units lie now; `loads` may have been made as if none did.
 * @param units That may be moved, not more than {@link MOST_UNITS}.
 */
export function searchLeastMoves(loads: Loads, task: PlacementTask, units: readonly number[], aim: number): void {
  const search = new Search(loads, task, units);
  const goal = aim + SLACK;
  let limit = Math.max(goal, loads.spread());
  const isFeasible = loads.shortfalls().length === 0;
  if (limit > goal || !isFeasible) {
    const closest = search.closest(isFeasible ? limit : Number.POSITIVE_INFINITY, goal);
    if (closest !== undefined) limit = Math.max(goal, closest);
    else if (!isFeasible) return;
  }
  const places = search.cheapest(limit + SLACK);
  for (const [i, u] of units.entries()) if (places && loads.assignment[u] !== places[i]) loads.move(u, places[i]!);
}

class Search {
  readonly #loads: Loads;
  /** The dearest first: what they decide is decided early. */
  readonly #units: readonly number[];
  /** Positions in what the caller gave. */
  readonly #order: readonly number[];
  readonly #home: readonly number[];
  readonly #price: Float64Array;
  /** What the partitions and disks carry of everything else, and of the units decided so far. */
  readonly #carried: Float64Array;
  readonly #used: Float64Array;
  /** By depth and load: what the units not decided yet add where they all stay, and the least price of taking 1 off it. */
  readonly #staying: Float64Array;
  readonly #leastPrice: Float64Array;
  readonly #places: Int16Array;
  #best: Int16Array | undefined;
  #nodes = 0;

  constructor(loads: Loads, { current, lying }: PlacementTask, units: readonly number[]) {
    this.#loads = loads;
    const price = (u: number) => (current[u]! >= 0 ? lying[u]! : 0);
    this.#order = [...units.keys()].sort((a, b) => price(units[b]!) - price(units[a]!) || units[a]! - units[b]!);
    this.#units = this.#order.map((i) => units[i]!);
    this.#home = this.#units.map((u) => (current[u]! >= 0 ? current[u]! : loads.assignment[u]!));
    this.#price = Float64Array.from(this.#units, price);
    this.#carried = loads.loads.slice();
    this.#used = loads.used.slice();
    for (const u of units) this.#put(u, loads.assignment[u]!, -1);
    const width = this.#carried.length;
    this.#staying = new Float64Array((units.length + 1) * width);
    this.#leastPrice = new Float64Array((units.length + 1) * width).fill(Number.POSITIVE_INFINITY);
    for (let i = units.length - 1; i >= 0; i--) {
      for (let k = 0; k < width; k++) {
        this.#staying[i * width + k] = this.#staying[(i + 1) * width + k]!;
        this.#leastPrice[i * width + k] = this.#leastPrice[(i + 1) * width + k]!;
      }
      for (let k = loads.first[this.#home[i]!]!; k < loads.first[this.#home[i]! + 1]!; k++) {
        const part = loads.part(this.#units[i]!, k);
        this.#staying[i * width + k]! += part;
        if (part > 0)
          this.#leastPrice[i * width + k] = Math.min(this.#leastPrice[i * width + k]!, this.#price[i]! / part);
      }
    }
    this.#places = new Int16Array(units.length);
  }

  /** The least spread below `than` that was found, or the first that is good enough. */
  closest(than: number, goodEnough: number): number | undefined {
    let least: number | undefined;
    const visit = (i: number, most: number): boolean => {
      if (most >= (least ?? than) - SLACK || ++this.#nodes > MOST_NODES) return false;
      if (i === this.#units.length) {
        least = most;
        return most <= goodEnough;
      }
      return this.#tryEach(i, (p) => visit(i + 1, Math.max(most, this.#measure(p))));
    };
    this.#nodes = 0;
    visit(0, this.#mostCarried());
    return least;
  }

  /** Places by the units' positions that move least with no partition above `limit`. */
  cheapest(limit: number): number[] | undefined {
    let least = Number.POSITIVE_INFINITY;
    const visit = (i: number, moved: number): boolean => {
      if (++this.#nodes > MOST_NODES) return true;
      if (moved + this.#mustMove(i, limit) >= least - SLACK) return false;
      if (i === this.#units.length) {
        least = moved;
        this.#best = this.#places.slice();
        return false;
      }
      return this.#tryEach(i, (p) =>
        this.#measure(p) <= limit ? visit(i + 1, moved + (p === this.#home[i] ? 0 : this.#price[i]!)) : false,
      );
    };
    this.#nodes = 0;
    const { assignment } = this.#loads;
    if (this.#loads.shortfalls().length === 0 && this.#loads.spread() <= limit) {
      least = this.#order.reduce(
        (sum, _, i) => sum + (assignment[this.#units[i]!] === this.#home[i] ? 0 : this.#price[i]!),
        0,
      );
      this.#best = Int16Array.from(this.#units, (u) => assignment[u]!);
    }
    visit(0, 0);
    const best = this.#best;
    if (!best) return undefined;
    const places = new Array<number>(best.length);
    for (const [i, at] of this.#order.entries()) places[at] = best[i]!;
    return places;
  }

  /** Home first, then the emptier ones. @returns whether the search is over */
  #tryEach(i: number, visit: (p: number) => boolean): boolean {
    const { choices, choice } = this.#loads.task;
    const u = this.#units[i]!;
    const home = this.#home[i]!;
    const others = choices[choice[u]!]!.filter((p) => p !== home && this.#loads.shares[p]! > 0);
    others.sort((a, b) => this.#measure(a) - this.#measure(b) || a - b);
    for (const p of [home, ...others]) {
      this.#put(u, p, 1);
      this.#places[i] = p;
      const isOver = this.#fits(p) ? visit(p) : false;
      this.#put(u, p, -1);
      if (isOver) return true;
    }
    return false;
  }

  #put(u: number, p: number, sign: number): void {
    const { first } = this.#loads;
    for (let k = first[p]!; k < first[p + 1]!; k++) {
      this.#carried[k]! += sign * this.#loads.part(u, k);
      this.#used[this.#loads.cellOf(k)]! += sign * this.#loads.diskPart(u, k);
    }
  }

  #fits(p: number): boolean {
    const { first, room } = this.#loads;
    for (let k = first[p]!; k < first[p + 1]!; k++) {
      const cell = this.#loads.cellOf(k);
      if (this.#used[cell]! > room[cell]! + 1e-6) return false;
    }
    return true;
  }

  /** Of a partition that takes part in spreading. */
  #measure(p: number): number {
    const { first, shares } = this.#loads;
    if (shares[p] === 0) return 0;
    let most = 0;
    for (let k = first[p]!; k < first[p + 1]!; k++) if (this.#carried[k]! > most) most = this.#carried[k]!;
    return most;
  }

  #mostCarried(): number {
    let most = 0;
    for (let p = 0; p < this.#loads.shares.length; p++) most = Math.max(most, this.#measure(p));
    return most;
  }

  /** Bytes of units from `i` on that must leave partitions which carry too much with all of them at home. */
  #mustMove(i: number, limit: number): number {
    const { first, shares } = this.#loads;
    const at = i * this.#carried.length;
    let sum = 0;
    for (let p = 0; p < shares.length; p++) {
      if (shares[p] === 0) continue;
      let most = 0;
      for (let k = first[p]!; k < first[p + 1]!; k++) {
        const over = this.#carried[k]! + this.#staying[at + k]! - limit;
        if (over > SLACK) most = Math.max(most, over * this.#leastPrice[at + k]!);
      }
      sum += most;
    }
    return sum;
  }
}
