/**
 * What lies on the old server and is not migrated, and why. Three steps: the walks go over every partition, the files
 * of users and quota roots, scripts and search databases, and hand over facts about whatever is not where mailboxes.db
 * has a live mailbox; the classifier gives each its class; the prover looks each of their messages up among the live
 * ones. Only what is nowhere else is rescued; only what the disk does not tell needs a person, or a rule of the job
 * file. Along the way every file is counted, so that what is found and what is live add up to all there is.
 */
import type { SourceTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import { isStill } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { Counts } from '../model/account.js';
import { LEFTOVER_CLASSES, type LeftoverClass } from '../model/leftover-class.js';
import { FindingShelf } from '../state/finding-shelf.js';
import type { State } from '../state/state.js';
import { classify, type Doubts, isStructural, judge } from './classify.js';
import { claimOf, type Finding, type Part } from './finding.js';
import { Ledger } from './ledger.js';
import type { Leftover, LeftoverDetail, LeftoversResult, LeftoverTotal, Verdicts } from './leftover.js';
import { type LiveMailboxes, liveMailboxes } from './live-mailboxes.js';
import { type Proven, Prover } from './prove.js';
import { compileRules } from './rules.js';
import { isUndecided } from './undecided.js';
import { walkConfig } from './walk-config.js';
import { Roots, type WalkContext } from './walk-context.js';
import { walkPartition } from './walk-partition.js';
import { walkSearch } from './walk-search.js';
import { walkSieve } from './walk-sieve.js';

export interface LeftoverOptions {
  /** Compares contents: reads every message of the leftovers, and those of live mailboxes that may be the same. */
  readonly prove: boolean;
  /** Adds up the bytes of live mailboxes too: a stat of each of their messages at the first time. Default true. */
  readonly account?: boolean;
  /** Which of them the result lists; totals are of all. Default: every one. A server may have more than fit in memory. */
  readonly keep?: (leftover: Leftover, detail: LeftoverDetail) => boolean;
}

/** @param inventory Taken just before. Reads mailboxes.db once more where it changed since. */
export function findLeftovers(
  job: Job,
  state: State,
  trees: SourceTrees,
  inventory: Inventory,
  options: LeftoverOptions,
): LeftoversResult {
  const roots = new Roots(job, trees);
  const live = liveMailboxes(job, trees, inventory, roots.canonical);
  const shelf = new FindingShelf();
  try {
    const walk = walkAll(job, state, trees, live, roots, shelf, options.account ?? true);
    const judged = judgeAll(job, state, trees, live, shelf, walk.isDoubtful, options);
    const { totals, details } = judged;
    judged.gone.push(...confirm(job, trees, inventory, live, shelf, judged));
    for (const part of judged.gone) walk.ledger.add('mailbox', part);
    const leftovers = [...details.keys()].sort((a, b) => (a.paths[0]! < b.paths[0]! ? -1 : 1));
    const listed = inOrder(totals);
    const account = walk.ledger.close(listed);
    const { files, rescued, undecided } = judged;
    return { leftovers, totals: listed, files, rescued, undecided, account, listed: walk.listed, details, live };
  } finally {
    shelf.close();
  }
}

/** Goes over everything; what it finds is on the shelf then. */
function walkAll(
  job: Job,
  state: State,
  trees: SourceTrees,
  live: LiveMailboxes,
  roots: Roots,
  shelf: FindingShelf,
  account: boolean,
): { ledger: Ledger; listed: number; isDoubtful: boolean } {
  const { partitions } = job.source.conf;
  const claimed = roots.areShared([...partitions.values()]) ? new Set<string>() : undefined;
  const met = new Uint8Array(live.size);
  const context: WalkContext = {
    job,
    trees,
    live,
    roots,
    ledger: new Ledger(),
    census: state.census,
    account,
    met: (number) => {
      met[number] = 1;
    },
    listed: { count: 0 },
    found: (finding) => {
      // Roots that two partitions share are walked for each.
      const parts = claimed ? finding.parts.filter(({ path }) => !claimed.has(path)) : finding.parts;
      if (parts.length === 0) return;
      for (const { path } of parts) claimed?.add(path);
      const owner = finding.candidates.length > 0 ? (finding.owner ?? '') : undefined;
      shelf.add(owner, parts[0]!.path, claimOf(finding), JSON.stringify({ ...finding, parts }));
    },
  };
  const walked = new Set<string>();
  for (const partition of partitions.values()) walkPartition(context, partition, walked);
  walkConfig(context);
  walkSieve(context);
  walkSearch(context);
  state.census.endWalk();
  const count = met.reduce((sum, one) => sum + one, 0);
  return { ledger: context.ledger, listed: context.listed.count, isDoubtful: count * 2 < live.size };
}

/** How many leftovers of a class, and what they hold. */
interface Tally extends Counts {
  found: number;
}

interface Judged extends Verdicts {
  readonly totals: Map<LeftoverClass, Tally>;
  /** Paths of all that are a single file. */
  readonly files: Set<string>;
  /** Of those that are kept. */
  readonly details: Map<Leftover, LeftoverDetail>;
  /** Numbers on the shelf of what was on its way, and has arrived. */
  readonly arrived: Set<number>;
  /** What turned out to be live. */
  readonly gone: Part[];
}

function judgeAll(
  job: Job,
  state: State,
  trees: SourceTrees,
  live: LiveMailboxes,
  shelf: FindingShelf,
  isDoubtful: boolean,
  { prove, keep = () => true }: LeftoverOptions,
): Judged {
  const rule = compileRules(job.options.leftovers);
  const mayRescueAll = job.options.leftovers.some(({ action }) => action === 'rescue');
  const prover = prove ? new Prover(state, trees, live) : undefined;
  const judged: Judged = {
    totals: new Map(),
    files: new Set(),
    rescued: { messages: 0, bytes: 0 },
    undecided: 0,
    details: new Map(),
    arrived: new Set(),
    gone: [],
  };
  for (const { owner, findings } of shelf.groups()) {
    const group = findings.map(({ number, finding }) => ({ number, finding: JSON.parse(finding) as Finding }));
    const whole = new Set(
      prover && mayRescueAll
        ? group.flatMap(({ finding }) => (rule(subjectOf(finding))?.rule.action === 'rescue' ? finding : []))
        : [],
    );
    const proven = prover?.prove(
      owner === '' ? undefined : owner,
      group.map(({ finding }) => finding),
      whole,
    );
    for (const { number, finding } of group) {
      const own = proven?.get(finding);
      if (proven && !own) {
        judged.arrived.add(number);
        judged.gone.push(...finding.parts);
        continue;
      }
      const claim = claimOf(finding);
      const rivals = claim === undefined ? [] : shelf.rivals(claim, number);
      const leftover = leftoverOf(finding, own, { isDoubtful, rivals });
      count(judged.totals, leftover.class, finding.parts, 1);
      for (const { path, directories } of finding.parts) if (directories === 0) judged.files.add(path);
      const decided = rule(leftover);
      const rescue = own?.all ?? own?.onlyHere ?? [];
      const shown = decided ? ruled(leftover, decided) : leftover;
      const detail = { finding, rule: decided?.number, rescue };
      if (shown.verdict === 'rescue' || shown.verdict === 'person') {
        judged.rescued.messages += rescue.length;
        for (const { bytes } of rescue) judged.rescued.bytes += bytes;
      }
      if (isUndecided(shown, detail)) judged.undecided++;
      if (keep(shown, detail)) judged.details.set(shown, detail);
    }
  }
  prover?.save();
  return judged;
}

/**
 * Takes out what became live during the walk: a mailbox that was renamed or moved meanwhile looks like a copy of itself.
 */
function confirm(
  job: Job,
  trees: SourceTrees,
  inventory: Inventory,
  before: LiveMailboxes,
  shelf: FindingShelf,
  { totals, details, arrived }: Judged,
): Part[] {
  if (isStill(job, trees, before.print)) return [];
  const after = liveMailboxes(job, trees, inventory);
  if (after.print === before.print) return [];
  const isLive = (leftover: Pick<Leftover, 'class' | 'paths'>) =>
    leftover.class !== 'deleted-awaiting-expire' && leftover.paths.some((path) => after.at(path));
  for (const leftover of [...details.keys()].filter(isLive)) details.delete(leftover);
  const gone: Part[] = [];
  for (const { number, finding: text } of shelf.all()) {
    const finding = JSON.parse(text) as Finding;
    const subject = subjectOf(finding);
    if (arrived.has(number) || !isLive(subject)) continue;
    count(totals, subject.class, finding.parts, -1);
    gone.push(...finding.parts);
  }
  return gone;
}

function count(totals: Map<LeftoverClass, Tally>, name: LeftoverClass, parts: readonly Part[], times: 1 | -1): void {
  let total = totals.get(name);
  if (!total) totals.set(name, (total = { found: 0, directories: 0, files: 0, bytes: 0 }));
  total.found += times;
  for (const { directories, files, bytes } of parts) {
    total.directories += times * directories;
    total.files += times * files;
    total.bytes += times * bytes;
  }
}

function subjectOf({ facts, parts, mailbox }: Finding) {
  return { class: classify(facts).class, paths: parts.map(({ path }) => path), mailbox: mailbox ?? null };
}

function leftoverOf(finding: Finding, proven: Proven | undefined, doubts: Doubts): Leftover {
  const { facts, parts, mailbox, uniqueid } = finding;
  const classified = classify(facts);
  const proof = finding.candidates.length > 0 ? proven?.proof : proven && NOTHING;
  const judged = judge(facts, proof, doubts);
  const sum = (of: 'files' | 'messages' | 'bytes') => parts.reduce((total, part) => total + part[of], 0);
  return {
    paths: parts.map(({ path }) => path),
    class: classified.class,
    mailbox: mailbox ?? null,
    uniqueid: uniqueid ?? null,
    files: sum('files'),
    messages: sum('messages'),
    bytes: sum('bytes'),
    verdict: judged.verdict,
    evidence: [...classified.evidence, ...judged.evidence],
    // What may be the live mailbox itself is not set against it.
    onlyHere: isStructural(facts, doubts) ? [] : (proven?.onlyHere ?? []),
  };
}

const NOTHING = { inTwin: 0, elsewhere: 0, expunged: 0, onlyHere: 0, unreadable: 0 };

/** The job file's word goes over the evidence; DELETED mailboxes are for `[migrate] deleted` to decide. */
function ruled(leftover: Leftover, decided: NonNullable<ReturnType<ReturnType<typeof compileRules>>>): Leftover {
  const { number, rule } = decided;
  if (leftover.class === 'deleted-awaiting-expire') return leftover;
  const verdict = rule.action === 'migrate-as-live' ? 'person' : rule.action;
  const what =
    rule.action === 'migrate-as-live'
      ? `rule ${number} of the job file says migrate-as-live, and its path and mailbox lead elsewhere`
      : `rule ${number} of the job file says ${rule.action}`;
  return { ...leftover, verdict, evidence: [...leftover.evidence, what] };
}

/** Only classes that occur. */
function inOrder(totals: ReadonlyMap<LeftoverClass, Tally>): LeftoverTotal[] {
  return LEFTOVER_CLASSES.flatMap((name) => {
    const { found = 0, ...total } = totals.get(name) ?? { directories: 0, files: 0, bytes: 0 };
    return found > 0 ? [{ class: name, ...total }] : [];
  });
}
