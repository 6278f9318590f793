/** Which directories are live: what must never be called a leftover, and what a leftover is compared with. */
import { FormatError } from '../base/errors.js';
import { type MailboxPlace, placeOf } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { type InternalName, isDeletedName, userOf } from '../cyrus/names/mailbox-name.js';
import { isLive, type MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { isAtLeast } from '../cyrus/version.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import { type Inventory, unitOf } from '../inventory/inventory.js';
import { readMailboxesDb } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { MailboxSummary } from '../model/mailbox.js';

export interface LiveMailbox {
  readonly name: InternalName;
  /** As the source has it. */
  readonly uniqueid: string | undefined;
  readonly place: MailboxPlace;
  /** The user whose it is, DELETED ones too; undefined for a shared one. */
  readonly owner: string | undefined;
  readonly deleted: boolean;
  readonly summary: MailboxSummary | undefined;
}

export class LiveMailboxes {
  /** Of the mailboxes.db that was read. */
  print = '';
  readonly all: LiveMailbox[] = [];
  readonly byUniqueid = new Map<string, LiveMailbox>();
  readonly byName = new Map<string, LiveMailbox>();
  readonly byOwner = new Map<string, LiveMailbox[]>();
  /** Tombstones, reserved ones: names that mailboxes.db has and no client can open. */
  readonly records = new Map<string, 'tombstone' | 'reserved'>();
  readonly #byDirectory = new Map<string, LiveMailbox>();
  readonly #above = new Set<string>();

  add(mailbox: LiveMailbox): void {
    const { place, uniqueid, owner } = mailbox;
    const known = this.#byDirectory.get(place.data);
    if (known?.name === mailbox.name) return;
    this.all.push(mailbox);
    this.byName.set(mailbox.name, mailbox);
    const twin = uniqueid === undefined ? undefined : this.byUniqueid.get(uniqueid);
    if (uniqueid !== undefined && (!twin || twin.deleted)) this.byUniqueid.set(uniqueid, mailbox);
    if (owner !== undefined) {
      const siblings = this.byOwner.get(owner);
      if (siblings) siblings.push(mailbox);
      else this.byOwner.set(owner, [mailbox]);
    }
    for (const directory of directoriesOf(place)) {
      if (!this.#byDirectory.has(directory)) this.#byDirectory.set(directory, mailbox);
      for (let cut = directory.lastIndexOf('/'); cut > 0; cut = directory.lastIndexOf('/', cut - 1)) {
        const parent = directory.slice(0, cut);
        if (this.#above.has(parent)) break;
        this.#above.add(parent);
      }
    }
  }

  /** The live mailbox that keeps files in this directory. @param directory As the server names it. */
  at(directory: string): LiveMailbox | undefined {
    return this.#byDirectory.get(directory);
  }

  /** True for a directory with that of a live mailbox somewhere below. */
  isAbove(directory: string): boolean {
    return this.#above.has(directory);
  }
}

/** Every directory in which a mailbox may keep files. */
export function directoriesOf(place: MailboxPlace): Set<string> {
  const all = new Set([place.data, ...Object.values(place.meta)]);
  if (place.archive !== null) all.add(place.archive);
  return all;
}

/**
 * The mailboxes of the inventory, and what mailboxes.db has beside them: created since, refused, left by choice. Reads
 * the database again, so that a mailbox renamed during the walk is live in both places.
 */
export function liveMailboxes(job: Job, trees: SourceTrees, inventory: Inventory): LiveMailboxes {
  const { conf } = job.source;
  const live = new LiveMailboxes();
  const ownerOf = (name: InternalName) => (userOf(name, conf) ? unitOf(name, job) : undefined);
  for (const { name, uniqueid, entry, place, deleted, summary } of inventory.mailboxes) {
    live.add({ name, uniqueid: entry.uniqueid ?? uniqueid, place, owner: ownerOf(name), deleted, summary });
  }
  const list = readMailboxesDb(job, trees);
  live.print = list.print;
  for (const entry of list.mailboxes) {
    const { name } = entry;
    if (!isLive(entry)) {
      if (entry.deleted) live.records.set(name, 'tombstone');
      else if (entry.reserved) live.records.set(name, 'reserved');
      continue;
    }
    const place = placeOfEntry(job, entry);
    if (!place || live.at(place.data)?.name === name) continue;
    const uniqueid = entry.uniqueid ?? headerUniqueid(trees, place);
    live.add({ name, uniqueid, place, owner: ownerOf(name), deleted: isDeletedName(name, conf), summary: undefined });
  }
  return live;
}

function placeOfEntry(job: Job, { name, uniqueid, partition, legacy }: MailboxEntry): MailboxPlace | undefined {
  const { conf } = job.source;
  if (partition === undefined) return undefined;
  return placeOf(conf, { name, uniqueid, partition, legacy: !isAtLeast(conf.version, '3.6') || legacy });
}

function headerUniqueid(trees: SourceTrees, place: MailboxPlace): string | undefined {
  try {
    const bytes = trees.root(place.roots.meta.header)?.read(`${place.relative}/cyrus.header`);
    return bytes ? readMailboxHeader(bytes, place.meta.header).uniqueid : undefined;
  } catch (error) {
    // The inventory has told of it; here it only means that nothing is compared with this mailbox by uniqueid.
    if (error instanceof FormatError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}
