/** One uniqueid of its own for each mailbox, whatever the source says. */
import { randomBytes } from 'node:crypto';
import { RefusedError } from '../base/errors.js';
import { firstOf } from '../base/units.js';
import { asInternalName, type InternalName } from '../cyrus/names/mailbox-name.js';
import { isLive, type MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import type { ProblemList } from '../model/problem.js';
import type { State } from '../state/state.js';
import type { ListedMailbox } from './listed-mailbox.js';
import type { Selection } from './selection.js';

/** A mailbox whose cutover is final. */
interface FinalOwner {
  readonly name: InternalName;
  /** The source has it no more by that name: what has its uniqueid now is the same mailbox, renamed. */
  readonly isGone: boolean;
}

/** Before anything is written down: the state's row of it is that of a live mailbox of the target. */
export function refuseMoved(mailboxes: readonly ListedMailbox[], taken: ReadonlyMap<string, FinalOwner>): void {
  if (taken.size === 0) return;
  const moved = mailboxes.flatMap(({ name, uniqueid }) =>
    taken.has(uniqueid) ? [`${name} was ${taken.get(uniqueid)!.name}`] : [],
  );
  if (moved.length === 0) return;
  throw new RefusedError(
    'Mailboxes of users who are cut over were renamed on the old server',
    `${firstOf(moved, '; ')}: the live ones are on the target`,
    'Rename them back on the old server, or delete them there.',
    { code: 'final-mailbox-renamed' },
  );
}

/** Uniqueids that the target's live mailboxes have of this job. */
export function finalUniqueids(
  entries: readonly MailboxEntry[],
  selection: Selection,
  state: State,
): ReadonlyMap<string, FinalOwner> {
  const owners = new Map<string, FinalOwner>();
  if (!selection.hasFinal) return owners;
  const live = new Set(entries.filter(isLive).map((entry) => entry.name));
  for (const row of state.mailboxes.known()) {
    const name = asInternalName(row.name);
    if (!selection.isFinal(name)) continue;
    owners.set(row.uniqueid, { name, isGone: !live.has(name) });
  }
  return owners;
}

/**
 * Gives each mailbox one uniqueid of its own. One that a final mailbox has is that one's. Of two with the same, the one
 * outside DELETED keeps it, else the first by name; a missing one is made. What is made is remembered, so that every
 * pass gives the same.
 */
export function identify(
  mailboxes: readonly ListedMailbox[],
  sourceIds: readonly (string | undefined)[],
  taken: ReadonlyMap<string, FinalOwner>,
  state: State,
  problems: ProblemList,
): void {
  const owners = new Map<string, { readonly name: InternalName }>();
  const first = new Map<string, ListedMailbox>();
  for (const [i, mailbox] of mailboxes.entries()) {
    const id = sourceIds[i];
    if (id === undefined) continue;
    const owner = first.get(id);
    if (!owner || precedes(mailbox, owner)) first.set(id, mailbox);
  }
  for (const [id, mailbox] of first) {
    const final = taken.get(id);
    owners.set(id, final && !final.isGone ? final : mailbox);
  }
  for (const [i, mailbox] of mailboxes.entries()) {
    const sourceId = sourceIds[i];
    const owner = sourceId === undefined ? undefined : owners.get(sourceId)!;
    mailbox.uniqueid =
      sourceId !== undefined && owner === mailbox ? sourceId : assignedTo(mailbox, sourceId, owner, state, problems);
  }
}

function precedes(a: ListedMailbox, b: ListedMailbox): boolean {
  return a.deleted === b.deleted ? a.name < b.name : b.deleted;
}

function assignedTo(
  { name }: ListedMailbox,
  sourceId: string | undefined,
  owner: { readonly name: InternalName } | undefined,
  state: State,
  problems: ProblemList,
): string {
  const key = sourceId ?? '';
  const known = state.assignedUniqueid(key, name);
  if (known !== undefined) return known;
  const uniqueid = newUniqueid();
  state.assignUniqueid(key, name, uniqueid);
  problems.add({
    code: sourceId === undefined ? 'uniqueid-missing' : 'uniqueid-double',
    message:
      sourceId === undefined
        ? `it had no uniqueid; the target's is ${uniqueid}`
        : `its uniqueid ${sourceId} is that of ${owner?.name} too; the target's is ${uniqueid}`,
    advice: 'Nothing to do: it is mended on the target.',
    mailbox: name,
    stays: true,
  });
  return uniqueid;
}

/** 24 characters of a-z and 0-9, as Cyrus without libuuid makes them. @see cyrus-imapd 3.0.18 lib/util.c makeuuid */
function newUniqueid(): string {
  return [...randomBytes(24)].map((byte) => 'abcdefghijklmnopqrstuvwxyz0123456789'[byte % 36]).join('');
}
