/** A mailbox of the inventory: its record and a number in the table; all else is made of these when it is asked for. */
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { type MailboxPlace, placeOf } from '../cyrus/layout/mailbox-place.js';
import {
  type InternalName,
  inboxOf,
  isDeletedName,
  type NameConf,
  splitDomain,
  type User,
  userOf,
} from '../cyrus/names/mailbox-name.js';
import { sharedTop } from '../cyrus/names/name-pattern.js';
import type { MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { isAtLeast } from '../cyrus/version.js';
import type { MailboxSummary, SourceMailbox } from '../model/mailbox.js';
import type { MailboxTable } from './mailbox-table.js';

/** What all mailboxes of one inventory have in common. */
export interface MailboxListing {
  readonly conf: CyrusConf;
  readonly table: MailboxTable;
  /** Places that the job file says, not mailboxes.db, by internal name. */
  readonly adopted: ReadonlyMap<string, { readonly place: MailboxPlace }>;
}

export class ListedMailbox implements SourceMailbox {
  readonly entry: MailboxEntry;
  /** Its number in the table. */
  readonly at: number;
  /** Set once all are known: see `identify` in inventory.ts. */
  uniqueid = '';
  readonly #listing: MailboxListing;

  constructor(listing: MailboxListing, entry: MailboxEntry, at: number) {
    this.#listing = listing;
    this.entry = entry;
    this.at = at;
  }

  get name(): InternalName {
    return this.entry.name;
  }

  get user(): User | undefined {
    return userOf(this.name, this.#listing.conf);
  }

  get unit(): string {
    return unitOf(this.name, this.#listing.conf);
  }

  get deleted(): boolean {
    return isDeletedName(this.name, this.#listing.conf);
  }

  /** Of the source; quicker than all of the place. */
  get partition(): string {
    return this.#listing.adopted.get(this.name)?.place.partition ?? this.entry.partition!; // it has been looked at once
  }

  get place(): MailboxPlace {
    const { adopted, conf } = this.#listing;
    return adopted.get(this.name)?.place ?? placeOfEntry(conf, this.entry)!; // it has been looked at once
  }

  get headerPrint(): string {
    return this.#listing.table.headerPrint(this.at);
  }

  get print(): string {
    return this.#listing.table.print(this.at);
  }

  get hasFiles(): boolean {
    const { table } = this.#listing;
    return table.hasHeader(this.at) && table.hasIndex(this.at);
  }

  get summary(): MailboxSummary | undefined {
    return this.#listing.table.summary(this.at);
  }
}

/** @returns undefined for a partition that imapd.conf does not know, or none */
export function placeOfEntry(
  conf: CyrusConf,
  { name, uniqueid, partition, legacy }: MailboxEntry,
): MailboxPlace | undefined {
  if (partition === undefined) return undefined;
  return placeOf(conf, { name, uniqueid, partition, legacy: isByName(conf, legacy) });
}

/** Before 3.6 every mailbox lies by its name. */
export function isByName(conf: CyrusConf, legacy: boolean): boolean {
  return legacy || !isAtLeast(conf.version, '3.6');
}

/** A user's whole tree with what was deleted of it, or a shared mailbox with all below it. */
export function unitOf(name: InternalName, conf: NameConf): string {
  const user = userOf(name, conf);
  if (user) return inboxOf(user);
  const { domain } = splitDomain(name, conf);
  return `${domain === undefined ? '' : `${domain}!`}${sharedTop(name, conf)}`;
}
