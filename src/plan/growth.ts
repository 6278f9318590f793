/** How the source and its users grow, by their sizes at earlier plans and passes. Pure. */
import type { GrowthRow } from '../state/placement-rows.js';
import type { PlanPartition, Slot } from './units.js';

export interface Growth {
  readonly bytesPerDay: number;
  readonly filesPerDay: number;
  /** From the first to the last size that it was seen by. */
  readonly days: number;
}

/** What is to have room beside what is there. */
export interface GrowthAhead {
  /** What the whole source grows by in that time, against its size; above 0. */
  readonly part: number;
  readonly days: number;
  readonly now: Date;
}

const DAY_MS = 86_400_000;
/** With less there is no ground for it: a night's mail is not a day's. */
const LEAST_DAYS = 1;
/** Sizes kept: of a year of nightly passes. */
export const KEPT_SIZES = 400;
/** Sizes are this far apart, so that a day of trying out does not push out the year. */
const APART_MS = 3_600_000;
/** How far back growth is looked at. */
const WINDOW_DAYS = 60;

/** Undefined where the job is too young to tell. A source that shrinks grows by 0. */
export function growthOf(sizes: readonly GrowthRow[]): Growth | undefined {
  const last = sizes.at(-1);
  if (!last) return undefined;
  const end = Date.parse(last.at);
  const first = sizes.find(({ at }) => end - Date.parse(at) <= WINDOW_DAYS * DAY_MS);
  const days = first ? (end - Date.parse(first.at)) / DAY_MS : 0;
  if (!first || days < LEAST_DAYS) return undefined;
  return {
    bytesPerDay: Math.max(0, (last.bytes - first.bytes) / days),
    filesPerDay: Math.max(0, (last.files - first.files) / days),
    days,
  };
}

export function isWorthKeeping(sizes: readonly GrowthRow[], now: Date): boolean {
  const last = sizes.at(-1);
  return last === undefined || now.getTime() - Date.parse(last.at) >= APART_MS;
}

/** With so many days of its own a unit counts half by them, half as all others do. */
const TRUST_DAYS = 30;

/**
 * Bytes that each unit is expected to grow by: by what it grew since it was placed, the more the longer that is, and for
 * the rest as the whole source does. Together they are no more than the whole grows by: who went on holiday does not
 * make up for who came back.
 * @param then Bytes when it was placed, -1 where nobody noted. @param ageDays How long ago that was.
 */
export function growthOfUnits(
  { part, days }: GrowthAhead,
  bytesOf: (u: number) => number,
  then: Float64Array,
  ageDays: Float32Array,
): Float64Array {
  const extra = new Float64Array(then.length);
  let whole = 0;
  let sum = 0;
  for (let u = 0; u < then.length; u++) {
    const bytes = bytesOf(u);
    const age = ageDays[u]!;
    const isOld = then[u]! >= 0 && age >= LEAST_DAYS;
    const own = isOld ? ((bytes - then[u]!) / age) * days : 0;
    const trust = isOld ? age / (age + TRUST_DAYS) : 0;
    extra[u] = Math.max(0, trust * own + (1 - trust) * part * bytes);
    whole += part * bytes;
    sum += extra[u]!;
  }
  if (sum > whole) for (let u = 0; u < extra.length; u++) extra[u]! *= whole / sum;
  return extra;
}

/** The same partitions with each unit's growth on the disks; what is spread evenly stays today's. */
export function grownPartitions(
  partitions: readonly PlanPartition[],
  bytesOf: (u: number) => number,
  extra: Float64Array,
): PlanPartition[] {
  const made = new Map<Float64Array, Float64Array>();
  const grown = (column: Float64Array): Float64Array => {
    let to = made.get(column);
    if (!to) {
      to = new Float64Array(column.length);
      for (let u = 0; u < to.length; u++)
        to[u] = column[u]! * (1 + (extra[u]! > 0 ? extra[u]! / Math.max(1, bytesOf(u)) : 0));
      made.set(column, to);
    }
    return to;
  };
  const slotOf = (slot: Slot): Slot => ({ ...slot, diskBytes: grown(slot.diskBytes), inodes: grown(slot.inodes) });
  return partitions.map(({ name, slots }) => ({ name, slots: slots.map(slotOf) }));
}

/** How long ago that was. @param at ISO 8601 */
export function daysSince(at: string, now: Date): number {
  return Math.max(0, (now.getTime() - Date.parse(at)) / DAY_MS);
}
