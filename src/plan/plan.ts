/**
 * The plan: a partition for each unit of mailboxes (rules.ts says what a unit is), kept in the state, and with it the
 * place of each mailbox on the target.
 */
import { ConfigError } from '../base/errors.js';
import { atOnce, type Sliced } from '../base/slices.js';
import { formatBytes, plural } from '../base/units.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { bytesOfText } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import type { SourceMailbox } from '../model/mailbox.js';
import type { Problem } from '../model/problem.js';
import type { PlacementRow } from '../state/placement-rows.js';
import type { State } from '../state/state.js';
import { type Collected, slotsOf, takenBy, UnitCollector } from './collect.js';
import { type Decision, decide } from './decide.js';
import { type Disks, disksOf, freeRoom, type ProbeDisk, probeDisk, ROLES } from './disks.js';
import { type Footprint, plainFootprint } from './footprint.js';
import { type Growth, type GrowthAhead, growthOf, isWorthKeeping, KEPT_SIZES } from './growth.js';
import { lowerBound } from './lower-bound.js';
import { policyOf, targetPlace } from './placement.js';
import { PlacementRules, type Policy } from './rules.js';
import { Sizes } from './sizes.js';
import type { Room } from './units.js';

const UNEVEN = 'spread-exceeded';
/** Mailboxes between two places to stop. */
const SLICE = 4;

export interface Plan {
  readonly policy: Policy;
  /** What a pass says too: a partition that would overflow, a spread that went too far. */
  readonly problems: readonly Problem[];
  readonly disks: Disks;
  partitionOf(mailbox: SourceMailbox): string;
  /** What it takes of the disks. */
  footprintOf(mailbox: SourceMailbox): Footprint;
  placeOf(mailbox: SourceMailbox): MailboxPlace;
}

/** With what it was made from, for those that show it: some hundred bytes a unit. */
export interface DetailedPlan extends Plan {
  readonly details: PlanDetails;
}

export interface PlanDetails {
  readonly rules: PlacementRules;
  readonly collected: Collected;
  readonly decision: Decision;
  readonly spread: number;
  readonly lowerBound: number;
  /** Of each disk, what this job may have of it, and what others have. */
  readonly rooms: readonly (Room & { readonly others: number })[];
  readonly growth: Growth | undefined;
}

export interface PlanOptions {
  /** For sizes that cost a look (archive and meta partitions on disks of their own); without it they are guessed. */
  readonly trees?: SourceTrees | undefined;
  /** Key of a unit → partition, of a spreadsheet. */
  readonly edited?: ReadonlyMap<string, string> | undefined;
  /** Move what was placed, to come down to this spread. */
  readonly rebalanceTo?: number | undefined;
  /** Nothing is remembered. */
  readonly dryRun?: boolean | undefined;
  readonly probe?: ProbeDisk | undefined;
  readonly now?: Date | undefined;
}

export function makePlan(...args: Parameters<typeof planSlices>): DetailedPlan {
  return atOnce(planSlices(...args));
}

