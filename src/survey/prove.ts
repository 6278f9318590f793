/**
 * Whether the messages of leftovers are elsewhere: each is hashed and looked for in live mailboxes, where a GUID in an
 * index only says where to look. What counts is a file that is on the disk now and has that content.
 *
 * Leftovers of one owner come together. In memory are their hashes, never those of the live mailboxes, whose indexes
 * pass by once or twice.
 */
import { messageFileName, parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import type { IndexView } from '../cyrus/mailbox/index.js';
import { fingerprintOf } from '../disk/file-stat.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceDir } from '../disk/source.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Witness } from '../state/proof-rows.js';
import type { State } from '../state/state.js';
import type { Proof } from './classify.js';
import { ContentHashes } from './content-hashes.js';
import type { Candidates, Finding } from './finding.js';
import type { OnlyHere } from './leftover.js';
import type { LiveMailbox, LiveMailboxes } from './live-mailboxes.js';
import { hasRecord, type IndexPair, readIndexPair, readLiveIndex } from './mailbox-index.js';
import { type Item, Pending, pathOf } from './pending.js';
import { type Found, ProvenPlaces } from './proven-places.js';

export interface Proven {
  readonly proof: Proof;
  readonly onlyHere: readonly OnlyHere[];
  /** Every message, where that was asked for. */
  readonly all: readonly OnlyHere[] | undefined;
}

/** One leftover while it is being proven. */
interface Case {
  readonly items: Item[];
  unreadable: number;
  /** Where its messages were found, as they are. */
  readonly found: Found[];
  readonly witnesses: Witness[];
}

export class Prover {
  readonly #state: State;
  readonly #trees: SourceTrees;
  readonly #live: LiveMailboxes;
  readonly #hashes: ContentHashes;
  readonly #places: ProvenPlaces;

  constructor(state: State, trees: SourceTrees, live: LiveMailboxes) {
    this.#state = state;
    this.#trees = trees;
    this.#live = live;
    this.#hashes = new ContentHashes(state.proofs, trees);
    this.#places = new ProvenPlaces(state.proofs, trees, live);
  }

  /**
   * Proves leftovers of one owner. A message that is gone by now, or has got its record, was on its way: it counts
   * nowhere, and a leftover of nothing else is not in the result.
   * @param whole Those of which all messages are wanted, not just what is nowhere else.
   */
  prove(
    owner: string | undefined,
    findings: readonly Finding[],
    whole: ReadonlySet<Finding> = new Set(),
  ): Map<Finding, Proven> {
    const result = new Map<Finding, Proven>();
    const cases = new Map<Finding, Case>();
    for (const finding of findings) {
      const known = whole.has(finding) ? undefined : this.#places.recall(finding);
      if (known) {
        result.set(finding, { proof: known, onlyHere: [], all: undefined });
        continue;
      }
      const read = this.#read(finding);
      if (read) cases.set(finding, read);
    }
    const items = [...cases.values()].flatMap((one) => one.items);
    for (const item of items) this.#askWitness(item, cases.get(item.finding)!);
    const pending = new Pending(items.filter(({ where }) => where === 'unknown'));
    for (const twin of new Set(items.flatMap(({ finding }) => finding.twin ?? [])))
      this.#search(this.#live.get(twin), pending, cases, (item) => item.finding.twin === twin, 'twin');
    if (owner === undefined) this.#searchAll(pending, cases);
    else
      for (const mailbox of this.#live.ofOwner(owner)) {
        if (pending.size === 0) break;
        this.#search(mailbox, pending, cases, () => true, 'elsewhere');
      }
    for (const [finding, one] of cases) this.#markExpunged(finding, one);
    const witnesses: Witness[] = [];
    for (const [finding, one] of cases) {
      const proven = provenOf(one, whole.has(finding));
      result.set(finding, proven);
      const { proof } = proven;
      const isComplete = one.items.length > 0 && proof.onlyHere === 0 && proof.unreadable === 0;
      if (!isComplete || !this.#places.remember(finding, proof, one.found)) witnesses.push(...one.witnesses);
    }
    this.#state.proofs.save({ witnesses });
    return result;
  }

  /** What was learned since. */
  save(): void {
    this.#hashes.save();
    this.#places.save();
  }

  /** Undefined where it is no leftover any more. */
  #read(finding: Finding): Case | undefined {
    const one: Case = { items: [], unreadable: 0, found: [], witnesses: [] };
    if (finding.candidates.length === 0) return one;
    if (this.#hasRecordNow(finding)) return undefined;
    for (const of of finding.candidates) {
      for (const name of this.#namesOf(of)) {
        const { root, relative } = of;
        const file = `${relative}/${name}`;
        const hashed = this.#hashes.of(root, file);
        if (hashed === undefined) continue;
        if (hashed === 'unreadable') {
          one.unreadable++;
          continue;
        }
        const print = fingerprintOf(hashed.stat);
        one.items.push({ finding, root, file, uid: parseMessageFileName(name), ...hashed, print, where: 'unknown' });
      }
    }
    const isGone =
      one.items.length + one.unreadable === 0 && finding.parts.every(({ directories }) => directories === 0);
    return isGone ? undefined : one;
  }

  #namesOf({ root, relative, names }: Candidates): readonly string[] {
    if (names) return names;
    let dir: SourceDir | undefined;
    try {
      dir = this.#trees.root(root)?.dir(relative);
      const all = dir?.list() ?? [];
      return all.flatMap(({ name, kind }) => (kind === 'file' && parseMessageFileName(name) !== undefined ? name : []));
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return []; // gone since it was listed
    } finally {
      dir?.close();
    }
  }

