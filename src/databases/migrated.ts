/** The mailboxes that the target will have, each with its record and its place there. */

import { FormatError } from '../base/errors.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { type IndexHeader, readIndexHeader } from '../cyrus/mailbox/index.js';
import { LONGEST_HEADER_BYTES } from '../cyrus/mailbox/index-layout.js';
import { IndexWriter } from '../cyrus/mailbox/index-writer.js';
import { inboxOf, isDeletedName, isInbox, toUserid, type User, userOf } from '../cyrus/names/mailbox-name.js';
import type { TargetTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import type { SourceMailbox } from '../model/mailbox.js';
import type { ProblemList } from '../model/problem.js';
import type { Plan } from '../plan/plan.js';

export interface MigratedMailbox {
  readonly mailbox: SourceMailbox;
  readonly place: MailboxPlace;
  /** Of none at all where the mailbox was copied as it stands. */
  readonly index: IndexHeader;
  /** Its index can't be read, and lies on the target as on the source: reconstruct will make one. */
  readonly asItStands: boolean;
}

const EMPTY_INDEX = emptyIndex();

function emptyIndex(): Buffer {
  const writer = IndexWriter.create(12, 0);
  writer.seal();
  return writer.bytes;
}

export interface Migrated {
  readonly mailboxes: readonly MigratedMailbox[];
  /** By internal name. */
  readonly byName: ReadonlyMap<string, MigratedMailbox>;
  /** By the uniqueid that the source knows them by. */
  readonly bySourceId: ReadonlyMap<string, readonly MigratedMailbox[]>;
  /** Uniqueid of the INBOX where the target keeps that by uniqueid, else undefined: decides about user files. */
  targetInboxUuid(user: User): string | undefined;
  sourceInboxUuid(user: User): string | undefined;
  /** Whose files lie by this uniqueid: that of an INBOX, a deleted one too, which the source keeps by uniqueid. */
  ownerById(uniqueid: string): FilesOwner | undefined;
  /** Whether the user's files come along, mailboxes or none. */
  takesUser(user: User): boolean;
  /** Whether that is the uniqueid of a mailbox that does not come along. */
  staysById(uniqueid: string): boolean;
  /** Whether mailboxes.db says that the user was deleted. One of whom it says nothing may log in all the same. */
  isGone(user: User): boolean;
}

export interface FilesOwner {
  readonly user: User;
  /** The INBOX is deleted; by name there is no place for the files of such a user. */
  readonly isDeleted: boolean;
  /** By which the target keeps the files; undefined where it keeps them by name. */
  readonly targetUuid: string | undefined;
}

/** Reads the index header of every mailbox on the target; one that has none there is a problem and left out. */
export function collectMigrated(
  job: Job,
  inventory: Inventory,
  plan: Plan,
  target: TargetTrees,
  problems: ProblemList,
): Migrated {
  const mailboxes: MigratedMailbox[] = [];
  for (const mailbox of inventory.mailboxes) {
    const place = plan.placeOf(mailbox);
    const path = `${place.meta.index}/cyrus.index`;
    const { reader } = target.root(place.roots.meta.index);
    const bytes = reader.readStart(`${place.relative}/cyrus.index`, LONGEST_HEADER_BYTES);
    if (!bytes) {
      problems.add({
        code: 'mailbox-not-migrated',
        message: `${path} is not there`,
        advice: 'See the other problems of this mailbox; it is not in the new mailboxes.db.',
        mailbox: mailbox.name,
      });
      continue;
    }
    try {
      mailboxes.push({ mailbox, place, index: readIndexHeader(bytes, path), asItStands: false });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      problems.add({
        code: 'mailbox-needs-reconstruct',
        message: `${error.message}: it lies on the target as on the source`,
        advice: 'Run reconstruct for it on the new server once that runs.',
        mailbox: mailbox.name,
      });
      mailboxes.push({ mailbox, place, index: readIndexHeader(EMPTY_INDEX, path), asItStands: true });
    }
  }
  return migratedOf(job, inventory, mailboxes);
}

/** @param mailboxes All that the target has of this job's. */
export function migratedOf(job: Job, inventory: Inventory, mailboxes: readonly MigratedMailbox[]): Migrated {
  const byName = new Map(mailboxes.map((m) => [m.mailbox.name as string, m]));
  const bySourceId = new Map<string, MigratedMailbox[]>();
  for (const m of mailboxes) {
    const id = m.mailbox.entry.uniqueid ?? m.mailbox.uniqueid;
    bySourceId.set(id, [...(bySourceId.get(id) ?? []), m]);
  }
  const inboxOfUser = (user: User) => byName.get(inboxOf(user));
  const gone = deletedUsers(job, inventory);
  const staying = new Set(
    inventory.entries.flatMap(({ name, uniqueid }) => (inventory.selection.takes(name) ? [] : (uniqueid ?? []))),
  );
  return {
    mailboxes,
    byName,
    bySourceId,
    ownerById: (uniqueid) => {
      const byId = (bySourceId.get(uniqueid) ?? []).filter(({ mailbox }) => !mailbox.place.legacy);
      const inbox =
        byId.find(({ mailbox }) => isInbox(mailbox.name, job.source.conf)) ??
        byId.find(({ mailbox }) => mailbox.deleted);
      if (!inbox?.mailbox.user) return undefined;
      const { place, mailbox } = inbox;
      const targetUuid = place.legacy ? undefined : mailbox.uniqueid;
      return { user: inbox.mailbox.user, isDeleted: mailbox.deleted, targetUuid };
    },
    takesUser: (user) => inventory.selection.takesUser(user),
    staysById: (uniqueid) => staying.has(uniqueid),
    isGone: (user) => gone.has(inboxOf(user)),
    targetInboxUuid: (user) => {
      const inbox = inboxOfUser(user);
      return inbox && !inbox.place.legacy && isInbox(inbox.mailbox.name, job.target.conf)
        ? inbox.mailbox.uniqueid
        : undefined;
    },
    sourceInboxUuid: (user) => {
      const inbox = inboxOfUser(user);
      return inbox && !inbox.mailbox.place.legacy ? inbox.mailbox.uniqueid : undefined;
    },
  };
}

/** Internal names of INBOXes that have a tombstone, of users who have no other mailbox and are no administrators. */
function deletedUsers(job: Job, { entries }: Inventory): Set<string> {
  const { conf } = job.source;
  const gone = new Set<string>();
  for (const { name, deleted } of entries)
    if (deleted && isInbox(name, conf) && !conf.admins.includes(toUserid(userOf(name, conf)!))) gone.add(name);
  for (const { name, deleted, intermediate } of entries) {
    const user = deleted || intermediate || isDeletedName(name, conf) ? undefined : userOf(name, conf);
    if (user) gone.delete(inboxOf(user));
  }
  return gone;
}
