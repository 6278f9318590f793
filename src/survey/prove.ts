/**
 * Whether the messages of leftovers are elsewhere: each is hashed and looked for in live mailboxes, where a GUID in an
 * index only says where to look. What counts is a file that is on the disk now and has that content.
 *
 * Leftovers of one owner come together. In memory are their hashes, never those of the live mailboxes, whose indexes
 * pass by once or twice.
 */
import { createHash } from 'node:crypto';
import { messageFileName, parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import type { IndexView } from '../cyrus/mailbox/index.js';
import { type FileStat, fingerprintOf } from '../disk/file-stat.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Witness } from '../state/proof-rows.js';
import type { State } from '../state/state.js';
import type { Proof } from './classify.js';
import type { Finding } from './finding.js';
import type { OnlyHere } from './leftover.js';
import type { LiveMailbox, LiveMailboxes } from './live-mailboxes.js';
import { hasRecord, type IndexPair, readIndexPair, readLiveIndex } from './mailbox-index.js';

export interface Proven {
  readonly proof: Proof;
  readonly onlyHere: readonly OnlyHere[];
  /** Every message, where that was asked for. */
  readonly all: readonly OnlyHere[] | undefined;
}

/** A message file of a leftover. */
interface Item {
  readonly print: string;
  readonly finding: Finding;
  readonly path: string;
  readonly uid: number | undefined;
  readonly stat: FileStat;
  readonly guid: string;
  where: 'unknown' | 'twin' | 'elsewhere' | 'expunged';
}

export class Prover {
  readonly #state: State;
  readonly #trees: SourceTrees;
  readonly #live: LiveMailboxes;
  #newHashes: { path: string; print: string; guid: string }[] = [];
  #newWitnesses: Witness[] = [];

  constructor(state: State, trees: SourceTrees, live: LiveMailboxes) {
    this.#state = state;
    this.#trees = trees;
    this.#live = live;
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
    const items: Item[] = [];
    const unreadable = new Map<Finding, number>();
    const vanished = new Set<Finding>();
    for (const finding of findings) {
      if (finding.candidates.length > 0) this.#read(finding, items, unreadable, vanished);
    }
    for (const item of items) this.#askWitness(item);
    const pending = new Pending(items.filter(({ where }) => where === 'unknown'));
    const twins = new Set(findings.flatMap(({ twin }) => twin ?? []));
    for (const twin of twins) this.#search(twin, pending, (item) => item.finding.twin === twin, 'twin');
    if (owner === undefined) this.#searchAll(pending);
    else
      for (const mailbox of this.#live.byOwner.get(owner) ?? []) {
        if (pending.size === 0) break;
        this.#search(mailbox, pending, () => true, 'elsewhere');
      }
    this.#markExpunged(items);
    this.#state.proofs.save(this.#newHashes, this.#newWitnesses);
    this.#newHashes = [];
    this.#newWitnesses = [];

    const result = new Map<Finding, Proven>();
    const byFinding = groupBy(items, ({ finding }) => finding);
    for (const finding of findings) {
      if (vanished.has(finding)) continue;
      const own = byFinding.get(finding) ?? [];
      const count = (where: Item['where']) => own.filter((item) => item.where === where).length;
      const shown = ({ path, guid, stat }: Item) => ({ path, guid, bytes: stat.sizeBytes });
      const onlyHere = own.filter(({ where }) => where === 'unknown').map(shown);
      const proof = {
        inTwin: count('twin'),
        elsewhere: count('elsewhere'),
        expunged: count('expunged'),
        onlyHere: onlyHere.length,
        unreadable: unreadable.get(finding) ?? 0,
      };
      result.set(finding, { proof, onlyHere, all: whole.has(finding) ? own.map(shown) : undefined });
    }
    return result;
  }

  #read(finding: Finding, items: Item[], unreadable: Map<Finding, number>, vanished: Set<Finding>): void {
    if (this.#hasRecordNow(finding)) {
      vanished.add(finding);
      return;
    }
    let seen = 0;
    for (const { root, relative, names } of finding.candidates) {
      for (const name of names) {
        const hashed = this.#hash(root, relative, name);
        if (hashed === undefined) continue;
        seen++;
        if (hashed === 'unreadable') unreadable.set(finding, (unreadable.get(finding) ?? 0) + 1);
        else
          items.push({
            finding,
            path: `${root}/${relative}/${name}`,
            uid: parseMessageFileName(name),
            ...hashed,
            print: fingerprintOf(hashed.stat),
            where: 'unknown',
          });
      }
    }
    if (seen === 0 && finding.parts.every(({ directories }) => directories === 0)) vanished.add(finding);
  }

  /**
   * What was found at an earlier walk holds while the live file and the index of its mailbox are as they were. Nothing
   * is remembered of what was found nowhere: it is looked for again.
   */
  #askWitness(item: Item): void {
    const told = this.#state.proofs.witness(item.path);
    if (!told || told.print !== item.print) return;
    const live = this.#live.byName.get(told.mailbox);
    const { twin, owner } = item.finding;
    if (!live || live.print === undefined || live.print !== told.mailboxPrint) return;
    if (told.how === 'elsewhere' ? owner !== undefined && live.owner !== owner : live !== twin) return;
    const file = this.#trees.root(told.root)?.stat(told.relative);
    if (file && fingerprintOf(file) === told.filePrint) item.where = told.how;
  }

  #witness(item: Item, live: LiveMailbox, how: Witness['how'], root: string, relative: string): void {
    const file = this.#trees.root(root)?.stat(relative);
    if (!file || live.print === undefined) return;
    const [mailbox, mailboxPrint, filePrint] = [live.name, live.print, fingerprintOf(file)];
    this.#newWitnesses.push({
      path: item.path,
      print: item.print,
      how,
      mailbox,
      mailboxPrint,
      root,
      relative,
      filePrint,
    });
  }

  /** What may be anyone's: the indexes of all mailboxes, but those that were looked through for it and did not change. */
  #searchAll(pending: Pending): void {
    if (pending.size === 0) return;
    const { proofs } = this.#state;
    const known = proofs.searchedFor();
    const isNew = pending.guids().some((guid) => !known.has(guid));
    const looked: { mailbox: string; print: string }[] = [];
    for (const mailbox of this.#live.all) {
      if (pending.size === 0) return;
      const { name, print } = mailbox;
      if (!isNew && print !== undefined && proofs.searchedPrint(name) === print) continue;
      this.#search(mailbox, pending, () => true, 'elsewhere');
      if (print !== undefined) looked.push({ mailbox: name, print });
    }
    proofs.saveSearched(pending.guids(), looked);
  }

  #hasRecordNow({ facts }: Finding): boolean {
    if (facts.kind !== 'no-record') return false;
    const mailbox = this.#live.byName.get(facts.mailbox);
    const pair = mailbox && readLiveIndex(this.#trees, mailbox.place);
    return pair !== undefined && pair.index.lastUid !== facts.lastUid && hasRecord(pair, facts.uid);
  }

  /** Stat and SHA-1 of a file; undefined where there is none. The state knows it while its fingerprint stays. */
  #hash(rootPath: string, relative: string, name: string): { stat: FileStat; guid: string } | 'unreadable' | undefined {
    const root = this.#trees.root(rootPath);
    const file = `${relative}/${name}`;
    const stat = root?.stat(file);
    if (!root || !stat) return undefined;
    const path = `${rootPath}/${file}`;
    const print = fingerprintOf(stat);
    const known = this.#state.proofs.hash(path, print);
    if (known !== undefined) return { stat, guid: known };
    try {
      const bytes = root.read(file);
      if (!bytes) return undefined;
      const guid = createHash('sha1').update(bytes).digest('hex');
      this.#newHashes.push({ path, print, guid });
      return { stat, guid };
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return 'unreadable';
    }
  }

  /** Looks through a live mailbox for what is pending. Expunged records count while their file is there. */
  #search(mailbox: LiveMailbox, pending: Pending, accepts: (item: Item) => boolean, where: 'twin' | 'elsewhere'): void {
    const pair = readLiveIndex(this.#trees, mailbox.place);
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
          item.where = where;
          pending.remove(item);
          this.#witness(item, mailbox, where, root, `${mailbox.place.relative}/${messageFileName(view.uid(i))}`);
        }
      }
    }
  }

  /** The root below which the live file of record `i` has that content now. */
  #rootOnDisk({ place }: LiveMailbox, view: IndexView, i: number, item: Item): string | undefined {
    const { data, archive } = place.roots;
    const roots = archive === undefined ? [data] : view.isArchived(i) ? [archive, data] : [data, archive];
    const name = messageFileName(view.uid(i));
    for (const root of roots) {
      const stat = this.#trees.root(root)?.stat(`${place.relative}/${name}`);
      if (!stat) continue;
      if (stat.sizeBytes !== item.stat.sizeBytes) continue;
      if (stat.ino === item.stat.ino && stat.dev === item.stat.dev) return root; // two names of one file
      const hashed = this.#hash(root, place.relative, name);
      if (hashed !== undefined && hashed !== 'unreadable' && hashed.guid === item.guid) return root;
    }
    return undefined;
  }

  /** Reference cyrus-mailbox-files.md 7.2, definition (b). */
  #markExpunged(items: readonly Item[]): void {
    const left = items.filter(
      ({ where, uid, finding }) => where === 'unknown' && uid !== undefined && finding.twin && finding.index,
    );
    for (const [finding, own] of groupBy(left, (item) => item.finding)) {
      const { twin, index } = finding;
      const now = twin && readLiveIndex(this.#trees, twin.place);
      const then = index && readIndexPair(this.#trees, index, index);
      if (!now || !then || now.index.uidvalidity !== then.index.uidvalidity) continue;
      for (const item of own) {
        const uid = item.uid ?? 0;
        if (uid > now.index.lastUid || isKept(now, uid) || !knew(then, uid, item)) continue;
        item.where = 'expunged';
        this.#witness(item, twin, 'expunged', index.root, `${index.relative}/cyrus.index`);
      }
    }
  }
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

/** What has not been found yet, by content and by size (for records without a GUID). */
class Pending {
  readonly #byGuid: Map<string, Set<Item>>;
  readonly #bySize: Map<number, Set<Item>>;
  #size: number;

  constructor(items: readonly Item[]) {
    this.#size = items.length;
    this.#byGuid = groupInSets(items, ({ guid }) => guid);
    this.#bySize = groupInSets(items, ({ stat }) => stat.sizeBytes);
  }

  get size(): number {
    return this.#size;
  }

  guids(): string[] {
    return [...this.#byGuid.keys()];
  }

  ofGuid(guid: string): ReadonlySet<Item> | undefined {
    return this.#byGuid.get(guid);
  }

  ofSize(sizeBytes: number): ReadonlySet<Item> | undefined {
    return this.#bySize.get(sizeBytes);
  }

  remove(item: Item): void {
    this.#size--;
    removeFrom(this.#byGuid, item.guid, item);
    removeFrom(this.#bySize, item.stat.sizeBytes, item);
  }
}

function groupInSets<K>(items: readonly Item[], keyOf: (item: Item) => K): Map<K, Set<Item>> {
  const sets = new Map<K, Set<Item>>();
  for (const item of items) {
    const key = keyOf(item);
    const set = sets.get(key);
    if (set) set.add(item);
    else sets.set(key, new Set([item]));
  }
  return sets;
}

function removeFrom<K>(sets: Map<K, Set<Item>>, key: K, item: Item): void {
  const set = sets.get(key);
  set?.delete(item);
  if (set?.size === 0) sets.delete(key);
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
