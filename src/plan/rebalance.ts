/**
 * Moves what was placed before so that the wanted spread is reached, by the fewest bytes that were found to do: off each
 * partition that carries too much, units whose relief costs least, to where they leave room; then whatever turned out to
 * be needless goes back. Where placing all anew moves less, that is taken. Of a handful of units all placements are
 * tried (least-moves.ts). Pure.
 */
import { balance } from './balance.js';
import { improve } from './improve.js';
import { MOST_UNITS, searchLeastMoves } from './least-moves.js';
import { sharedBytes } from './links.js';
import type { Loads } from './loads.js';
import { lowerBound } from './lower-bound.js';
import type { PlacementTask } from './units.js';

/** What can be asked for at best: this much above what no placement can beat. */
const CLOSEST = 1.005;
/** Above the bytes that must leave the fullest partitions in any case: nothing better is looked for. */
const CLOSE_TO_LEAST = 1.02;
const SLACK = 1e-9;

export interface Rebalanced {
  readonly loads: Loads;
  /** The spread that was aimed at: as wanted, or the closest that can be had. */
  readonly aim: number;
}

/**
 * @param wanted Spread to come down to; less is not asked for.
 * @param isFree Units that may be moved.
 */
export function rebalance(task: PlacementTask, wanted: number, isFree: (u: number) => boolean): Rebalanced {
  const loads = balance(task);
  const bound = lowerBound(loads);
  const asked = Math.max(wanted, CLOSEST * bound);
  if (isReached(loads, asked)) return { loads, aim: asked };
  const few = fewUnits(task, isFree);
  // where no partition carries more than that of its share no disk is over its room
  const isFull = loads.shortfalls().length > 0;
  const aim = isFull ? Math.min(asked, Math.max(bound, loads.mostOfShare)) : asked;
  const found = moveSome(loads, aim, isFree);
  if (!few) return { loads: found, aim };
  searchLeastMoves(found, task, few, asked);
  return { loads: found, aim: asked };
}

/** All that may lie elsewhere, where these are a handful. */
function fewUnits({ current, choices, choice }: PlacementTask, isFree: (u: number) => boolean): number[] | undefined {
  const few: number[] = [];
  for (let u = 0; u < current.length; u++) {
    if (!(current[u]! < 0 ? choices[choice[u]!]!.length > 1 : isFree(u))) continue;
    if (few.push(u) > MOST_UNITS) return undefined;
  }
  return few;
}

function moveSome(loads: Loads, aim: number, isFree: (u: number) => boolean): Loads {
  const { task } = loads;
  const least = leastBytes(loads, aim);
  for (const careful of [true, false]) {
    for (let p = 0; p < loads.shares.length; p++) shed(loads, p, aim, isFree, careful);
  }
  improve(loads, aim, isFree);
  takeBack(loads, task, aim);
  if (isReached(loads, aim) && movedBytes(task, loads) <= CLOSE_TO_LEAST * least) return loads;
  const anew = balance({ ...task, current: task.current.map((p, u) => (isFree(u) ? -1 : p)) });
  const reached = isReached(loads, aim);
  const isBetter = isReached(anew, aim)
    ? !reached || movedBytes(task, anew) < movedBytes(task, loads)
    : !reached && isCloser(anew, loads);
  if (!isBetter) return loads;
  takeBack(anew, task, aim);
  return anew;
}

/** What fits comes before what is even. */
function isCloser(a: Loads, b: Loads): boolean {
  const short = a.shortfalls().length - b.shortfalls().length;
  return short < 0 || (short === 0 && a.spread() < b.spread() - SLACK);
}

function isReached(loads: Loads, aim: number): boolean {
  return loads.spread() <= aim + SLACK && loads.shortfalls().length === 0;
}

/** Bytes that lie on the target and would be moved. */
export function movedBytes({ current, lying }: PlacementTask, { assignment }: Loads): number {
  let sum = 0;
  for (let u = 0; u < current.length; u++) if (current[u]! >= 0 && current[u] !== assignment[u]) sum += lying[u]!;
  return sum;
}

/** What must leave the partitions that carry more than `aim`, whatever goes where. */
function leastBytes(loads: Loads, aim: number): number {
  const { lying } = loads.task;
  let sum = 0;
  for (const [p, k] of loads.first.entries()) {
    if (p === loads.shares.length || loads.shares[p] === 0 || loads.loads[k]! <= aim) continue;
    let all = 0;
    for (let u = 0; u < lying.length; u++) if (loads.assignment[u] === p) all += lying[u]!;
    sum += (all * (loads.loads[k]! - aim)) / loads.loads[k]!;
  }
  return sum;
}

