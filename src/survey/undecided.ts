/** What the disk does not decide, as problems: each is answered by a rule of the job file. */
import type { Problem } from '../model/problem.js';
import type { LeftoversResult } from './leftover.js';

/**
 * Of verdict `person`, all but what is plainly no mail: a stray file of an administrator stays behind and is listed,
 * but asks nobody.
 */
export function undecided(found: LeftoversResult): Problem[] {
  const problems: Problem[] = [];
  for (const [leftover, { finding }] of found.details) {
    if (leftover.verdict !== 'person') continue;
    const { facts } = finding;
    if (facts.kind === 'foreign' && !facts.isUnreadable && !facts.mayHoldMail) continue;
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
