/** How the source grows, by its size at earlier plans and passes. Pure. */
import type { GrowthRow } from '../state/placement-rows.js';

export interface Growth {
  readonly bytesPerDay: number;
  readonly filesPerDay: number;
  /** From the first to the last size that it was seen by. */
  readonly days: number;
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