/**
 * Moves units off partition `p` until it carries no more than `aim`. Where it has too much of several things, of bytes and
 * of files, they go down together: else where it all goes to would be full of the one while the other is still here.
 * @param careful Only units that don't bring what they relieve most below what is wanted; others then close what is left.
 */
function shed(loads: Loads, p: number, aim: number, isFree: (u: number) => boolean, careful: boolean): void {
  if (loads.shares[p] === 0 || (loads.measure(p) <= aim && !loads.isOver(p))) return;
  const over: { k: number; excess: number; queue: number[]; at: number }[] = [];
  for (let k = loads.first[p]!; k < loads.first[p + 1]!; k++)
    if (loads.loads[k]! > aim) over.push({ k, excess: loads.loads[k]! - aim, queue: [], at: 0 });
  // a disk is full that it shares with others
  if (over.length === 0) over.push({ k: loads.first[p]!, excess: 1, queue: [], at: 0 });
  sortIntoQueues(loads, p, over, isFree, careful);
  const left = ({ k, excess }: { k: number; excess: number }) => (loads.loads[k]! - aim) / excess;
  while (loads.measure(p) > aim || loads.isOver(p)) {
    let next: (typeof over)[number] | undefined;
    for (const queue of over)
      if (queue.at < queue.queue.length && (next === undefined || left(queue) > left(next))) next = queue;
    if (!next) return;
    const u = next.queue[next.at++]!;
    if (careful && loads.loads[next.k]! - loads.part(u, next.k) < aim - SLACK && !loads.isOver(p)) continue;
    const to = leastLoaded(loads, u, p, careful ? aim + SLACK : loads.measure(p));
    if (to >= 0) loads.move(u, to);
  }
}

/** Each unit stands where it relieves most, the cheapest first, of the same price the largest; at last the smallest that will do. */
function sortIntoQueues(
  loads: Loads,
  p: number,
  queues: readonly { k: number; excess: number; queue: number[] }[],
  isFree: (u: number) => boolean,
  careful: boolean,
): void {
  const { lying, links } = loads.task;
  const shared = links && sharedBytes(links, lying.length); // what else is copied once more
  const relief = new Float64Array(lying.length);
  const price = new Float32Array(lying.length); // what differs in doubles only is the same price
  for (let u = 0; u < lying.length; u++) {
    if (loads.assignment[u] !== p || !isFree(u)) continue;
    let best: number[] | undefined;
    for (const { k, excess, queue } of queues) {
      const part = loads.part(u, k) / excess;
      if (part <= relief[u]!) continue;
      relief[u] = part;
      best = queue;
    }
    if (!best) continue;
    price[u] = (lying[u]! + (shared?.[u] ?? 0)) / relief[u]!;
    best.push(u);
  }
  const order = careful ? -1 : 1;
  for (const { queue } of queues)
    queue.sort((a, b) => price[a]! - price[b]! || order * (relief[a]! - relief[b]!) || a - b);
}

/** Where `u` of `from` would lie with the least measure, if that is below `limit`; else -1. */
function leastLoaded(loads: Loads, u: number, from: number, limit: number): number {
  const { choices, choice } = loads.task;
  let best = -1;
  let least = limit;
  for (const to of choices[choice[u]!]!) {
    if (to === from || loads.shares[to] === 0 || !loads.fits(u, to, u, from)) continue;
    const after = loads.measure(to, -1, u);
    if (after < least) {
      least = after;
      best = to;
    }
  }
  return best;
}

/** What was moved and need not have been goes back, the dearest first. */
function takeBack(loads: Loads, { current, lying }: PlacementTask, aim: number): void {
  const moved = [...current.keys()]
    .filter((u) => current[u]! >= 0 && current[u] !== loads.assignment[u])
    .sort((a, b) => lying[b]! - lying[a]! || a - b);
  for (const u of moved) {
    const home = current[u]!;
    if (loads.shares[home] === 0 || !loads.fits(u, home, u, loads.assignment[u]!)) continue;
    if (loads.measure(home, -1, u) <= aim + SLACK) loads.move(u, home);
  }
}
