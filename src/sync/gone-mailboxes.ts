/** Mailboxes that the source has no more: what the guard is asked about, and what is taken away at the end of a pass. */
import { asInternalName, isDeletedName } from '../cyrus/names/mailbox-name.js';
import { barrier } from '../disk/barrier.js';
import type { SourceTrees, TargetTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import { readMailboxesDb } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { KnownMailbox } from '../state/mailbox-rows.js';
import type { State } from '../state/state.js';
import type { GuardInput } from './guard.js';
import { placeOfRow } from './mailbox-tasks.js';
import { removeMailbox, removeStaged } from './moves.js';

type Losses = Pick<
  GuardInput,
  'mailboxesBefore' | 'mailboxesGone' | 'mailboxesLeftOut' | 'messagesBefore' | 'messagesGone'
>;

/** What the target has of this job, and what of it the source has no more. */
export function countLosses(job: Job, { mailboxes, table, unseen, refused, selection }: Inventory): Losses {
  const losses = { mailboxesBefore: 0, mailboxesGone: 0, mailboxesLeftOut: 0, messagesBefore: 0, messagesGone: 0 };
  for (const mailbox of mailboxes) {
    const before = table.syncedFiles[mailbox.at]!;
    if (before < 0) continue;
    losses.mailboxesBefore++;
    losses.messagesBefore += before;
    losses.messagesGone += Math.max(0, before - (mailbox.summary?.files ?? before));
  }
  for (const { name, targetPartition, syncedFiles } of unseen) {
    if (targetPartition === null) continue;
    losses.mailboxesBefore++;
    losses.messagesBefore += syncedFiles;
    if (isDeletedName(asInternalName(name), job.source.conf) || refused.has(name)) continue;
    losses.mailboxesGone++;
    if (!selection.takes(asInternalName(name))) losses.mailboxesLeftOut++;
    losses.messagesGone += syncedFiles;
  }
  return losses;
}

/** Those that neither of two reads of mailboxes.db knows, by name or by uniqueid. The second read is made here. */
export function findGone(
  job: Job,
  source: SourceTrees,
  { mailboxes, unseen, refused, selection }: Inventory,
): KnownMailbox[] {
  const candidates = unseen.filter(({ name }) => !refused.has(name));
  if (candidates.length === 0) return [];
  const names = new Set<string>();
  const ids = new Set<string>();
  for (const entry of readMailboxesDb(job, source).mailboxes) {
    if (entry.deleted) continue;
    names.add(entry.name);
    if (entry.uniqueid !== undefined) ids.add(entry.uniqueid);
  }
  const isLeft = (name: string) =>
    !selection.takes(asInternalName(name)) ||
    (job.options.migrate.deleted === 'leave' && isDeletedName(asInternalName(name), job.source.conf));
  // A name that lives on with another uniqueid was deleted and made anew; 3.x says so, in 2.x only the header could.
  const renewed = new Set(mailboxes.map((mailbox) => mailbox.name as string));
  return candidates.filter(
    ({ name, uniqueid }) => isLeft(name) || (!ids.has(uniqueid) && (!names.has(name) || renewed.has(name))),
  );
}

/** @returns how many mailboxes and messages went from the target. */
export function removeGone(
  job: Job,
  state: State,
  target: TargetTrees,
  targetRoots: readonly string[],
  gone: readonly KnownMailbox[],
): { mailboxes: number; messages: number } {
  const removed = { mailboxes: 0, messages: 0 };
  const going = new Set(gone.map(({ id }) => id));
  // Where a live mailbox lies now at the very place that a gone one had, that one has taken its files' names.
  const claimed = new Set<string>();
  const places = new Set(gone.map(placeKey));
  for (const row of state.mailboxes.standings())
    if (!going.has(row.id) && places.has(placeKey(row))) claimed.add(placeKey(row));
  for (const row of gone) {
    if (row.targetPartition === null) continue;
    if (!claimed.has(placeKey(row))) removed.messages += removeMailbox(placeOfRow(job, row), target);
    if (row.staged !== 0) removeStaged(row.uniqueid, targetRoots, target);
    removed.mailboxes++;
  }
  state.mailboxes.remove(
    barrier(
      gone.map(({ id }) => id),
      target.opened,
      [],
    ),
  );
  return removed;
}

function placeKey(row: Pick<KnownMailbox, 'targetPartition' | 'targetRelative'>): string {
  return `${row.targetPartition} ${row.targetRelative}`;
}
