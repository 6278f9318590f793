/**
 * The way back from *final*: what the target has that the source had not is listed; then, discarded or not at all. What
 * was set or deleted in mailboxes that both have is not looked for: the pass after it compares each of them and makes it
 * as the source has it again.
 */
import { firstOf } from '../base/units.js';
import { asInternalName } from '../cyrus/names/mailbox-name.js';
import { SourceTrees, type TargetTrees } from '../disk/trees.js';
import { unitOf } from '../inventory/listed-mailbox.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { State } from '../state/state.js';
import { isEmptyMailbox, liveMailboxes } from '../sync/target-in-use.js';
import { targetIndexHeader } from './target-state.js';

export interface TargetNews {
  readonly newer: readonly { readonly mailbox: string; readonly firstUid: number; readonly lastUid: number }[];
  /** Made, renamed or deleted there since, with messages in them. */
  readonly made: readonly string[];
  /** Rows of what is reopened. */
  readonly rows: readonly number[];
}

/** @param last When what is reopened was final. */
export function newsOfTarget(
  job: Job,
  state: State,
  target: TargetTrees,
  last: string,
  problems: ProblemList,
): TargetNews {
  const finals = state.units.finals();
  const isOfLast = (name: string) =>
    finals.size === 0 || finals.get(unitOf(asInternalName(name), job.source.conf)) === last;
  const damaged: string[] = [];
  const newer: { mailbox: string; firstUid: number; lastUid: number }[] = [];
  const rows: number[] = [];
  for (const row of state.mailboxes.known()) {
    if (!isOfLast(row.name)) continue;
    rows.push(row.id);
    const index = targetIndexHeader(job, row, target);
    if (index === 'damaged') damaged.push(row.name);
    else if (index && index.lastUid > row.lastUid)
      newer.push({ mailbox: row.name, firstUid: row.lastUid + 1, lastUid: index.lastUid });
  }
  if (damaged.length > 0)
    problems.add({
      code: 'target-index-damaged',
      message: `what mail came on the target can not be seen where its index is damaged: ${firstOf(damaged)}`,
      advice: 'Run reconstruct there, and look again.',
    });
  return { newer, made: madeThere(job, state, isOfLast), rows };
}

/** A server that serves others is theirs: there only what stands below the users in question counts. */
function madeThere(job: Job, state: State, isOfLast: (name: string) => boolean): string[] {
  const trees = new SourceTrees(job.target);
  try {
    const names = new Map<string, string>();
    for (const row of [...state.mailboxes.known(), ...state.rescuedMailboxes()]) names.set(row.uniqueid, row.name);
    return liveMailboxes(job, trees)
      .filter((entry) => {
        const known = entry.uniqueid === undefined ? undefined : names.get(entry.uniqueid);
        const isNew = isOfLast(entry.name) && known !== entry.name;
        return isNew && !isEmptyMailbox(job, entry, (root) => trees.root(root));
      })
      .map((entry) => entry.name);
  } finally {
    trees.close();
  }
}

/** Puts the job back to presync. What the target has beyond the source goes at the next pass, or cutover. */
export function reopen(state: State, last: string, { made, rows }: TargetNews): void {
  state.units.reopen(last, () => {
    state.setFact('final', undefined);
    state.setFact('reopened', new Date().toISOString());
    state.setFact('discarded', JSON.stringify(made));
    state.mailboxes.lookAgain(rows);
  });
}
