/**
 * Which directories are live: what must never be called a leftover, and what a leftover is compared with. A server has
 * hundreds of thousands of mailboxes, so they are rows of a table; an object of one is made for who asks.
 */
import { digestOf } from '../base/digest.js';
import { FormatError } from '../base/errors.js';
import { mailboxRoots, type PartitionConf } from '../cyrus/conf/partitions.js';
import { type MailboxPlace, placeBelow } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { type InternalName, inboxOf, isDeletedName, type NameConf, userOf } from '../cyrus/names/mailbox-name.js';
import { isLive } from '../cyrus/records/mailboxes-db.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import { placeOfEntry } from '../inventory/listed-mailbox.js';
import { isStill, readMailboxesDb } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';

export interface LiveMailbox {
  /** Which one it is in its table, from 0. */
  readonly number: number;
  readonly name: InternalName;
  /** As the source has it. */
  readonly uniqueid: string | undefined;
  readonly place: MailboxPlace;
  /** See {@link ownerOf}. */
  readonly owner: string | undefined;
  readonly deleted: boolean;
  /** Changes with the fingerprint of its index files; undefined where the inventory has none. */
  readonly print: string | undefined;
  /** There is an index where mailboxes.db says. Without one, another directory of this mailbox may be the live one. */
  readonly hasIndex: boolean;
}

const DELETED = 1;
const HAS_INDEX = 2;
const LEGACY = 4;
const NONE = -1;

/** Roots of a partition, and how the walk names them. */
interface Roots {
  readonly conf: PartitionConf;
  readonly walked: ReadonlySet<string>;
}

export class LiveMailboxes {
  /** Of the mailboxes.db that was read. */
  print = '';
  /** Whether a mailbox comes along, as far as [select] of the job file goes. */
  takes: (name: InternalName) => boolean = () => true;
  /** Tombstones, reserved ones: names that mailboxes.db has and no client can open. */
  readonly records = new Map<string, 'tombstone' | 'reserved'>();

  // One column for each fact.
  readonly #names: InternalName[] = [];
  readonly #uniqueids: (string | undefined)[] = [];
  readonly #relatives: string[] = [];
  readonly #rootsOf: number[] = [];
  readonly #flags: number[] = [];
  /** {@link digestOf} of the fingerprint, or NONE. */
  readonly #prints: number[] = [];
  readonly #ownerOf: number[] = [];
  /** The next one of the same owner; of another mailbox with the same relative directory. */
  readonly #nextOfOwner: number[] = [];
  readonly #nextOfRelative = new Map<number, number>();

  readonly #byName = new Map<string, number>();
  readonly #byUniqueid = new Map<string, number>();
  readonly #byRelative = new Map<string, number>();
  readonly #owners: string[] = [];
  readonly #ownerNumbers = new Map<string, number>();
  readonly #firstOfOwner: number[] = [];
  readonly #lastOfOwner: number[] = [];
  readonly #roots: Roots[] = [];
  readonly #rootNumbers = new Map<PartitionConf, number>();
  #sorted: Uint32Array | undefined;
  readonly #canonical: ReadonlyMap<string, string>;

  /** @param canonical Of roots that are one directory under several paths: the path that the walk takes. */
  constructor(canonical: ReadonlyMap<string, string> = new Map()) {
    this.#canonical = canonical;
  }

  get size(): number {
    return this.#names.length;
  }

