/** Hard links as the state remembers them from the last look (look-for-links.ts). */
import type { LinksRow } from '../state/placement-rows.js';
import type { State } from '../state/state.js';
import type { Collected } from './collect.js';
import type { Links } from './units.js';

/** Above this part of the units a plan is a first one: afterwards what was placed stays, and a look changes little. */
const NEW_PART = 0.1;

/** Whether so many units are nowhere yet that it pays to know who shares mail with whom. */
export function isMostlyNew({ positions, keys, lying }: Collected, state: State): boolean {
  const isKnown = new Uint8Array(keys.length);
  for (const { unit } of state.placement.all()) {
    const u = positions.get(unit);
    if (u !== undefined) isKnown[u] = 1;
  }
  let fresh = 0;
  for (let u = 0; u < keys.length; u++) if (isKnown[u] === 0 && lying[u] === 0) fresh++;
  return fresh > NEW_PART * keys.length;
}

/** Undefined where nobody looked, or nothing was found. */
export function rememberedLinks(
  rows: readonly LinksRow[],
  { positions }: Pick<Collected, 'positions'>,
): Links | undefined {
  const groups = rows.flatMap(({ units: keys, bytes, files, squares }) => {
    const units = keys.flatMap((key) => positions.get(key) ?? []).sort((a, b) => a - b);
    return units.length > 1 ? [{ units, bytes, files, squares }] : [];
  });
  return groups.length === 0 ? undefined : { groups, oneIn: rows[0]!.oneIn };
}

export function* linkRows({ groups, oneIn }: Links, { keys }: Pick<Collected, 'keys'>): Iterable<LinksRow> {
  for (const { units, ...sums } of groups) yield { ...sums, units: units.map((u) => keys[u]!), oneIn };
}
