/** What the disk does not decide, as problems: each is answered by a rule of the job file. */
import type { Problem } from '../model/problem.js';
import type { Leftover, LeftoverDetail, LeftoversResult } from './leftover.js';

/**
 * Of verdict `person`, all but what is plainly no mail: a stray file of an administrator stays behind and is listed,
 * but asks nobody.
 */
export function isUndecided({ verdict }: Leftover, { finding: { facts } }: LeftoverDetail): boolean {
  return verdict === 'person' && !(facts.kind === 'foreign' && !facts.isUnreadable && !facts.mayHoldMail);
}

export function undecided(found: LeftoversResult): Problem[] {
  const problems: Problem[] = [];
  for (const [leftover, detail] of found.details) {
    if (!isUndecided(leftover, detail)) continue;
    const { facts } = detail.finding;
    const isPlace = facts.kind === 'place' && facts.mayBeLive !== undefined;
    problems.push({
      code: 'leftover-undecided',
      message: `${leftover.class}: ${leftover.evidence.join('; ')}`,
      advice: isPlace
        ? `Look at it (cyrsync leftovers explain); then a [[leftovers]] rule with this path and action = "migrate-as-live", mailbox = "${facts.mayBeLive!.name}", or "skip", or "rescue".`
        : 'Look at it (cyrsync leftovers explain); then a [[leftovers]] rule in the job file with this path and action = "skip" or "rescue".',
      mailbox: leftover.mailbox ?? undefined,
      path: leftover.paths[0],
    });
  }
  return problems;
}
