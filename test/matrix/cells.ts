/**
 * The cells of the matrix: every source into every target in every layout, once each, with features of the target that
 * rotate so that each value of each feature meets every source, every target and every layout (pairwise coverage).
 */
import { INDEX_VERSION } from '../support/index-version.js';
import type { RecordedSpool } from './spools.js';
import type { Target } from './targets.js';

export const LAYOUTS = ['none', 'basic', 'full', 'uuid'] as const;
/** By name without hashing, with hashimapspool, with fulldirhash too; by uniqueid. */
export type Layout = (typeof LAYOUTS)[number];

const FEATURES = {
  /** Metapartitions: none; on every partition for all files; on the second only, without some of the files. */
  meta: ['off', 'all', 'some'],
  archive: ['off', 'on'],
  unixhierarchysep: ['yes', 'no'],
  virtdomains: ['off', 'userid'],
  /** Backend of mailboxes.db. */
  database: ['twoskip', 'skiplist', 'flat'],
  /** `upgrade_indexes` of the job file: those of 2.2 and 2.3 as version 12, or all in the target's own version. */
  indexes: ['needed', 'all'],
} as const;

export type Features = { readonly [K in keyof typeof FEATURES]: (typeof FEATURES)[K][number] };

export interface Cell {
  /** `3.2-uhs-meta > 3.6/full`; with its features where it is one of every combination. */
  readonly id: string;
  readonly source: RecordedSpool;
  readonly target: Target;
  readonly layout: Layout;
  readonly features: Features;
  /** The indexes of the source are newer than those that the target reads: it has to be refused. */
  readonly refusalIsDue: boolean;
}

function newestIndex(version: string): number {
  const newest = (INDEX_VERSION as Readonly<Record<string, number>>)[version];
  if (newest === undefined) throw new Error(`cells.ts does not know the indexes of ${version}`);
  return newest;
}

/** All combinations of features that are fair for a source. */
function featuresOf(source: RecordedSpool): Features[] {
  const allowed = {
    ...FEATURES,
    // users with a dot can't log in where the separator is a dot: only from `.` to `/` nothing but the separator changes
    unixhierarchysep: source.unixhierarchysep === 'yes' ? (['yes'] as const) : FEATURES.unixhierarchysep,
    virtdomains:
      source.virtdomains !== 'off' ? (['userid'] as const) : source.hasAt ? (['off'] as const) : FEATURES.virtdomains,
  };
  return Object.entries(allowed).reduce<Features[]>(
    (all, [key, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{} as Features],
  );
}

export function describeFeatures(features: Features): string {
  return (Object.keys(FEATURES) as (keyof Features)[]).map((key) => `${key}=${features[key]}`).join(' ');
}

function pairsOf(source: string, target: string, layout: string, features: Features): string[] {
  const values = describeFeatures(features).split(' ');
  const met = values.flatMap((v) => [`${source} ${v}`, `${target} ${v}`, `${layout} ${v}`]);
  return [...met, ...values.flatMap((v, i) => values.slice(i + 1).map((w) => `${v} ${w}`))];
}

export function cellOf(source: RecordedSpool, target: Target, layout: Layout, features: Features): Cell {
  const refusalIsDue = newestIndex(source.version) > newestIndex(target.version);
  return { id: placeOf(source, target, layout), source, target, layout, features, refusalIsDue };
}

function placeOf(source: RecordedSpool, target: Target, layout: Layout): string {
  return `${source.name} > ${target.version}/${layout}`;
}

/** Features of cells that have been run, by id: these stay, and the others are chosen beside them. */
export type FeaturesRun = Readonly<
  Record<string, { readonly features: Omit<Features, 'indexes'> & Partial<Pick<Features, 'indexes'>> }>
>;

export function chooseCells(
  sources: readonly RecordedSpool[],
  targets: readonly Target[],
  run: FeaturesRun = {},
): Cell[] {
  const places = sources.flatMap((source) =>
    targets.flatMap((target) =>
      LAYOUTS.filter((l) => l !== 'uuid' || target.hasUuid).map((layout) => ({ source, target, layout })),
    ),
  );
  const met = new Map<string, number>();
  const meet = (cell: Cell) => {
    if (cell.refusalIsDue) return; // nothing is served: covers nothing
    const pairs = pairsOf(cell.source.name, cell.target.version, cell.layout, cell.features);
    for (const p of pairs) met.set(p, (met.get(p) ?? 0) + 1);
  };
  const kept = places.map(({ source, target, layout }) => {
    const features = run[placeOf(source, target, layout)]?.features;
    return features && cellOf(source, target, layout, { indexes: 'needed', ...features });
  });
  for (const cell of kept) if (cell) meet(cell);

  let turn = 0;
  return places.map(({ source, target, layout }, place) => {
    // the choice whose pairs were met least; among equals another one at each turn
    turn += 7;
    if (kept[place]) return kept[place];
    const choices = featuresOf(source);
    const worth = (features: Features) =>
      pairsOf(source.name, target.version, layout, features).reduce((sum, p) => sum + 0.1 ** (met.get(p) ?? 0), 0);
    const order = choices.map((_, i) => choices[(i + turn) % choices.length]!);
    const best = order.reduce((a, b) => (worth(b) > worth(a) + 1e-9 ? b : a));
    const cell = cellOf(source, target, layout, best);
    meet(cell);
    return cell;
  });
}

/** Every combination: thousands. */
export function allCells(sources: readonly RecordedSpool[], targets: readonly Target[]): Cell[] {
  return sources.flatMap((source) =>
    targets.flatMap((target) =>
      LAYOUTS.filter((l) => l !== 'uuid' || target.hasUuid).flatMap((layout) =>
        featuresOf(source).map((features) => {
          const cell = cellOf(source, target, layout, features);
          return { ...cell, id: `${cell.id} ${describeFeatures(features)}` };
        }),
      ),
    ),
  );
}

/** Pairs of a feature with a source, target or layout that some fair cell could show and none of these does. */
export function missedPairs(cells: readonly Cell[], sources: readonly RecordedSpool[]): string[] {
  const shown = new Set<string>();
  const wanted = new Set<string>();
  for (const cell of cells.filter((c) => !c.refusalIsDue)) {
    const pairs = (f: Features) => pairsOf(cell.source.name, cell.target.version, cell.layout, f);
    for (const p of pairs(cell.features)) shown.add(p);
    for (const features of featuresOf(sources.find((s) => s.name === cell.source.name)!)) {
      for (const p of pairs(features)) wanted.add(p);
    }
  }
  return [...wanted].filter((p) => !shown.has(p));
}