  /** @param mailbox Whose `print` is the fingerprint itself. */
  add(mailbox: Omit<LiveMailbox, 'number'>): void {
    const { name, place, uniqueid, owner, deleted, print, hasIndex } = mailbox;
    if (this.keeps(name, place)) return;
    const number = this.#names.length;
    this.#names.push(name);
    this.#uniqueids.push(uniqueid);
    this.#relatives.push(place.relative);
    this.#rootsOf.push(this.#numberOfRoots(place.roots));
    this.#flags.push((deleted ? DELETED : 0) | (hasIndex ? HAS_INDEX : 0) | (place.legacy ? LEGACY : 0));
    this.#prints.push(print === undefined ? NONE : digestOf(print));
    this.#byName.set(name, number);
    this.#sorted = undefined;

    const twin = uniqueid === undefined ? undefined : this.#byUniqueid.get(uniqueid);
    if (uniqueid !== undefined && (twin === undefined || this.#flags[twin]! & DELETED))
      this.#byUniqueid.set(uniqueid, number);

    this.#nextOfOwner.push(NONE);
    const of = owner === undefined ? NONE : this.#numberOfOwner(owner);
    this.#ownerOf.push(of);
    if (of !== NONE) {
      const last = this.#lastOfOwner[of];
      if (last === undefined) this.#firstOfOwner[of] = number;
      else this.#nextOfOwner[last] = number;
      this.#lastOfOwner[of] = number;
    }

    let first = this.#byRelative.get(place.relative);
    if (first === undefined) this.#byRelative.set(place.relative, number);
    else {
      for (let next = first; (next = this.#nextOfRelative.get(first) ?? NONE) !== NONE; ) first = next;
      this.#nextOfRelative.set(first, number);
    }
  }

  get(number: number): LiveMailbox {
    const flags = this.#flags[number]!;
    const of = this.#ownerOf[number]!;
    const print = this.#prints[number]!;
    return {
      number,
      name: this.#names[number]!,
      uniqueid: this.#uniqueids[number],
      place: placeBelow(this.#roots[this.#rootsOf[number]!]!.conf, (flags & LEGACY) !== 0, this.#relatives[number]!),
      owner: of === NONE ? undefined : this.#owners[of],
      deleted: (flags & DELETED) !== 0,
      print: print === NONE ? undefined : print.toString(36),
      hasIndex: (flags & HAS_INDEX) !== 0,
    };
  }

  *[Symbol.iterator](): Iterator<LiveMailbox> {
    for (let number = 0; number < this.size; number++) yield this.get(number);
  }

  named(name: string): LiveMailbox | undefined {
    return this.#maybe(this.#byName.get(name));
  }

  /** Of several the first that is not deleted. */
  withUniqueid(uniqueid: string): LiveMailbox | undefined {
    return this.#maybe(this.#byUniqueid.get(uniqueid));
  }

  *ofOwner(owner: string): Iterable<LiveMailbox> {
    const of = this.#ownerNumbers.get(owner);
    if (of === undefined) return;
    for (let number = this.#firstOfOwner[of]!; number !== NONE; number = this.#nextOfOwner[number]!)
      yield this.get(number);
  }

  /** Whether that mailbox is known to be there; one that is moved meanwhile is in two places. */
  keeps(name: InternalName, { relative, roots: { data } }: MailboxPlace): boolean {
    const number = this.#below(this.#canonical.get(data) ?? data, relative);
    return number !== undefined && this.#names[number] === name;
  }

  /** The live mailbox that keeps files in this directory. @param root As the walk takes it. */
  below(root: string, relative: string): LiveMailbox | undefined {
    return this.#maybe(this.#below(root, relative));
  }

  /** The same. @param directory As the server names it. */
  at(directory: string): LiveMailbox | undefined {
    for (const { walked } of this.#roots)
      for (const root of walked) {
        const found = directory.startsWith(`${root}/`) ? this.below(root, directory.slice(root.length + 1)) : undefined;
        if (found) return found;
      }
    return undefined;
  }

  /** True for a directory with that of a live mailbox somewhere below. */
  isAbove(directory: string): boolean {
    for (const { walked } of this.#roots)
      for (const root of walked) {
        const below =
          directory === root
            ? ''
            : directory.startsWith(`${root}/`)
              ? `${directory.slice(root.length + 1)}/`
              : undefined;
        if (below === undefined) continue;
        const sorted = this.#inOrder();
        let [low, high] = [0, sorted.length];
        while (low < high) {
          const middle = (low + high) >> 1;
          if (this.#relatives[sorted[middle]!]! < below) low = middle + 1;
          else high = middle;
        }
        for (let i = low; i < sorted.length && this.#relatives[sorted[i]!]!.startsWith(below); i++)
          if (this.#roots[this.#rootsOf[sorted[i]!]!]!.walked.has(root)) return true;
      }
    return false;
  }

  /** Numbers by relative directory; asked for so seldom that it is made when it is. */
  #inOrder(): Uint32Array {
    const of = this.#relatives;
    this.#sorted ??= Uint32Array.from(of.keys()).sort((a, b) => (of[a]! < of[b]! ? -1 : 1));
    return this.#sorted;
  }

  #below(root: string, relative: string): number | undefined {
    let number = this.#byRelative.get(relative);
    while (number !== undefined && !this.#roots[this.#rootsOf[number]!]!.walked.has(root))
      number = this.#nextOfRelative.get(number);
    return number;
  }

  #maybe(number: number | undefined): LiveMailbox | undefined {
    return number === undefined ? undefined : this.get(number);
  }

  #numberOfRoots(conf: PartitionConf): number {
    let number = this.#rootNumbers.get(conf);
    if (number === undefined) {
      number = this.#roots.length;
      const walked = new Set(mailboxRoots(conf).map((root) => this.#canonical.get(root) ?? root));
      this.#roots.push({ conf, walked });
      this.#rootNumbers.set(conf, number);
    }
    return number;
  }

  #numberOfOwner(owner: string): number {
    let number = this.#ownerNumbers.get(owner);
    if (number === undefined) {
      number = this.#owners.length;
      this.#owners.push(owner);
      this.#ownerNumbers.set(owner, number);
    }
    return number;
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
  for (const { name, uniqueid, entry, place, deleted, summary, print } of inventory.mailboxes) {
    const id = entry.uniqueid ?? uniqueid;
    const hasIndex = summary !== undefined;
    live.add({ name, uniqueid: id, place, owner: ownerOf(name, conf), deleted, print, hasIndex });
  }
  const isSame = isStill(job, trees, inventory.databasePrint);
  const list = isSame ? { print: inventory.databasePrint, mailboxes: inventory.entries } : readMailboxesDb(job, trees);
  live.print = list.print;
  live.takes = (name) => inventory.selection.takes(name);
  for (const entry of list.mailboxes) {
    const { name } = entry;
    if (!isLive(entry)) {
      if (entry.deleted) live.records.set(name, 'tombstone');
      else if (entry.reserved) live.records.set(name, 'reserved');
      continue;
    }
    const place = inventory.adopted.has(name) ? undefined : placeOfEntry(conf, entry);
    if (!place || live.keeps(name, place)) continue;
    live.add({
      name,
      uniqueid: entry.uniqueid ?? headerUniqueid(trees, place),
      place,
      owner: ownerOf(name, conf),
      deleted: isDeletedName(name, conf),
      print: undefined,
      hasIndex: trees.root(place.roots.meta.index)?.stat(`${place.relative}/cyrus.index`)?.kind === 'file',
    });
  }
  return live;
}

/** The INBOX of the user whose mailbox it is, DELETED ones too; undefined for a shared one. */
export function ownerOf(name: InternalName, conf: NameConf): string | undefined {
  const user = userOf(name, conf);
  return user && inboxOf(user);
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