  /**
   * What was found at an earlier walk holds while the live file and the index of its mailbox are as they were. Nothing
   * is remembered of what was found nowhere: it is looked for again.
   */
  #askWitness(item: Item, one: Case): void {
    const told = this.#state.proofs.witness(pathOf(item));
    if (!told || told.print !== item.print) return;
    const live = this.#live.named(told.mailbox);
    const { twin, owner } = item.finding;
    if (!live || live.print === undefined || live.print !== told.mailboxPrint) return;
    if (told.how === 'elsewhere' ? owner !== undefined && live.owner !== owner : live.number !== twin) return;
    const file = this.#trees.root(told.root)?.stat(told.relative);
    if (!file || fingerprintOf(file) !== told.filePrint) return;
    item.where = told.how;
    one.found.push({ number: live.number, root: told.how === 'expunged' ? live.place.roots.data : told.root });
  }

  #found(item: Item, live: LiveMailbox, how: Witness['how'], root: string, relative: string, one: Case): void {
    item.where = how;
    one.found.push({ number: live.number, root: how === 'expunged' ? live.place.roots.data : root });
    const file = this.#trees.root(root)?.stat(relative);
    if (!file || live.print === undefined) return;
    const [mailbox, mailboxPrint, filePrint] = [live.name, live.print, fingerprintOf(file)];
    const [path, { print }] = [pathOf(item), item];
    one.witnesses.push({ path, print, how, mailbox, mailboxPrint, root, relative, filePrint });
  }

  /** What may be anyone's: the indexes of all mailboxes, but those that were looked through for it and did not change. */
  #searchAll(pending: Pending, cases: ReadonlyMap<Finding, Case>): void {
    if (pending.size === 0) return;
    const { proofs } = this.#state;
    const known = proofs.searchedFor();
    const isNew = pending.guids().some((guid) => !known.has(guid));
    const looked: { mailbox: string; print: string }[] = [];
    for (const mailbox of this.#live) {
      if (pending.size === 0) return;
      const { name, print } = mailbox;
      if (!isNew && print !== undefined && proofs.searchedPrint(name) === print) continue;
      this.#search(mailbox, pending, cases, () => true, 'elsewhere');
      if (print !== undefined) looked.push({ mailbox: name, print });
    }
    proofs.saveSearched(pending.guids(), looked);
  }

  #hasRecordNow({ facts }: Finding): boolean {
    if (facts.kind !== 'no-record') return false;
    const mailbox = this.#live.named(facts.mailbox);
    const pair = mailbox && readLiveIndex(this.#trees, mailbox.place);
    return pair !== undefined && pair.index.lastUid !== facts.lastUid && hasRecord(pair, facts.uid);
  }

  /** Looks through a live mailbox for what is pending. Expunged records count while their file is there. */
  #search(
    mailbox: LiveMailbox,
    pending: Pending,
    cases: ReadonlyMap<Finding, Case>,
    accepts: (item: Item) => boolean,
    where: 'twin' | 'elsewhere',
  ): void {
    const pair = pending.size === 0 ? undefined : readLiveIndex(this.#trees, mailbox.place);
    if (!pair) return;
    for (const view of [pair.index, pair.expunge]) {
      if (!view) continue;
      for (let i = 0; i < view.count && pending.size > 0; i++) {
        if (view.isUnlinked(i)) continue;
        const wanted = view.guidIsZero(i) ? pending.ofSize(view.size(i)) : pending.ofGuid(view.guidHex(i));
        if (!wanted) continue;
        for (const item of [...wanted]) {
          const root = accepts(item) ? this.#rootOnDisk(mailbox, view, i, item) : undefined;
          if (root === undefined) continue;
          pending.remove(item);
          const file = `${mailbox.place.relative}/${messageFileName(view.uid(i))}`;
          this.#found(item, mailbox, where, root, file, cases.get(item.finding)!);
        }
      }
    }
  }

  /** The root below which the live file of record `i` has that content now. */
  #rootOnDisk({ place }: LiveMailbox, view: IndexView, i: number, item: Item): string | undefined {
    const { data, archive } = place.roots;
    const roots = archive === undefined ? [data] : view.isArchived(i) ? [archive, data] : [data, archive];
    const file = `${place.relative}/${messageFileName(view.uid(i))}`;
    for (const root of roots) {
      const stat = this.#trees.root(root)?.stat(file);
      if (stat?.sizeBytes !== item.stat.sizeBytes) continue;
      if (stat.ino === item.stat.ino && stat.dev === item.stat.dev) return root; // two names of one file
      const hashed = this.#hashes.of(root, file);
      if (hashed !== undefined && hashed !== 'unreadable' && hashed.guid === item.guid) return root;
    }
    return undefined;
  }

  /** Reference cyrus-mailbox-files.md 7.2, definition (b). */
  #markExpunged({ twin: number, index }: Finding, one: Case): void {
    if (number === undefined || !index) return;
    const left = one.items.filter(({ where, uid }) => where === 'unknown' && uid !== undefined);
    if (left.length === 0) return;
    const twin = this.#live.get(number);
    const now = readLiveIndex(this.#trees, twin.place);
    const then = readIndexPair(this.#trees, index, index);
    if (!now || !then || now.index.uidvalidity !== then.index.uidvalidity) return;
    for (const item of left) {
      const uid = item.uid ?? 0;
      if (uid > now.index.lastUid || isKept(now, uid) || !knew(then, uid, item)) continue;
      this.#found(item, twin, 'expunged', index.root, `${index.relative}/cyrus.index`, one);
    }
  }
}

