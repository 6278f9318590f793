/** The vocabulary of a migration. Types only. */
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import type { InternalName, User } from '../cyrus/names/mailbox-name.js';
import type { MailboxEntry } from '../cyrus/records/mailboxes-db.js';

/** What the index of a mailbox adds up to. */
export interface MailboxSummary {
  readonly indexVersion: number;
  readonly uidvalidity: number;
  readonly lastUid: number;
  /** Not expunged. */
  readonly messages: number;
  /** Records, expunged ones too: about the number of files. */
  readonly files: number;
  /** Of the messages that are not expunged. */
  readonly bytes: number;
}

/** A mailbox of the source that is to be migrated. */
export interface SourceMailbox {
  /** Identity over all passes, and the uniqueid that the target will have. */
  readonly uniqueid: string;
  readonly name: InternalName;
  readonly entry: MailboxEntry;
  readonly user: User | undefined;
  /** What is placed together: a user's tree, or a shared mailbox's. */
  readonly unit: string;
  readonly deleted: boolean;
  readonly place: MailboxPlace;
  readonly headerPrint: string;
  /** Fingerprint of cyrus.header, cyrus.index, cyrus.expunge, cyrus.annotations (reference 9.2). */
  readonly print: string;
  /** Whether cyrus.header and cyrus.index are there at all. */
  readonly hasFiles: boolean;
  /** Undefined where the index can't be read: the target keeps what it has. */
  readonly summary: MailboxSummary | undefined;
}
