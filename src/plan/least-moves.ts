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
  const carried = loads.loads.slice();
  const used = loads.used.slice();
  const places = units.map((u) => loads.assignment[u]!);
  const found = leastMoves(loads, task, units, aim);
  for (const [i, u] of units.entries()) loads.assignment[u] = places[i]!;
  loads.loads.set(carried); // to the last digit, after so many sums
  loads.used.set(used);
  if (found) for (const [i, u] of units.entries()) if (places[i] !== found[i]) loads.move(u, found[i]!);
}

/** Places of the units, where any were found; `loads` is left without them. */
function leastMoves(
  loads: Loads,
  task: PlacementTask,
  units: readonly number[],
  aim: number,
): readonly number[] | undefined {
  const spread = loads.spread();
  const isFeasible = loads.shortfalls().length === 0;
  const search = new Search(loads, task, units);
  const goal = aim + SLACK;
  let limit = Math.max(goal, spread);
  if (limit > goal || !isFeasible) {
    const closest = search.closest(isFeasible ? limit : Number.POSITIVE_INFINITY, goal);
    if (closest !== undefined) limit = Math.max(goal, closest);
    else if (!isFeasible) return undefined;
  }
  limit += SLACK;
  return search.cheapest(limit, isFeasible && spread <= limit);
}

class Search {
  /** Of everything else, and of the units decided so far. */
  readonly #loads: Loads;
  /** The dearest first: what they decide is decided early. */
  readonly #units: readonly number[];
  /** Positions in what the caller gave. */
  readonly #order: readonly number[];
  readonly #home: readonly number[];
  /** Where they were when the search began. */
  readonly #before: Int16Array;
  readonly #price: Float64Array;
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
    this.#before = Int16Array.from(this.#units, (u) => loads.assignment[u]!);
    for (const u of units) loads.take(u);
    const width = loads.loads.length;
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
      return this.#tryEach(i, (p) => visit(i + 1, Math.max(most, this.#loads.measure(p))));
    };
    this.#nodes = 0;
    visit(0, this.#mostCarried());
    return least;
  }

  /**
   * Places by the units' positions that move least with no partition above `limit`.
   * @param isEnough Whether where they were before will do.
   */
  cheapest(limit: number, isEnough: boolean): number[] | undefined {
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
        this.#loads.measure(p) <= limit ? visit(i + 1, moved + (p === this.#home[i] ? 0 : this.#price[i]!)) : false,
      );
    };
    this.#nodes = 0;
    if (isEnough) {
      this.#best = this.#before;
      least = this.#price.reduce((sum, price, i) => sum + (this.#before[i] === this.#home[i] ? 0 : price), 0);
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
    others.sort((a, b) => this.#loads.measure(a) - this.#loads.measure(b) || a - b);
    for (const p of [home, ...others]) {
      this.#loads.put(u, p);
      this.#places[i] = p;
      const isOver = this.#loads.isOver(p) ? false : visit(p);
      this.#loads.take(u);
      if (isOver) return true;
    }
    return false;
  }

  #mostCarried(): number {
    let most = 0;
    for (let p = 0; p < this.#loads.shares.length; p++) most = Math.max(most, this.#loads.measure(p));
    return most;
  }

  /** Bytes of units from `i` on that must leave partitions which carry too much with all of them at home. */
  #mustMove(i: number, limit: number): number {
    const { first, shares, loads } = this.#loads;
    const at = i * loads.length;
    let sum = 0;
    for (let p = 0; p < shares.length; p++) {
      if (shares[p] === 0) continue;
      let most = 0;
      for (let k = first[p]!; k < first[p + 1]!; k++) {
        const over = loads[k]! + this.#staying[at + k]! - limit;
        if (over > SLACK) most = Math.max(most, over * this.#leastPrice[at + k]!);
      }
      sum += most;
    }
    return sum;
  }
}
