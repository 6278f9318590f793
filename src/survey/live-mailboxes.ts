/** Which directories are live: what must never be called a leftover, and what a leftover is compared with. */

import { FormatError } from '../base/errors.js';
import { mailboxRoots } from '../cyrus/conf/partitions.js';
import { type MailboxPlace, placeOf } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { type InternalName, isDeletedName, userOf } from '../cyrus/names/mailbox-name.js';
import { isLive, type MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { isAtLeast } from '../cyrus/version.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import { type Inventory, unitOf } from '../inventory/inventory.js';
import { isStill, readMailboxesDb } from '../inventory/read-mailboxes-db.js';
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
  /** Fingerprint of its index files; undefined where the inventory has none. */
  readonly print: string | undefined;
  /** There is an index where mailboxes.db says. Without one, another directory of this mailbox may be the live one. */
  readonly hasIndex: boolean;
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
  readonly #canonical: ReadonlyMap<string, string>;

  /** @param canonical Of roots that are one directory under several paths: the path that the walk takes. */
  constructor(canonical: ReadonlyMap<string, string> = new Map()) {
    this.#canonical = canonical;
  }

  add(mailbox: LiveMailbox): void {
    const { place, uniqueid, owner } = mailbox;
    if (this.keeps(mailbox.name, place)) return;
    this.all.push(mailbox);
    this.byName.set(mailbox.name, mailbox);
    const twin = uniqueid === undefined ? undefined : this.byUniqueid.get(uniqueid);
    if (uniqueid !== undefined && (!twin || twin.deleted)) this.byUniqueid.set(uniqueid, mailbox);
    if (owner !== undefined) {
      const siblings = this.byOwner.get(owner);
      if (siblings) siblings.push(mailbox);
      else this.byOwner.set(owner, [mailbox]);
    }
    for (const directory of this.#walked(place)) {
      if (!this.#byDirectory.has(directory)) this.#byDirectory.set(directory, mailbox);
      for (let cut = directory.lastIndexOf('/'); cut > 0; cut = directory.lastIndexOf('/', cut - 1)) {
        const parent = directory.slice(0, cut);
        if (this.#above.has(parent)) break;
        this.#above.add(parent);
      }
    }
  }

  /** Whether that mailbox is known to be there; one that is moved meanwhile is in two places. */
  keeps(name: InternalName, { relative, roots: { data } }: MailboxPlace): boolean {
    return this.#byDirectory.get(`${this.#canonical.get(data) ?? data}/${relative}`)?.name === name;
  }

  /** Its directories, as the walk comes to them. */
  #walked(place: MailboxPlace): Iterable<string> {
    return new Set(mailboxRoots(place.roots).map((root) => `${this.#canonical.get(root) ?? root}/${place.relative}`));
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
 * the database again where it changed, so that a mailbox renamed during the walk is live in both places.
 */
export function liveMailboxes(
  job: Job,
  trees: SourceTrees,
  inventory: Inventory,
  canonical?: ReadonlyMap<string, string>,
): LiveMailboxes {
  const { conf } = job.source;
  const live = new LiveMailboxes(canonical);
  const ownerOf = (name: InternalName) => (userOf(name, conf) ? unitOf(name, job) : undefined);
  for (const { name, uniqueid, entry, place, deleted, summary, print } of inventory.mailboxes) {
    const id = entry.uniqueid ?? uniqueid;
    const hasIndex = summary !== undefined;
    live.add({ name, uniqueid: id, place, owner: ownerOf(name), deleted, summary, print, hasIndex });
  }
  const isSame = isStill(job, trees, inventory.databasePrint);
  const list = isSame ? { print: inventory.databasePrint, mailboxes: inventory.entries } : readMailboxesDb(job, trees);
  live.print = list.print;
  for (const entry of list.mailboxes) {
    const { name } = entry;
    if (!isLive(entry)) {
      if (entry.deleted) live.records.set(name, 'tombstone');
      else if (entry.reserved) live.records.set(name, 'reserved');
      continue;
    }
    const place = inventory.adopted.has(name) ? undefined : placeOfEntry(job, entry);
    if (!place || live.keeps(name, place)) continue;
    live.add({
      name,
      uniqueid: entry.uniqueid ?? headerUniqueid(trees, place),
      place,
      owner: ownerOf(name),
      deleted: isDeletedName(name, conf),
      summary: undefined,
      print: undefined,
      hasIndex: trees.root(place.roots.meta.index)?.stat(`${place.relative}/cyrus.index`)?.kind === 'file',
    });
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
