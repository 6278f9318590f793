/**
 * HOT: makes the fullest partition less full, by moving one unit off it or swapping one with another partition's, again
 * and again, until its measure is good enough, nothing gains any more, or a fixed amount of work is done (so that the
 * answer does not depend on the machine).
 */
import type { Loads } from './loads.js';

/** Comparisons: about 3 s. A million users come close enough without any. */
const MOST_WORK = 60_000_000;
/** Units of the other partition tried for a swap, next smaller ones first. */
const SWAPS_EACH = 24;
/** Gains below this are sums of doubles. */
const LEAST_GAIN = 1e-9;

interface Step {
  readonly gives: number;
  /** -1: a move */
  readonly takes: number;
  readonly to: number;
  readonly measure: number;
}

export function improve(loads: Loads, goodEnough: number, isFree: (u: number) => boolean): void {
  let lists: number[][] | undefined;
  let work = 0;
  while (work < MOST_WORK) {
    const from = fullest(loads);
    const measure = loads.measure(from);
    if (measure <= goodEnough) return;
    lists ??= freeUnits(loads, isFree);
    const units = lists[from]!;
    let step = bestMove(loads, from, units, measure);
    work += units.length * loads.shares.length;
    if (!step) {
      step = bestSwap(loads, from, lists, measure);
      work += units.length * loads.shares.length * SWAPS_EACH;
    }
    if (!step) return;
    apply(loads, from, step, lists);
  }
}

function freeUnits(loads: Loads, isFree: (u: number) => boolean): number[][] {
  const lists: number[][] = loads.task.partitions.map(() => []);
  for (let u = 0; u < loads.assignment.length; u++) if (isFree(u)) lists[loads.assignment[u]!]!.push(u);
  return lists;
}

function fullest(loads: Loads): number {
  let worst = 0;
  let most = -1;
  for (let p = 0; p < loads.shares.length; p++) {
    const measure = loads.shares[p]! > 0 ? loads.measure(p) : -1;
    if (measure > most) {
      most = measure;
      worst = p;
    }
  }
  return worst;
}

/** The move after which the fuller of the two is least full. */
function bestMove(loads: Loads, from: number, units: readonly number[], measure: number): Step | undefined {
  const { choices, choice } = loads.task;
  let best: Step | undefined;
  let least = measure - LEAST_GAIN;
  for (const u of units) {
    const left = loads.measure(from, u);
    if (left >= least) continue;
    for (const to of choices[choice[u]!]!) {
      if (to === from || loads.shares[to] === 0) continue;
      const after = Math.max(left, loads.measure(to, -1, u));
      if (after >= least || !loads.fits(u, to, u, from)) continue;
      least = after;
      best = { gives: u, takes: -1, to, measure: after };
    }
  }
  return best;
}

/** The swap after which the fuller of the two is least full, with a unit that is next smaller in what `from` has too much of. */
function bestSwap(loads: Loads, from: number, lists: readonly number[][], measure: number): Step | undefined {
  const { choices, choice } = loads.task;
  const k = fullestLoad(loads, from);
  let best: Step | undefined;
  let least = measure - LEAST_GAIN;
  for (const [to, others] of lists.entries()) {
    if (to === from || loads.shares[to] === 0 || others.length === 0) continue;
    const sorted = others
      .filter((v) => choices[choice[v]!]!.includes(from))
      .sort((a, b) => loads.part(a, k) - loads.part(b, k) || a - b);
    for (const u of lists[from]!) {
      if (!choices[choice[u]!]!.includes(to)) continue;
      const size = loads.part(u, k);
      for (let i = below(loads, sorted, k, size), tried = 0; i >= 0 && tried < SWAPS_EACH; i--, tried++) {
        const v = sorted[i]!;
        const left = loads.measure(from, u, v);
        if (left >= least) continue;
        const after = Math.max(left, loads.measure(to, v, u));
        if (after >= least || !fitSwapped(loads, u, from, v, to)) continue;
        least = after;
        best = { gives: u, takes: v, to, measure: after };
      }
    }
  }
  return best;
}

function fitSwapped(loads: Loads, u: number, from: number, v: number, to: number): boolean {
  return loads.fits(u, to, v, to) && loads.fits(v, from, u, from);
}

/** Which of its loads makes a partition's measure. */
function fullestLoad({ loads, first }: Loads, p: number): number {
  let worst = first[p]!;
  for (let k = first[p]!; k < first[p + 1]!; k++) if (loads[k]! > loads[worst]!) worst = k;
  return worst;
}

/** Position of the last that is smaller, -1 where none is. */
function below(loads: Loads, sorted: readonly number[], k: number, size: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (loads.part(sorted[middle]!, k) < size) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function apply(loads: Loads, from: number, { gives, takes, to }: Step, lists: number[][]): void {
  loads.move(gives, to);
  shift(lists, gives, from, to);
  if (takes < 0) return;
  loads.move(takes, from);
  shift(lists, takes, to, from);
}

function shift(lists: number[][], u: number, from: number, to: number): void {
  lists[from]!.splice(lists[from]!.indexOf(u), 1);
  lists[to]!.push(u);
}
