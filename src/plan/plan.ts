/**
 * The plan: a partition for each unit of mailboxes (rules.ts says what a unit is), kept in the state, and with it the
 * place of each mailbox on the target.
 */
import { ConfigError } from '../base/errors.js';
import { atOnce, type Sliced } from '../base/slices.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { bytesOfText } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { Problem } from '../model/problem.js';
import type { PlacementRow } from '../state/placement-rows.js';
import type { State } from '../state/state.js';
import { type Collected, slotsOf, takenBy, UnitCollector } from './collect.js';
import { type Decision, decide } from './decide.js';
import { type Disks, disksOf, freeRoom, type ProbeDisk, probeDisk, ROLES } from './disks.js';
import { type Footprint, plainFootprint } from './footprint.js';
import { type Growth, type GrowthAhead, growthOf, isWorthKeeping, KEPT_SIZES } from './growth.js';
import { HashSet, hashOf } from './key-table.js';
import { isMostlyNew, linkRows, rememberedLinks } from './known-links.js';
import { lookForLinks } from './look-for-links.js';
import { lowerBound } from './lower-bound.js';
import { policyOf, targetPlace } from './placement.js';
import { inputOf, type PlanInput, type PlannedMailbox } from './plan-input.js';
import { problemsOf } from './problems.js';
import { PlacementRules, type Policy } from './rules.js';
import { Sizes } from './sizes.js';
import type { Links, Room } from './units.js';

/** Mailboxes between two places to stop. */
const SLICE = 4;

export interface Plan {
  readonly policy: Policy;
  /** What a pass says too: a partition that would overflow, a spread that went too far. */
  readonly problems: readonly Problem[];
  readonly disks: Disks;
  /** By disk, what hard links save of what is still to be copied there. */
  readonly saved: readonly Room[];
  partitionOf(mailbox: PlannedMailbox): string;
  /** What it takes of the disks. */
  footprintOf(mailbox: PlannedMailbox): Footprint;
  placeOf(mailbox: PlannedMailbox): MailboxPlace;
}

/** With what it was made from, for those that show it: some hundred bytes a unit. */
export interface DetailedPlan extends Plan {
  readonly details: PlanDetails;
}

export interface PlanDetails {
  readonly rules: PlacementRules;
  readonly collected: Collected;
  /** By partition of the source, what lies there. */
  readonly before: ReadonlyMap<string, SourceSum>;
  readonly links: Links | undefined;
  readonly decision: Decision;
  readonly spread: number;
  readonly lowerBound: number;
  /** Of each disk, what this job may have of it, and what others have. */
  readonly rooms: readonly (Room & { readonly others: number })[];
  readonly growth: Growth | undefined;
}

export interface SourceSum {
  /** Hashes of those who have mail there. */
  readonly users: HashSet;
  mailboxes: number;
  files: number;
  bytes: number;
}

export interface PlanOptions {
  /** For sizes that cost a look (archive and meta partitions on disks of their own); without it they are guessed. */
  readonly trees?: SourceTrees | undefined;
  /** Such sizes as far as the state remembers them. */
  readonly asSeen?: boolean | undefined;
  /** Key of a unit → partition, of a spreadsheet. */
  readonly edited?: ReadonlyMap<string, string> | undefined;
  /** Move what was placed, to come down to this spread. */
  readonly rebalanceTo?: number | undefined;
  /** Nothing is remembered. */
  readonly dryRun?: boolean | undefined;
  readonly probe?: ProbeDisk | undefined;
  readonly now?: Date | undefined;
}

export function makePlan(
  job: Job,
  state: State,
  inventory: Parameters<typeof inputOf>[0],
  options: PlanOptions = {},
): DetailedPlan {
  return planOf(job, state, inputOf(inventory, state), options);
}

export function planOf(...args: Parameters<typeof planSlices>): DetailedPlan {
  return atOnce(planSlices(...args));
}

