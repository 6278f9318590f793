/**
 * One partition, all its roots at once: data, archive and meta directories with one relative path are one place, for
 * the header that names a mailbox and its messages may lie in different ones. What is in a place is looked at where it
 * changed since the last walk; a place whose directories and mailbox are as they were costs a stat for each directory,
 * a stale one with an index another for that. What is not Cyrus's is listed each time: nothing says how it changes.
 */
import type { PartitionConf } from '../cyrus/conf/partitions.js';
import { mailboxNameOfDir, parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import { fingerprintOf } from '../disk/file-stat.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceDir, SourceEntry, SourceRoot } from '../disk/source.js';
import type { RootKind, RootTally } from '../model/account.js';
import type { CensusRow } from '../state/census-rows.js';
import type { Facts } from './classify.js';
import { filePart, otherPart, plainFinding } from './finding.js';
import type { LiveMailbox } from './live-mailboxes.js';
import { lookAtLivePlace, tellLivePlace } from './live-place.js';
import { isUnfinished, type Listed, type PlaceWalk, type Seen, UNFINISHED } from './place.js';
import { isById, lookAtStalePlace, recallStalePlace, STALE, tellStalePlace, uniqueidOf } from './stale-place.js';
import {
  addFile,
  entriesOf,
  foundUnreadable,
  isSettled,
  join,
  namesIn,
  oddKind,
  type WalkContext,
} from './walk-context.js';

interface WalkRoot {
  readonly root: SourceRoot;
  readonly counts: RootTally | undefined;
}

/** Directories in which Cyrus keeps messages on their way in, right below a root. */
const STAGING = new Set(['stage.', 'sync.']);

/** Walks what of the partition no other walk took. */
export function walkPartition(context: WalkContext, partition: PartitionConf, walked: Set<string>): void {
  const paths = context.roots.of(partition);
  if ([...paths].every((path) => walked.has(path))) return;
  for (const path of paths) walked.add(path);
  const roots = [...paths].flatMap((path) => {
    const root = context.trees.root(path);
    if (!root) return [];
    const counts = context.roots.claim(path) ? context.ledger.root(kindOf(partition, path), path) : undefined;
    return [{ root, counts }];
  });
  if (roots.length > 0) new PartitionWalk(context, partition, paths).visit('', roots);
}

function kindOf({ data, archive }: PartitionConf, path: string): RootKind {
  return path === data ? 'data' : path === archive ? 'archive' : 'meta';
}

class PartitionWalk implements PlaceWalk {
  readonly context: WalkContext;
  readonly partition: PartitionConf;
  readonly #paths: ReadonlySet<string>;
  readonly #nowNs = BigInt(Date.now()) * 1_000_000n;

  constructor(context: WalkContext, partition: PartitionConf, paths: ReadonlySet<string>) {
    this.context = context;
    this.partition = partition;
    this.#paths = paths;
  }

  /** @returns The roots below which there is no file in the whole tree at `relative`, and how many directories. */
  visit(relative: string, roots: readonly WalkRoot[]): Map<SourceRoot, number> {
    const seen = roots.flatMap((root) => this.#see(root, relative) ?? []);
    const live = seen.find((one) => one.live && this.#owns(one.live, relative))?.live;
    const known = this.#recall(relative, seen, live) ?? this.#look(relative, seen, live);

    const below = new Map<string, WalkRoot[]>();
    const occupied = new Set<SourceRoot>();
    for (const { one, directories, isOccupied } of known) {
      if (isOccupied || relative === '') occupied.add(one.root);
      for (const name of directories) {
        const sharers = below.get(name);
        if (sharers) sharers.push(one);
        else below.set(name, [one]);
      }
    }
    const empties: { at: string; found: Map<SourceRoot, number> }[] = [];
    const trees = new Map(known.map(({ one }) => [one.root, 1]));
    for (const [name, sharers] of below) {
      const at = join(relative, name);
      if (relative === '' && STAGING.has(name)) {
        for (const sharer of sharers) this.#staging(sharer, at);
        continue;
      }
      const found = this.visit(at, sharers);
      for (const { root } of sharers) {
        const count = found.get(root);
        if (count === undefined) occupied.add(root);
        else trees.set(root, (trees.get(root) ?? 1) + count);
      }
      if (found.size > 0) empties.push({ at, found });
    }
    for (const { at, found } of empties) {
      const shown = [...found].filter(([root]) => occupied.has(root));
      if (shown.length > 0 && !(relative === '' && at === 'lost+found')) this.#empty(at, shown);
    }
    for (const root of occupied) trees.delete(root);
    return trees;
  }

  /** Whether this walk is the one that tells of that mailbox, here. */
  #owns({ place }: LiveMailbox, relative: string): boolean {
    const { canonical } = this.context.roots;
    const data = canonical.get(place.roots.data);
    const main = data ?? canonical.get(place.roots.meta.index) ?? '';
    return place.relative === relative && this.#paths.has(main);
  }

  /** Undefined for what is gone, and for another root met from within this one. */
  #see({ root, counts }: WalkRoot, relative: string): Seen | undefined {
    const { context } = this;
    const path = join(root.path, relative);
    const stat = relative === '' ? root.identity() : root.stat(relative);
    if (stat?.kind !== 'directory' || (relative !== '' && context.roots.isRoot(path, stat))) return undefined;
    if (counts) counts.directories++;
    const live = context.live.below(root.path, relative);
    return { root, counts, path, stat, live, row: context.census.get(path) };
  }

  /** What the last walk saw, where nothing changed since. */
  #recall(relative: string, seen: readonly Seen[], live: LiveMailbox | undefined): Below[] | undefined {
    if (live && live.print === undefined) return undefined;
    const { context } = this;
    const stale = live ? undefined : recallStalePlace(relative, seen);
    const print = live?.print ?? (stale ? STALE : '');
    const isFresh = ({ row, stat }: Seen) =>
      row?.mailbox === print && row.print === fingerprintOf(stat) && (!context.account || row.bytes >= 0);
    if (!seen.every(isFresh)) return undefined;
    for (const { counts, row } of seen) {
      if (!counts || !row) continue;
      counts.files += row.files;
      counts.bytes += row.bytes;
    }
    if (live) tellLivePlace(this, relative, live, seen, (one) => one.row!);
    if (stale) tellStalePlace(this, relative, seen, stale, true);
    return seen.map((one) => ({
      one,
      directories: namesIn(one.row!),
      isOccupied: live !== undefined || stale !== undefined,
    }));
  }

  #look(relative: string, seen: readonly Seen[], live: LiveMailbox | undefined): Below[] {
    const listed: Listed[] = [];
    try {
      for (const one of seen) {
        const all = this.#list(one, relative);
        if (all) listed.push(all);
      }
      for (const { counts, files, size } of listed) {
        if (!counts) continue;
        counts.files += files.length;
        if (!live || this.context.account) for (const name of files) counts.bytes += size(name);
      }
      const isOccupied = this.#place(relative, listed, live);
      return listed.map((one) => ({
        one,
        directories: one.directories,
        isOccupied: isOccupied || one.live !== undefined,
      }));
    } finally {
      for (const { dir } of listed) dir.close();
    }
  }

  #list(one: Seen, relative: string): Listed | undefined {
    let dir: SourceDir | undefined;
    let entries: SourceEntry[];
    try {
      dir = one.root.dir(relative);
      if (!dir) return undefined;
      entries = dir.list();
      this.context.listed.count++;
    } catch (error) {
      dir?.close();
      if (errnoOf(error) === undefined) throw error;
      if (!one.live) foundUnreadable(this.context, one.path, error);
      return undefined;
    }
    const files: string[] = [];
    const directories: string[] = [];
    const others: SourceEntry[] = [];
    for (const entry of entries) {
      if (entry.kind === 'file') files.push(entry.name);
      else if (entry.kind === 'directory') directories.push(entry.name);
      else others.push(entry);
    }
    const sizes = new Map<string, number>();
    const open = dir;
    const size = (name: string) => {
      let bytes = sizes.get(name);
      if (bytes === undefined) sizes.set(name, (bytes = open.sizeOf(name) ?? 0));
      return bytes;
    };
    for (const { name, kind } of others) this.#other(join(one.path, name), kind);
    return { ...one, dir, files, directories, others, size };
  }

  #other(path: string, kind: SourceEntry['kind']): void {
    const { live } = this.context;
    // A link where a live mailbox lies is the administrator's; the inventory tells of it.
    if (live.at(path) || live.isAbove(path)) return;
    this.context.found(plainFinding(oddKind(kind), [otherPart(path)], { partition: this.partition.name }));
  }

  #empty(relative: string, roots: readonly [SourceRoot, number][]): void {
    const { conf } = this.context.job.source;
    this.context.found(
      plainFinding(
        { kind: 'empty' },
        roots.map(([root, directories]) => ({
          path: `${root.path}/${relative}`,
          files: 0,
          messages: 0,
          bytes: 0,
          directories,
        })),
        {
          mailbox: isById(conf, relative) ? undefined : mailboxNameOfDir(relative, conf)?.name,
          uniqueid: uniqueidOf(conf, relative),
          partition: this.partition.name,
        },
      ),
    );
  }

  /** Everything below `stage.`, file by file: their content may be anyone's. */
  #staging({ root, counts }: WalkRoot, relative: string): void {
    const stat = root.stat(relative);
    const path = join(root.path, relative);
    if (stat?.kind !== 'directory' || this.context.roots.isRoot(path, stat)) return;
    if (counts) counts.directories++;
    for (const { name, kind } of entriesOf(this.context, root, relative) ?? []) {
      const at = `${relative}/${name}`;
      if (kind === 'directory') this.#staging({ root, counts }, at);
      else if (kind === 'file') {
        const bytes = root.stat(at)?.sizeBytes ?? 0;
        addFile(counts, bytes);
        this.file(root, relative, name, bytes, { kind: 'debris', what: 'staging' }, { content: true });
      } else this.#other(`${path}/${name}`, kind);
    }
  }

  /** One file that is a leftover by itself. `content`: it may be a message that is nowhere else. */
  file(
    root: SourceRoot,
    relative: string,
    name: string,
    bytes: number,
    facts: Facts,
    rest: { content: boolean; mailbox?: LiveMailbox | undefined },
  ): void {
    const { mailbox, content } = rest;
    this.context.found(
      plainFinding(facts, [filePart(join(root.path, join(relative, name)), bytes, content ? 1 : 0)], {
        mailbox: mailbox?.name,
        uniqueid: mailbox?.uniqueid,
        owner: mailbox?.owner,
        partition: this.partition.name,
        candidates: content ? [{ root: root.path, relative, names: [name] }] : [],
      }),
    );
  }

  /** @returns Whether the place holds a file, so that none of its directories is an empty one. */
  #place(relative: string, listed: readonly Listed[], live: LiveMailbox | undefined): boolean {
    if (live) {
      const summaries = lookAtLivePlace(this, relative, listed, live);
      tellLivePlace(this, relative, live, listed, (one) => summaries.get(one as Listed)!);
      for (const one of listed) this.#save(one, live.print, summaries.get(one)!);
      return true;
    }
    const own = listed.filter((one) => !one.live);
    const files = own.flatMap((one) => one.files);
    if (files.length === 0) {
      for (const one of own) this.#save(one, '', { files: 0, bytes: 0, messages: 0, odd: '' });
      return false;
    }
    const isMailbox = files.some(
      (name) => parseMessageFileName(name) !== undefined || (name.startsWith('cyrus.') && !isUnfinished(name)),
    );
    if (relative !== '' && isMailbox) this.#stale(relative, own, own.length === listed.length);
    else this.#strangers(relative, own, relative.split('/')[0] === 'lost+found');
    return true;
  }

  /** @param isWhole None of its directories is a live mailbox's. */
  #stale(relative: string, own: readonly Listed[], isWhole: boolean): void {
    const { look, rows, index } = lookAtStalePlace(this, relative, own);
    const settled = [...own.map(({ stat }) => stat), ...(index ? [index] : [])].every((stat) =>
      isSettled(stat, this.#nowNs),
    );
    tellStalePlace(this, relative, own, look, settled);
    if (isWhole && settled) for (const [i, one] of own.entries()) this.#save(one, STALE, rows[i]!);
  }

  /** Remembers a directory as it was listed. */
  #save(
    one: Listed,
    mailbox: string | undefined,
    summary: Pick<CensusRow, 'files' | 'bytes' | 'messages' | 'odd'>,
  ): void {
    if (mailbox === undefined || one.others.length > 0 || !isSettled(one.stat, this.#nowNs)) return;
    const { files, bytes, messages, odd } = summary;
    this.context.census.save({
      path: one.path,
      print: fingerprintOf(one.stat),
      mailbox,
      directories: one.directories.join('/'),
      files,
      bytes: mailbox !== '' && mailbox !== STALE && !this.context.account ? -1 : bytes,
      messages,
      odd,
    });
  }

  /** Files that are no mailbox: unfinished ones by themselves, others by their directory where that holds nothing else. */
  #strangers(relative: string, listed: readonly Listed[], isLostFound: boolean): void {
    const what = isLostFound
      ? 'what fsck found without a name: there may be messages among it'
      : 'nothing that Cyrus writes on a partition';
    const facts: Facts = { kind: 'foreign', what, mayHoldMail: isLostFound };
    for (const { root, path, files, directories, size } of listed) {
      const foreign = files.filter((name) => !isUnfinished(name));
      for (const name of files)
        if (isUnfinished(name)) this.file(root, relative, name, size(name), UNFINISHED, { content: false });
      if (foreign.length === 0) continue;
      if (relative === '' || directories.length > 0) {
        for (const name of foreign) this.file(root, relative, name, size(name), facts, { content: false });
      } else {
        const bytes = foreign.reduce((sum, name) => sum + size(name), 0);
        const part = { path, files: foreign.length, messages: 0, bytes, directories: 1 };
        this.context.found(plainFinding(facts, [part], { partition: this.partition.name }));
      }
    }
  }
}

interface Below {
  readonly one: Seen;
  readonly directories: readonly string[];
  readonly isOccupied: boolean;
}
