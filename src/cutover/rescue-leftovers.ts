/** The cutover's look at what is not migrated: what is nowhere else is rescued, what the disk does not decide is asked. */
import { RefusedError } from '../base/errors.js';
import { asInternalName } from '../cyrus/names/mailbox-name.js';
import type { Migrated } from '../databases/migrated.js';
import { SourceTrees, type TargetTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import { chosenQuotaRoots } from '../inventory/quota-roots.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import { itemsToRescue } from '../rescue/collect.js';
import { rescueAsFiles } from '../rescue/rescue.js';
import type { RescueItem, RescueResult } from '../rescue/rescue-item.js';
import { rescueIntoMailboxes } from '../rescue/rescued-mailbox.js';
import type { State } from '../state/state.js';
import type { Leftover, LeftoverDetail, LeftoverTotal } from '../survey/leftover.js';
import { findLeftovers } from '../survey/leftovers.js';
import { undecided } from '../survey/undecided.js';
import type { PassResult } from '../sync/pass.js';

export type RescueMode = RescueResult['mode'];

export interface LeftoversDone {
  readonly rescued: RescueResult;
  readonly leftovers: readonly LeftoverTotal[];
  /** With the mailboxes that hold rescued messages. */
  readonly migrated: Migrated;
}

/** What there is something to do for. */
function matters({ verdict }: Leftover, { rescue }: LeftoverDetail): boolean {
  return verdict === 'person' || rescue.length > 0;
}

/** @param write False: says what would be rescued, and writes nothing (`--rehearse`). */
export function rescueLeftovers(
  job: Job,
  state: State,
  target: TargetTrees,
  inventory: Inventory,
  migrated: Migrated,
  {
    mode,
    write,
    quotaRoots,
  }: { mode: RescueMode; write: boolean; quotaRoots?: ReadonlyMap<string, unknown> | undefined },
  problems: ProblemList,
): LeftoversDone {
  const source = new SourceTrees(job.source);
  try {
    const found = findLeftovers(job, state, source, inventory, { prove: true, account: false, keep: matters });
    for (const problem of undecided(found)) problems.add(problem);
    const items = itemsToRescue(job, source, found).filter(comesAlong(inventory));
    const leftovers = found.totals;
    const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
    const rescued = { mode, directory: null, messages: items.length, bytes, written: 0, mailboxes: [], entries: [] };
    if (!write || mode === 'off') {
      if (mode === 'off' && items.length > 0)
        problems.add({
          code: 'not-rescued',
          message: `${items.length} messages exist only in leftovers of the old server, and stay there`,
          advice:
            'See `cyrsync leftovers --verdict rescue`; rescue = "copy" below [migrate] in the job file saves them.',
        });
      return { rescued, leftovers, migrated };
    }
    // Also where there is nothing for it: mailboxes of an earlier run are taken away again.
    const served = rescueIntoMailboxes(
      job,
      state,
      source,
      target,
      mode === 'mailbox' ? items : [],
      migrated,
      (owner) => isWaves(inventory, owner),
      quotaRoots ?? chosenQuotaRoots(job, source, inventory, problems),
      problems,
    );
    if (mode === 'mailbox') return { rescued: served.result, leftovers, migrated: served.migrated };
    const placeOf = (name: string) => migrated.byName.get(name)?.place;
    return { rescued: rescueAsFiles(job, source, items, placeOf, problems), leftovers, migrated };
  } finally {
    source.close();
  }
}

/** What is a user's who stays behind stays behind as well; in a wave so does what is nobody's, for the last one. */
function comesAlong({ selection }: Inventory): (item: RescueItem) => boolean {
  return ({ user, mailbox }) => {
    if (user) return selection.takesUser(user);
    return mailbox === undefined ? !selection.isWave : selection.takes(asInternalName(mailbox));
  };
}

/** Whether a mailbox of rescued messages is this cutover's to write or to take away: never that of users who are final. */
function isWaves({ selection }: Inventory, owner: string): boolean {
  return owner === '' ? !selection.isWave : selection.takes(asInternalName(owner));
}

/** The same ahead of the cutover, as copies only: it then finds them there. */
export function rescueEarly(
  job: Job,
  state: State,
  { inventory, plan }: PassResult,
  problems: ProblemList,
): RescueResult | undefined {
  const source = new SourceTrees(job.source);
  try {
    const found = findLeftovers(job, state, source, inventory, { prove: true, account: false, keep: matters });
    const byName = new Map(inventory.mailboxes.map((mailbox) => [mailbox.name as string, mailbox]));
    const placeOf = (name: string) => {
      const mailbox = byName.get(name);
      return mailbox && plan.placeOf(mailbox);
    };
    return rescueAsFiles(
      job,
      source,
      itemsToRescue(job, source, found).filter(comesAlong(inventory)),
      placeOf,
      problems,
    );
  } catch (error) {
    // The pass is done: what does not fit yet is a problem of this run, and no refusal of all of it.
    if (!(error instanceof RefusedError)) throw error;
    problems.add({ code: error.code, message: `${error.message}: ${error.why}`, advice: error.next });
    return undefined;
  } finally {
    source.close();
  }
}