function provenOf({ items, unreadable }: Case, isWhole: boolean): Proven {
  const count = (where: Item['where']) => items.filter((item) => item.where === where).length;
  const shown = (item: Item) => ({ path: pathOf(item), guid: item.guid, bytes: item.stat.sizeBytes });
  const unknown = items.filter(({ where }) => where === 'unknown').sort((a, b) => (a.uid ?? 0) - (b.uid ?? 0));
  const onlyHere = unknown.map(shown);
  const proof = {
    uids: unknown.flatMap(({ uid }) => uid ?? []),
    inTwin: count('twin'),
    elsewhere: count('elsewhere'),
    expunged: count('expunged'),
    onlyHere: onlyHere.length,
    unreadable,
  };
  return { proof, onlyHere, all: isWhole ? items.map(shown) : undefined };
}

/** Whether a record says that the message is still there for its user. */
function isKept({ index }: IndexPair, uid: number): boolean {
  const i = index.find(uid);
  return i >= 0 && !index.isExpunged(i);
}

/** Whether the stale index has a record of just this message. */
function knew({ index, expunge }: IndexPair, uid: number, { guid, stat }: Item): boolean {
  for (const view of [index, expunge]) {
    const i = view?.find(uid) ?? -1;
    if (!view || i < 0) continue;
    if (view.size(i) === stat.sizeBytes && (view.guidIsZero(i) || view.guidHex(i) === guid)) return true;
  }
  return false;
}
