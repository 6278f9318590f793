/**
 * What lies on the old server and is not migrated, and why. Three steps: the walks go over every partition and the
 * files of users and quota roots, and hand over facts about whatever is not where mailboxes.db has a live mailbox; the
 * classifier gives each its class; the prover looks each of their messages up among the live ones. Only what is nowhere
 * else needs a person.
 */
import type { SourceTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import type { State } from '../state/state.js';
import { classify, judge } from './classify.js';
import type { Finding } from './finding.js';
import { LEFTOVER_CLASSES, type Leftover, type LeftoversResult, type LeftoverTotal } from './leftover.js';
import { type LiveMailboxes, liveMailboxes } from './live-mailboxes.js';
import { type Proven, Prover } from './prove.js';
import { walkConfig } from './walk-config.js';
import { type WalkContext, walkPartition } from './walk-partition.js';

export interface LeftoverOptions {
  /** Compares contents: reads every message of the leftovers, and those of live mailboxes that may be the same. */
  readonly prove: boolean;
}

/** @param inventory Taken just before. Reads mailboxes.db once more. */
export function findLeftovers(
  job: Job,
  state: State,
  trees: SourceTrees,
  inventory: Inventory,
  options: LeftoverOptions,
): LeftoversResult {
  const { conf } = job.source;
  const live = liveMailboxes(job, trees, inventory);
  const findings: Finding[] = [];
  const claimed = new Set<string>();
  const context: WalkContext = {
    job,
    trees,
    live,
    stops: rootsOf(job),
    met: new Set(),
    found: (finding) => {
      // Roots that two partitions share are walked for each.
      const paths = finding.paths.filter((path) => !claimed.has(path));
      if (paths.length === 0) return;
      for (const path of paths) claimed.add(path);
      findings.push(paths.length === finding.paths.length ? finding : { ...finding, paths });
    },
  };
  for (const partition of conf.partitions.values()) walkPartition(context, partition);
  walkConfig(context);

  const isDoubtful = context.met.size * 2 < live.all.length;
  const prover = options.prove ? new Prover(state, trees, live) : undefined;
  const leftovers: Leftover[] = [];
  const directories = new Map<Leftover, number>();
  for (const [owner, group] of byOwner(findings)) {
    const proven = prover?.prove(owner, group);
    for (const finding of group) {
      const own = proven?.get(finding);
      if (proven && !own) continue; // it was on its way, and has arrived
      const leftover = leftoverOf(finding, own, isDoubtful);
      leftovers.push(leftover);
      if (finding.areDirectories) directories.set(leftover, finding.paths.length);
    }
  }
  const sure = confirm(job, trees, inventory, live, leftovers);
  sure.sort((a, b) => (a.paths[0]! < b.paths[0]! ? -1 : 1));
  return { leftovers: sure, totals: totalsOf(sure, directories) };
}

/**
 * Without what became live during the walk: a mailbox that was renamed or moved meanwhile looks like a copy of itself.
 */
function confirm(
  job: Job,
  trees: SourceTrees,
  inventory: Inventory,
  before: LiveMailboxes,
  leftovers: Leftover[],
): Leftover[] {
  const after = liveMailboxes(job, trees, inventory);
  if (after.print === before.print) return leftovers;
  return leftovers.filter(
    ({ class: name, paths }) => name === 'deleted-awaiting-expire' || !paths.some((path) => after.at(path)),
  );
}

/** Every directory that is the root of something. */
function rootsOf({ source: { conf } }: Job): Set<string> {
  const roots = new Set([conf.configDirectory, conf.sieveDir, conf.procPath, conf.lockPath]);
  for (const { data, archive, meta, metaPartition, search } of conf.partitions.values()) {
    for (const root of [data, archive, metaPartition, ...Object.values(meta), ...search])
      if (root !== undefined) roots.add(root);
  }
  roots.delete('');
  return roots;
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

function leftoverOf(finding: Finding, proven: Proven | undefined, isDoubtful: boolean): Leftover {
  const { facts, paths, mailbox, uniqueid, files, messages, bytes } = finding;
  const classified = classify(facts);
  const proof = finding.candidates.length > 0 ? proven?.proof : proven && NOTHING;
  const judged = judge(facts, proof, isDoubtful);
  return {
    paths,
    class: classified.class,
    mailbox: mailbox ?? null,
    uniqueid: uniqueid ?? null,
    files,
    messages,
    bytes,
    verdict: judged.verdict,
    evidence: [...classified.evidence, ...judged.evidence],
    onlyHere: proven?.onlyHere ?? [],
  };
}

const NOTHING = { inTwin: 0, elsewhere: 0, expunged: 0, onlyHere: 0, unreadable: 0 };

function totalsOf(leftovers: readonly Leftover[], directories: ReadonlyMap<Leftover, number>): LeftoverTotal[] {
  return LEFTOVER_CLASSES.flatMap((name) => {
    const own = leftovers.filter((leftover) => leftover.class === name);
    if (own.length === 0) return [];
    const sum = (of: (leftover: Leftover) => number) => own.reduce((total, leftover) => total + of(leftover), 0);
    return [
      {
        class: name,
        directories: sum((l) => directories.get(l) ?? 0),
        files: sum((l) => l.files),
        bytes: sum((l) => l.bytes),
      },
    ];
  });
}