/** The same in slices: sizes that cost a look (sizes.ts) take as long as an inventory. */
export function* planSlices(job: Job, state: State, input: PlanInput, options: PlanOptions = {}): Sliced<DetailedPlan> {
  const { target, source } = job;
  const { placement } = job.options;
  const now = options.now ?? new Date();
  const policy = policyOf(job);
  const partitions = [...target.conf.partitions.keys()];
  const rules = new PlacementRules(placement, policy, partitions, source.conf, bytesOfText);
  const disks = disksOf(target, options.probe ?? probeDisk);
  const blockBytes = disks.disks.map((disk) => disk.blockBytes);
  const sizes =
    (options.trees || options.asSeen) && hasDisksOfTheirOwn(disks)
      ? new Sizes(state.placement, options.trees)
      : undefined;
  const footprintOf = footprints(sizes);
  const collector = new UnitCollector(sizes !== undefined);
  const ours = disks.disks.map(() => ({ bytes: 0, inodes: 0 }));
  const before = new Map<string, SourceSum>();
  let bytes = 0;
  let files = 0;
  let done = 0;
  for (const { mailbox, lyingOn, syncedFiles } of input.rows()) {
    if (done++ % SLICE === 0) yield { what: 'placing mailboxes', done, of: input.count };
    const footprint = footprintOf(mailbox);
    const at = lyingOn === null ? -1 : partitions.indexOf(lyingOn);
    const part = at < 0 ? 0 : copiedPart(syncedFiles, mailbox.summary?.files ?? 0);
    if (at >= 0)
      for (const [disk, diskBytes, inodes] of takenBy(disks.partitions[at]!, blockBytes, footprint)) {
        ours[disk]!.bytes += part * diskBytes;
        ours[disk]!.inodes += part * inodes;
      }
    const messageBytes = footprint.dataBytes + footprint.archivedBytes;
    const looked = ruled(mailbox);
    const owner = mailbox.user ? hashOf(looked.unit) : 0;
    collector.add(rules.of(looked), footprint, at, part * messageBytes, owner);
    addTo(before, looked.sourcePartition, mailbox, owner);
    bytes += messageBytes;
    files += footprint.dataFiles + footprint.archivedFiles;
  }
  sizes?.save();
  const collected = collector.finish();
  const rooms = disks.disks.map((disk, d) => {
    const free = freeRoom(disk, placement.reserve);
    const own = ours[d]!;
    const others = Math.max(0, disk.totalBytes - disk.freeBytes - own.bytes);
    return { bytes: free.bytes + own.bytes, inodes: free.inodes + own.inodes, others };
  });
  const history = state.placement.growth();
  // of a wave only its own users are seen: nothing to compare with
  const isWhole = !input.isWave;
  const growth = isWhole ? growthOf([...history, { at: now.toISOString(), bytes, files }]) : undefined;
  const placedBy = JSON.stringify([partitions, policy, placement]);
  const placedByThen = state.fact('placedBy');
  const slots = slotsOf(disks.partitions, blockBytes, collected.columns);
  const decideWith = (known: Links | undefined) =>
    decide({
      collected,
      partitions: slots,
      rooms,
      growth: growthAhead(growth, bytes, placement.growth_days, now),
      placed: state.placement.all(),
      rulesChanged: placedByThen !== undefined && placedByThen !== placedBy,
      edited: options.edited ?? new Map(),
      links: known,
      rebalanceTo: options.rebalanceTo,
    });
  const unitOf = (mailbox: PlannedMailbox) => collected.positions.get(rules.of(ruled(mailbox)).key)!;
  const trees = placement.links ? options.trees : undefined;
  const isSpread = policy === 'balance' && new Set(disks.partitions.map(({ disk }) => disk.data)).size > 1;
  let looked: Links | undefined;
  if (trees && isSpread && (options.rebalanceTo !== undefined || isMostlyNew(collected, state)))
    looked = yield* lookForLinks(mailboxesOf(input), input.count, unitOf, trees);
  let links = looked ?? rememberedLinks(state.placement.links(), collected);
  let decision = decideWith(links);
  if (trees && !looked && decision.loads.shortfalls().length > 0) {
    looked = yield* lookForLinks(mailboxesOf(input), input.count, unitOf, trees);
    links = looked;
    decision = decideWith(links);
  }
  const { loads } = decision;
  if (!options.dryRun) {
    const placedAt = now.toISOString();
    if (policy !== 'balance' && placedByThen !== placedBy) state.placement.forgetUnsaid();
    // What does not fit is no promise: it is placed anew once there is room.
    if (loads.shortfalls().length === 0) state.placement.save(placementRows(decision, collected, disks, placedAt));
    if (looked) state.placement.saveLinks(linkRows(looked, collected));
    if (placedByThen !== placedBy) state.setFact('placedBy', placedBy);
    if (isWhole && isWorthKeeping(history, now)) state.placement.addGrowth({ at: placedAt, bytes, files }, KEPT_SIZES);
  }
  const bound = lowerBound(loads);
  const spread = loads.spread();
  return {
    ...lookups(job, rules, disks, collected.positions, loads.assignment, footprintOf),
    policy,
    saved: decision.saved,
    problems: problemsOf(decision, disks, spread, bound, placement.spread_limit, collected),
    details: { rules, collected, before, links, decision, spread, lowerBound: bound, rooms, growth },
  };
}

