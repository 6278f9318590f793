/** The mailboxes that the target will have, each with its record and its place there. */

import { FormatError } from '../base/errors.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { type IndexHeader, readIndexHeader } from '../cyrus/mailbox/index.js';
import { LONGEST_HEADER_BYTES } from '../cyrus/mailbox/index-layout.js';
import { inboxOf, isDeletedName, isInbox, toUserid, type User, userOf } from '../cyrus/names/mailbox-name.js';
import type { TargetTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import type { SourceMailbox } from '../model/mailbox.js';
import type { ProblemList } from '../model/problem.js';
import type { Plan } from '../plan/plan.js';

/** What of an index the databases are made from. */
export type IndexSums = Pick<IndexHeader, 'uidvalidity' | 'exists' | 'quotaUsedBytes' | 'quotaAnnotUsed'>;

export interface MigratedMailbox {
  readonly mailbox: SourceMailbox;
  readonly place: MailboxPlace;
  /** Zeros where the mailbox was copied as it stands. */
  readonly index: IndexSums;
  /** Its index can't be read, and lies on the target as on the source: reconstruct will make one. */
  readonly asItStands: boolean;
}

const NO_SUMS: IndexSums = { uidvalidity: 0, exists: 0, quotaUsedBytes: 0, quotaAnnotUsed: 0 };

/** One of very many: its sums stand in columns, its place is made when it is asked for. */
class CollectedMailbox implements MigratedMailbox {
  readonly mailbox: SourceMailbox;
  readonly asItStands: boolean;
  readonly #plan: Plan;
  readonly #sums: SumColumns;
  readonly #at: number;

  constructor(mailbox: SourceMailbox, asItStands: boolean, plan: Plan, sums: SumColumns, at: number) {
    this.mailbox = mailbox;
    this.asItStands = asItStands;
    this.#plan = plan;
    this.#sums = sums;
    this.#at = at;
  }

  get place(): MailboxPlace {
    return this.#plan.placeOf(this.mailbox);
  }

  get index(): IndexSums {
    return this.#sums.get(this.#at);
  }
}

const SUMS = 4;

class SumColumns {
  readonly #numbers: Float64Array;

  constructor(capacity: number) {
    this.#numbers = new Float64Array(capacity * SUMS);
  }

  set(at: number, { uidvalidity, exists, quotaUsedBytes, quotaAnnotUsed }: IndexSums): void {
    this.#numbers.set([uidvalidity, exists, quotaUsedBytes, quotaAnnotUsed], at * SUMS);
  }

  get(at: number): IndexSums {
    const [uidvalidity, exists, quotaUsedBytes, quotaAnnotUsed] = this.#numbers.subarray(at * SUMS) as unknown as [
      number,
      number,
      number,
      number,
    ];
    return { uidvalidity, exists, quotaUsedBytes, quotaAnnotUsed };
  }
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
  const sums = new SumColumns(inventory.mailboxes.length);
  const add = (mailbox: SourceMailbox, asItStands: boolean, index: IndexSums) => {
    sums.set(mailboxes.length, index);
    mailboxes.push(new CollectedMailbox(mailbox, asItStands, plan, sums, mailboxes.length));
  };
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
      add(mailbox, false, readIndexHeader(bytes, path));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      problems.add({
        code: 'mailbox-needs-reconstruct',
        message: `${error.message}: it lies on the target as on the source`,
        advice: 'Run reconstruct for it on the new server once that runs.',
        mailbox: mailbox.name,
      });
      add(mailbox, true, NO_SUMS);
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