/** The same in slices: sizes that cost a look (sizes.ts) take as long as an inventory. */
export function* planSlices(
  job: Job,
  state: State,
  inventory: Pick<Inventory, 'mailboxes' | 'table' | 'selection'>,
  options: PlanOptions = {},
): Sliced<DetailedPlan> {
  const { target, source } = job;
  const { placement } = job.options;
  const now = options.now ?? new Date();
  const policy = policyOf(job);
  const partitions = [...target.conf.partitions.keys()];
  const rules = new PlacementRules(placement, policy, partitions, source.conf, bytesOfText);
  const disks = disksOf(target, options.probe ?? probeDisk);
  const blockBytes = disks.disks.map((disk) => disk.blockBytes);
  const sizes = options.trees && hasDisksOfTheirOwn(disks) ? new Sizes(state.placement, options.trees) : undefined;
  const footprintOf = footprints(sizes);
  const collector = new UnitCollector(sizes !== undefined);
  const ours = disks.disks.map(() => ({ bytes: 0, inodes: 0 }));
  const { table } = inventory;
  const lyingOn = partitionsOfRows(state, partitions);
  let bytes = 0;
  let files = 0;
  for (const [done, mailbox] of inventory.mailboxes.entries()) {
    if (done % SLICE === 0) yield { what: 'placing mailboxes', done, of: inventory.mailboxes.length };
    const footprint = footprintOf(mailbox);
    const at = lyingOn.get(table.rowIds[mailbox.at]!);
    const part = at < 0 ? 0 : copiedPart(table.syncedFiles[mailbox.at]!, mailbox.summary?.files ?? 0);
    if (at >= 0)
      for (const [disk, diskBytes, inodes] of takenBy(disks.partitions[at]!, blockBytes, footprint)) {
        ours[disk]!.bytes += part * diskBytes;
        ours[disk]!.inodes += part * inodes;
      }
    const messageBytes = footprint.dataBytes + footprint.archivedBytes;
    collector.add(rules.of(ruled(mailbox)), footprint, at, part * messageBytes);
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
  const isWhole = !inventory.selection.isWave;
  const growth = isWhole ? growthOf([...history, { at: now.toISOString(), bytes, files }]) : undefined;
  const placedBy = JSON.stringify([partitions, policy, placement]);
  const before = state.fact('placedBy');
  const decision = decide({
    collected,
    partitions: slotsOf(disks.partitions, blockBytes, collected.columns),
    rooms,
    growth: growthAhead(growth, bytes, placement.growth_days, now),
    placed: state.placement.all(),
    rulesChanged: before !== undefined && before !== placedBy,
    edited: options.edited ?? new Map(),
    rebalanceTo: options.rebalanceTo,
  });
  const { loads } = decision;
  if (!options.dryRun) {
    const placedAt = now.toISOString();
    if (policy !== 'balance' && before !== placedBy) state.placement.forgetUnsaid();
    // What does not fit is no promise: it is placed anew once there is room.
    if (loads.shortfalls().length === 0) state.placement.save(placementRows(decision, collected, disks, placedAt));
    if (before !== placedBy) state.setFact('placedBy', placedBy);
    if (isWhole && isWorthKeeping(history, now)) state.placement.addGrowth({ at: placedAt, bytes, files }, KEPT_SIZES);
  }
  const bound = lowerBound(loads);
  const spread = loads.spread();
  return {
    ...lookups(job, rules, disks, collected.positions, loads.assignment, footprintOf),
    policy,
    problems: problemsOf(decision, disks, spread, bound, placement.spread_limit, collected),
    details: { rules, collected, decision, spread, lowerBound: bound, rooms, growth },
  };
}

function* placementRows(
  { fresh, reasons, loads: { assignment } }: Decision,
  { keys, bytesOf, filesOf }: Collected,
  { partitions }: Disks,
  placedAt: string,
): Iterable<PlacementRow> {
  for (const u of fresh)
    yield {
      unit: keys[u]!,
      partition: partitions[assignment[u]!]!.name,
      reason: reasons[u]!,
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
  positions: ReadonlyMap<string, number>,
  assignment: Int16Array,
  footprintOf: Plan['footprintOf'],
) {
  const partitionOf = (mailbox: SourceMailbox) =>
    disks.partitions[assignment[positions.get(rules.of(ruled(mailbox)).key)!]!]!.name;
  return {
    disks,
    partitionOf,
    footprintOf,
    placeOf: (mailbox: SourceMailbox) => targetPlace(mailbox, partitionOf(mailbox), layout, target.conf),
  };
}

/** A closure of its own: what it keeps alive is the sizes, not the columns. */
function footprints(sizes: Sizes | undefined): Plan['footprintOf'] {
  return (mailbox) => sizes?.of(mailbox) ?? plainFootprint(mailbox.summary?.bytes ?? 0, mailbox.summary?.files ?? 0);
}

/** The key of the unit that a mailbox belongs to. */
export function keyOf({ details: { rules } }: DetailedPlan, mailbox: SourceMailbox): string {
  return rules.of(ruled(mailbox)).key;
}

function ruled({ name, uniqueid, unit, place }: SourceMailbox) {
  return { name, uniqueid, unit, sourcePartition: place.partition };
}

/** By row, the partition of the target on which its mailbox lies; -1: none. Ids are dense: an array is least. */
function partitionsOfRows(state: State, partitions: readonly string[]): { get(id: number): number } {
  let byId = new Int16Array(1024).fill(-1);
  for (const { id, targetPartition } of state.mailboxes.standings()) {
    if (targetPartition === null) continue;
    if (id >= byId.length) {
      const larger = new Int16Array(2 * id).fill(-1);
      larger.set(byId);
      byId = larger;
    }
    byId[id] = partitions.indexOf(targetPartition);
  }
  return { get: (id) => (id > 0 ? (byId[id] ?? -1) : -1) };
}

/** Whether any kind of file lies apart from the messages. */
function hasDisksOfTheirOwn({ partitions }: Disks): boolean {
  return partitions.some(({ disk }) => ROLES.some((role) => disk[role] !== disk.data));
}

/** How much of a mailbox is on the target already, by the records of its index at the last copy (-1: never). */
export function copiedPart(syncedFiles: number, files: number): number {
  return files === 0 ? 1 : Math.min(1, Math.max(0, syncedFiles) / files);
}

function growthAhead(growth: Growth | undefined, bytes: number, days: number, now: Date): GrowthAhead | undefined {
  const part = growth === undefined || bytes === 0 ? 0 : (growth.bytesPerDay * days) / bytes;
  return part > 0 ? { part, days, now } : undefined;
}

function problemsOf(
  { loads, bytesThen }: Decision,
  { disks, partitions }: Disks,
  spread: number,
  bound: number,
  limit: number,
  collected: Collected,
): Problem[] {
  const problems: Problem[] = [];
  for (const { disk, bytes, inodes } of loads.shortfalls()) {
    const on = partitions.filter((p) => Object.values(p.disk).includes(disk));
    problems.push({
      code: 'partition-overflows',
      message: `${on.length === 1 ? 'partition' : 'partitions'} ${on.map((p) => p.name).join(', ')}: what belongs there is ${[
        ...(bytes > 0 ? [formatBytes(bytes)] : []),
        ...(inodes > 0 ? [plural(inodes, 'inode')] : []),
      ].join(' and ')} more than its file system has room for${grown(loads, bytesThen, collected, partitions, on)}`,
      advice:
        loads.mostOfShare < 1 || disks.length === 1
          ? 'Free space, add a partition to the new imapd.conf, or leave users out.'
          : 'Run `cyrsync plan --rebalance`, free space, or add a partition to the new imapd.conf.',
    });
  }
  if (problems.length === 0 && spread > limit * bound)
    problems.push({
      code: UNEVEN,
      message: `the fullest partition carries ${spread.toFixed(2)} times its share; ${bound.toFixed(2)} can be had`,
      advice: 'Run `cyrsync plan --rebalance`: it shows what would move, and the next pass moves it on the target.',
    });
  return problems;
}

/** Who grew most since he was placed there. */
function grown(
  { assignment }: Decision['loads'],
  bytesThen: Float64Array,
  { bytesOf, nameOf, keys }: Collected,
  partitions: Disks['partitions'],
  on: Disks['partitions'],
): string {
  let most = 0;
  let who = -1;
  for (let u = 0; u < keys.length; u++) {
    if (bytesThen[u]! < 0 || !on.includes(partitions[assignment[u]!]!)) continue;
    const by = bytesOf(u) - bytesThen[u]!;
    if (by > most) {
      most = by;
      who = u;
    }
  }
  if (who < 0) return '';
  return `; ${nameOf(who)} has grown by ${formatBytes(most)} since it was placed there`;
}

/** What a pass says of them: a disk that overflows each time, a spread that went too far once, until it is mended. */
export function newProblems({ problems }: Plan, state: State): Problem[] {
  const isUneven = problems.some(({ code }) => code === UNEVEN);
  const wasSaid = state.fact('spreadSaid') !== undefined;
  if (isUneven !== wasSaid) state.setFact('spreadSaid', isUneven ? 'said' : undefined);
  return problems.filter(({ code }) => code !== UNEVEN || !wasSaid);
}

/** The rules of the job file that fit no mailbox: written wrong, or not needed any more. */
export function idleRules({ details: { rules } }: DetailedPlan): Problem[] {
  return rules.written
    .filter(({ uses }) => uses === 0)
    .map(({ text }) => ({
      code: 'rule-fits-nothing',
      message: `[placement] ${text} fits no mailbox`,
      advice: 'Compare the name with `cyrsync where`: internal names, dots between, ^ for a dot within, dom! in front.',
      path: text,
    }));
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