function* placementRows(
  { fresh, reasonOf, loads: { assignment } }: Decision,
  { keys, bytesOf, filesOf }: Collected,
  { partitions }: Disks,
  placedAt: string,
): Iterable<PlacementRow> {
  for (const u of fresh)
    yield {
      unit: keys[u]!,
      partition: partitions[assignment[u]!]!.name,
      reason: reasonOf(u),
      bytes: bytesOf(u),
      files: filesOf(u),
      placedAt,
    };
}

/** Apart from all that a plan was made of, so that it can be forgotten. */
export function forgetDetails({ details, ...plan }: DetailedPlan): Plan {
  void details;
  return plan;
}

function lookups(
  { layout, target }: Job,
  rules: PlacementRules,
  disks: Disks,
  positions: Collected['positions'],
  assignment: Int16Array,
  footprintOf: Plan['footprintOf'],
) {
  const partitionOf = (mailbox: PlannedMailbox) =>
    disks.partitions[assignment[positions.get(rules.of(ruled(mailbox)).key)!]!]!.name;
  return {
    disks,
    partitionOf,
    footprintOf,
    placeOf: (mailbox: PlannedMailbox) => targetPlace(mailbox, partitionOf(mailbox), layout, target.conf),
  };
}

/** A closure of its own: what it keeps alive is the sizes, not the columns. */
function footprints(sizes: Sizes | undefined): Plan['footprintOf'] {
  return (mailbox) => sizes?.of(mailbox) ?? plainFootprint(mailbox.summary?.bytes ?? 0, mailbox.summary?.files ?? 0);
}

/** The key of the unit that a mailbox belongs to. */
export function keyOf({ details: { rules } }: DetailedPlan, mailbox: PlannedMailbox): string {
  return rules.of(ruled(mailbox)).key;
}

function ruled({ name, uniqueid, unit, place }: PlannedMailbox) {
  return { name, uniqueid, unit, sourcePartition: place.partition };
}

/** Whether any kind of file lies apart from the messages. */
function hasDisksOfTheirOwn({ partitions }: Disks): boolean {
  return partitions.some(({ disk }) => ROLES.some((role) => disk[role] !== disk.data));
}

/** How much of a mailbox is on the target already, by the records of its index at the last copy (-1: never). */
export function copiedPart(syncedFiles: number, files: number): number {
  return files === 0 ? 1 : Math.min(1, Math.max(0, syncedFiles) / files);
}

function* mailboxesOf(input: PlanInput): Iterable<PlannedMailbox> {
  for (const { mailbox } of input.rows()) yield mailbox;
}

function addTo(
  sums: Map<string, SourceSum>,
  partition: string,
  { summary }: Pick<PlannedMailbox, 'summary'>,
  owner: number,
): void {
  let sum = sums.get(partition);
  if (!sum) {
    sum = { users: new HashSet(), mailboxes: 0, files: 0, bytes: 0 };
    sums.set(partition, sum);
  }
  if (owner !== 0) sum.users.add(owner);
  sum.mailboxes++;
  sum.files += summary?.files ?? 0;
  sum.bytes += summary?.bytes ?? 0;
}

function growthAhead(growth: Growth | undefined, bytes: number, days: number, now: Date): GrowthAhead | undefined {
  const part = growth === undefined || bytes === 0 ? 0 : (growth.bytesPerDay * days) / bytes;
  return part > 0 ? { part, days, now } : undefined;
}

/** @throws ConfigError where this job's plan can't be asked for that. */
export function requireBalance(job: Job, what: string): void {
  const policy = policyOf(job);
  if (policy === 'balance') return;
  throw new ConfigError(
    `${what} is for policy = "balance"`,
    `with policy = "${policy}" the source's partition decides`,
    'Set policy = "balance" in [placement], or name the partition of single users there (pins).',
  );
}
