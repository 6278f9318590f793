/**
 * From what was collected, what was placed before and what people said, to a partition for each unit. Pure.
 *
 * What was placed stays. Only a rule that names other partitions, a partition that is gone, a row of a spreadsheet and
 * `--rebalance` move it; and what was only promised and not copied yet is placed anew where the job file's [placement]
 * or the target's partitions are others by now.
 */
import type { PlacementRow } from '../state/placement-rows.js';
import { balance } from './balance.js';
import type { Collected } from './collect.js';
import { daysSince, type GrowthAhead, grownPartitions, growthOfUnits } from './growth.js';
import { savedOfTask } from './links.js';
import { Loads } from './loads.js';
import { type Reason, Reasons, reasonOf } from './reason.js';
import { rebalance } from './rebalance.js';
import type { Links, PlacementTask, PlanPartition, Room } from './units.js';

export type PlacedBefore = Pick<PlacementRow, 'unit' | 'partition' | 'reason' | 'bytes' | 'placedAt'>;

export interface DecideInput {
  readonly collected: Collected;
  readonly partitions: readonly PlanPartition[];
  readonly rooms: readonly Room[];
  /** What grows meanwhile is to have a place too. */
  readonly growth: GrowthAhead | undefined;
  readonly placed: Iterable<PlacedBefore>;
  /** [placement] or the target's partitions are not those by which `placed` came about. */
  readonly rulesChanged: boolean;
  /** By key: partitions of a spreadsheet, names that are there. */
  readonly edited: ReadonlyMap<string, string>;
  /** Messages that several names share, where somebody looked; its units are positions. */
  readonly links?: Links | undefined;
  /** Wanted spread, where all that may be moved is to be. */
  readonly rebalanceTo: number | undefined;
}

export interface Decision {
  readonly loads: Loads;
  /** Of each unit, by position. */
  reasonOf(u: number): Reason;
  /** Size when it was placed; -1 unknown. */
  readonly bytesThen: Float64Array;
  /** Positions of units that are to be written to the state. */
  readonly fresh: Uint32Array;
  /** Whether there is room for the growth too. */
  readonly roomForGrowth: boolean;
  /** By disk, what links save of what is still to be copied. */
  readonly saved: readonly Room[];
  /** The spread that was aimed at by a rebalance. */
  readonly aim: number | undefined;
}

export function decide(input: DecideInput): Decision {
  const { collected, partitions, rooms, edited, rebalanceTo, growth } = input;
  const { keys, rules, rule, lying, lyingAt, positions } = collected;
  const numberOf = new Map(partitions.map(({ name }, p) => [name, p]));
  const choices: number[][] = rules.map(({ partitions: names }) =>
    names.map((name) => numberOf.get(name)!).sort((a, b) => a - b),
  );
  const choice = Uint16Array.from(rule);
  const current = new Int16Array(keys.length).fill(-1);
  const reasons = new Reasons(keys.length);
  const bytesThen = new Float64Array(keys.length).fill(-1);
  const known = new Int16Array(keys.length).fill(-1);
  const single = new Map<number, number>();
  const only = (p: number): number => {
    if (!single.has(p)) single.set(p, choices.push([p]) - 1);
    return single.get(p)!;
  };
  const stay = (u: number, p: number, reason: Reason) => {
    const set = choices[choice[u]!]!;
    // an excluded partition keeps what it has; one that a rule of the job file leaves out does not
    if (!set.includes(p) && rules[rule[u]!]!.kind !== 'free') return;
    current[u] = p;
    reasons.set(u, reason);
  };
  const ageDays = new Float32Array(growth ? keys.length : 0);
  for (const { unit, partition, reason, bytes, placedAt } of input.placed) {
    const u = positions.get(unit);
    const p = numberOf.get(partition);
    if (u === undefined || p === undefined) continue;
    known[u] = p;
    bytesThen[u] = bytes;
    if (growth) ageDays[u] = daysSince(placedAt, growth.now);
    const why = reasonOf(reason);
    if (why === 'csv') {
      if (rules[rule[u]!]!.kind === 'written' && !choices[choice[u]!]!.includes(p)) continue;
      choice[u] = only(p);
      stay(u, p, 'csv');
    } else if (!input.rulesChanged || lying[u]! > 0) stay(u, p, why);
  }
  for (let u = 0; u < keys.length; u++)
    if (current[u]! < 0 && lyingAt[u]! >= 0 && known[u]! < 0) stay(u, lyingAt[u]!, 'lying');
  for (const [key, partition] of edited) {
    const u = positions.get(key)!;
    choice[u] = only(numberOf.get(partition)!);
    current[u] = -1;
    reasons.set(u, 'csv');
  }
  const isMovable = (u: number) => choices[choice[u]!]!.length > 1 && choices[choice[u]!]!.includes(current[u]!);
  const task = (on: readonly PlanPartition[]): PlacementTask => ({
    ...{ keys, partitions: on, disks: rooms, choices, choice, current, lying, links: input.links },
  });
  const make = (on: readonly PlanPartition[]): { loads: Loads; aim: number | undefined } =>
    rebalanceTo === undefined
      ? { loads: balance(task(on)), aim: undefined }
      : rebalance(task(on), rebalanceTo, isMovable);
  const { bytesOf } = collected;
  const later = growth && grownPartitions(partitions, bytesOf, growthOfUnits(growth, bytesOf, bytesThen, ageDays));
  let made = make(later ?? partitions);
  const roomForGrowth = !later || made.loads.shortfalls().length === 0;
  if (!roomForGrowth) made = make(partitions);
  else if (later) made = { ...made, loads: Loads.of(task(partitions), made.loads.assignment) }; // with what all takes today
  const saved = savedOfTask(made.loads);
  made.loads.spare(saved);
  const { assignment } = made.loads;
  const fresh = new Uint32Array(keys.length);
  let freshCount = 0;
  for (let u = 0; u < keys.length; u++) {
    const p = assignment[u]!;
    const moved = current[u]! >= 0 && current[u] !== p;
    if (moved) reasons.set(u, 'rebalanced');
    else if (reasons.get(u) === undefined) reasons.set(u, choices[choice[u]!]!.length === 1 ? 'rule' : 'balanced');
    if (reasons.get(u) === 'rule' && rules[rule[u]!]!.kind === 'followed') continue; // nothing to remember
    if (known[u] !== p || (edited.size > 0 && edited.has(keys[u]!))) {
      fresh[freshCount++] = u;
      bytesThen[u] = collected.bytesOf(u);
    }
  }
  return {
    loads: made.loads,
    reasonOf: (u) => reasons.get(u)!, // each has one by now
    bytesThen,
    fresh: fresh.slice(0, freshCount),
    roomForGrowth,
    saved,
    aim: made.aim,
  };
}
