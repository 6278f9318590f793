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
import { LEFTOVER_CLASSES } from '../model/leftover-class.js';
import type { State } from '../state/state.js';
import { classify, isStructural, judge } from './classify.js';
import type { Finding } from './finding.js';
import { Ledger } from './ledger.js';
import type { Leftover, LeftoverDetail, LeftoversResult, LeftoverTotal } from './leftover.js';
import { type LiveMailboxes, liveMailboxes } from './live-mailboxes.js';
import { type Proven, Prover } from './prove.js';
import { compileRules } from './rules.js';
import { walkConfig } from './walk-config.js';
import { Roots, type WalkContext } from './walk-context.js';
import { walkPartition } from './walk-partition.js';
import { walkSearch } from './walk-search.js';

export interface LeftoverOptions {
  /** Compares contents: reads every message of the leftovers, and those of live mailboxes that may be the same. */
  readonly prove: boolean;
  /** Adds up the bytes of live mailboxes too: a stat of each of their messages at the first time. Default true. */
  readonly account?: boolean;
}

/** @param inventory Taken just before. Reads mailboxes.db once more. */
export function findLeftovers(
  job: Job,
  state: State,
  trees: SourceTrees,
  inventory: Inventory,
  options: LeftoverOptions,
): LeftoversResult {
  const roots = new Roots(job, trees);
  const live = liveMailboxes(job, trees, inventory, roots.canonical);
  const findings: Finding[] = [];
  const claimed = new Set<string>();
  const context: WalkContext = {
    job,
    trees,
    live,
    roots,
    ledger: new Ledger(),
    census: state.census,
    account: options.account ?? true,
    met: new Set(),
    listed: { count: 0 },
    found: (finding) => {
      // Roots that two partitions share are walked for each.
      const parts = finding.parts.filter(({ path }) => !claimed.has(path));
      if (parts.length === 0) return;
      for (const { path } of parts) claimed.add(path);
      findings.push(parts.length === finding.parts.length ? finding : { ...finding, parts });
    },
  };
  const walked = new Set<string>();
  for (const partition of job.source.conf.partitions.values()) walkPartition(context, partition, walked);
  walkConfig(context);
  walkSearch(context);
  state.census.endWalk();

  const rule = compileRules(job.options.leftovers);
  const doubts = {
    isDoubtful: context.met.size * 2 < live.all.length,
    rivalsOf: rivalsAmong(findings),
  };
  const prover = options.prove ? new Prover(state, trees, live) : undefined;
  const details = new Map<Leftover, LeftoverDetail>();
  const gone: Finding[] = [];
  for (const [owner, group] of byOwner(findings)) {
    const whole = new Set(
      prover && job.options.leftovers.some(({ action }) => action === 'rescue')
        ? group.filter((finding) => rule(subjectOf(finding))?.rule.action === 'rescue')
        : [],
    );
    const proven = prover?.prove(owner, group, whole);
    for (const finding of group) {
      const own = proven?.get(finding);
      if (proven && !own) {
        gone.push(finding); // it was on its way, and has arrived
        continue;
      }
      const leftover = leftoverOf(finding, own, doubts);
      const decided = rule(leftover);
      const rescue = own?.all ?? own?.onlyHere ?? [];
      if (!decided) details.set(leftover, { finding, rule: undefined, rescue });
      else details.set(ruled(leftover, decided), { finding, rule: decided.number, rescue });
    }
  }
  gone.push(...confirm(job, trees, inventory, live, details));
  for (const { parts } of gone) for (const part of parts) context.ledger.add('mailbox', part);
  const leftovers = [...details.keys()].sort((a, b) => (a.paths[0]! < b.paths[0]! ? -1 : 1));
  const totals = totalsOf(details);
  return { leftovers, totals, account: context.ledger.close(totals), listed: context.listed.count, details, live };
}

/**
 * Takes out what became live during the walk: a mailbox that was renamed or moved meanwhile looks like a copy of itself.
 */
function confirm(
  job: Job,
  trees: SourceTrees,
  inventory: Inventory,
  before: LiveMailboxes,
  details: Map<Leftover, LeftoverDetail>,
): Finding[] {
  if (isStill(job, trees, before.print)) return [];
  const after = liveMailboxes(job, trees, inventory);
  if (after.print === before.print) return [];
  const gone: Finding[] = [];
  for (const [leftover, { finding }] of details) {
    if (leftover.class === 'deleted-awaiting-expire' || !leftover.paths.some((path) => after.at(path))) continue;
    details.delete(leftover);
    gone.push(finding);
  }
  return gone;
}

/** One group is proven at a time; what has no message, and what may be anyone's, come together at last. */
function byOwner(findings: readonly Finding[]): Map<string | undefined, Finding[]> {
  const groups = new Map<string | undefined, Finding[]>();
  for (const finding of findings) {
    const group = groups.get(finding.owner);
    if (group) group.push(finding);
    else groups.set(finding.owner, [finding]);
  }
  return groups;
}

/** Directories with mail that claim one uniqueid while no live mailbox has it: nothing says which is the mailbox. */
function rivalsAmong(findings: readonly Finding[]): (finding: Finding) => readonly string[] {
  const claims = new Map<string, Finding[]>();
  for (const finding of findings) {
    const { facts, uniqueid } = finding;
    if (facts.kind !== 'place' || facts.twin || facts.messages === 0 || uniqueid === undefined) continue;
    claims.set(uniqueid, [...(claims.get(uniqueid) ?? []), finding]);
  }
  return (finding) => {
    const all = finding.uniqueid === undefined ? [] : (claims.get(finding.uniqueid) ?? []);
    return all.includes(finding) ? all.filter((one) => one !== finding).map(({ parts }) => parts[0]!.path) : [];
  };
}

interface Doubts {
  readonly isDoubtful: boolean;
  readonly rivalsOf: (finding: Finding) => readonly string[];
}

function subjectOf({ facts, parts, mailbox }: Finding) {
  return { class: classify(facts).class, paths: parts.map(({ path }) => path), mailbox: mailbox ?? null };
}

function leftoverOf(finding: Finding, proven: Proven | undefined, doubts: Doubts): Leftover {
  const { facts, parts, mailbox, uniqueid } = finding;
  const classified = classify(facts);
  const proof = finding.candidates.length > 0 ? proven?.proof : proven && NOTHING;
  const rivals = doubts.rivalsOf(finding);
  const judged = judge(facts, proof, { isDoubtful: doubts.isDoubtful, rivals });
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
    onlyHere: isStructural(facts, { rivals }) ? [] : (proven?.onlyHere ?? []),
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

function totalsOf(details: ReadonlyMap<Leftover, LeftoverDetail>): LeftoverTotal[] {
  const totals = new Map<string, { directories: number; files: number; bytes: number }>();
  for (const [leftover, { finding }] of details) {
    let total = totals.get(leftover.class);
    if (!total) totals.set(leftover.class, (total = { directories: 0, files: 0, bytes: 0 }));
    total.directories += finding.parts.reduce((sum, part) => sum + part.directories, 0);
    total.files += leftover.files;
    total.bytes += leftover.bytes;
  }
  return LEFTOVER_CLASSES.flatMap((name) => {
    const total = totals.get(name);
    return total ? [{ class: name, ...total }] : [];
  });
}
