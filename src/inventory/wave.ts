/**
 * A wave: some users go into a target that serves others. What the target has before, and which quota roots count there
 * afterwards.
 *
 * | quota root | on the target |
 * | --- | --- |
 * | of a user or shared tree that comes | as on the source |
 * | of others | not touched |
 * | above several (a whole domain's), and the target has one | the target's limit, usage summed over all below it |
 * | the same, and only the source has one | the source's, unless others' mailboxes would come under it: then none, and a problem |
 */
import { FormatError } from '../base/errors.js';
import { readIndexHeader } from '../cyrus/mailbox/index.js';
import { LONGEST_HEADER_BYTES } from '../cyrus/mailbox/index-layout.js';
import { asInternalName } from '../cyrus/names/mailbox-name.js';
import { isLive } from '../cyrus/records/mailboxes-db.js';
import type { Quota } from '../cyrus/records/quota.js';
import { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { State } from '../state/state.js';
import type { Inventory } from './inventory.js';
import { placeOfEntry } from './listed-mailbox.js';
import { chosenQuotaRoots, quotaRootOf, readQuotaRoots } from './quota-roots.js';
import { readServingTarget, requireRoom, type ServingTarget } from './serving-target.js';

export interface Wave {
  readonly serving: ServingTarget;
  /** All that the target will have. */
  readonly quotaRoots: ReadonlyMap<string, Quota>;
  /** Fingerprints of the source's quota roots, from before they were read. */
  readonly quotaPrints: ReadonlyMap<string, string>;
  /** Whether this wave alone decides about a root. */
  isOwnRoot(root: string): boolean;
  /** What the mailboxes of others add to a root that they share with this wave's. */
  usageOfOthers(root: string): {
    readonly bytes: bigint;
    readonly messages: bigint;
    readonly annotations: bigint;
    readonly folders: bigint;
  };
}

/** @throws RefusedError where the target has mailboxes of others by the same name or uniqueid */
export function openWave(
  job: Job,
  state: State,
  inventory: Inventory,
  source: SourceTrees,
  problems: ProblemList,
): Wave {
  const target = new SourceTrees(job.target);
  try {
    const serving = readServingTarget(job, state, target);
    requireRoom(serving, inventory.mailboxes);
    const { conf } = job.target;
    const isOwnRoot = (root: string) => !root.endsWith('!') && inventory.selection.takes(asInternalName(root));
    const others = serving.mailboxes.filter((entry) => isLive(entry) && !serving.ours.has(entry));
    const there = readQuotaRoots({ source: job.target }, target, problems);
    const quotaRoots = new Map([...there].filter(([root]) => !isOwnRoot(root)));
    const quotaPrints = new Map<string, string>();
    for (const [root, quota] of chosenQuotaRoots(job, source, inventory, problems, quotaPrints)) {
      if (isOwnRoot(root)) quotaRoots.set(root, quota);
      else if (!there.has(root)) {
        const more = new Map(quotaRoots).set(root, quota);
        const affected = others.find(({ name }) => quotaRootOf(name, more, conf) === root);
        if (!affected) quotaRoots.set(root, quota);
        else
          problems.add({
            code: 'quota-root-shared',
            message: `the old server has the quota root ${root}, which would count ${affected.name} of the new one as well`,
            advice: `Set it on the new server when all below it are there: SETQUOTA, then quota -f.`,
            mailbox: root,
          });
      }
    }
    const sums = new Map<string, ReturnType<Wave['usageOfOthers']>>();
    const usageOfOthers = (root: string) => {
      const known = sums.get(root);
      if (known) return known;
      const sum = sumUp(
        job,
        others.filter(({ name }) => quotaRootOf(name, quotaRoots, conf) === root),
        problems,
      );
      sums.set(root, sum);
      return sum;
    };
    return { serving, quotaRoots, quotaPrints, isOwnRoot, usageOfOthers };
  } finally {
    target.close();
  }
}

function sumUp(job: Job, mailboxes: ServingTarget['mailboxes'], problems: ProblemList) {
  const sum = { bytes: 0n, messages: 0n, annotations: 0n, folders: 0n };
  const target = new SourceTrees(job.target);
  try {
    for (const entry of mailboxes) {
      const place = placeOfEntry(job.target.conf, entry);
      const root = place && target.root(place.roots.meta.index);
      const bytes = place && root?.readStart(`${place.relative}/cyrus.index`, LONGEST_HEADER_BYTES);
      sum.folders += 1n;
      if (!place || !bytes) continue;
      try {
        const index = readIndexHeader(bytes, `${place.meta.index}/cyrus.index`);
        sum.bytes += BigInt(index.quotaUsedBytes);
        sum.messages += BigInt(index.exists);
        sum.annotations += BigInt(index.quotaAnnotUsed);
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        problems.add({
          code: 'target-index-damaged',
          message: `${error.message}: what it adds to the quota root above it is not counted`,
          advice: 'Run reconstruct for it on the new server.',
          mailbox: entry.name,
        });
      }
    }
    return sum;
  } finally {
    target.close();
  }
}
