/**
 * One partition, all its roots at once: data, archive and meta directories with one relative path are one place, for
 * the header that names a mailbox and its messages may lie in different ones. Reads listings of everything, and the
 * index of each live mailbox; the files of a place are looked at closer only where it is not live.
 */
import { FormatError } from '../base/errors.js';
import type { PartitionConf } from '../cyrus/conf/partitions.js';
import { mailboxNameOfDir, parseMessageFileName, uniqueidOfDir } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { asInternalName, type InternalName, splitName, userOf } from '../cyrus/names/mailbox-name.js';
import { isAtLeast } from '../cyrus/version.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceDir, SourceEntry, SourceRoot } from '../disk/source.js';
import type { SourceTrees } from '../disk/trees.js';
import { unitOf } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import type { Facts } from './classify.js';
import { type Candidates, type Finding, plainFinding } from './finding.js';
import { directoriesOf, type LiveMailbox, type LiveMailboxes } from './live-mailboxes.js';
import { hasRecord, readIndexPair, readLiveIndex } from './mailbox-index.js';

export interface WalkContext {
  readonly job: Job;
  readonly trees: SourceTrees;
  readonly live: LiveMailboxes;
  /** Roots of all kinds: none is entered from within another. */
  readonly stops: ReadonlySet<string>;
  /** Directories of live mailboxes that were met. */
  readonly met: Set<LiveMailbox>;
  readonly found: (finding: Finding) => void;
}

/** A directory of a place, below one root. */
interface Listed {
  readonly root: SourceRoot;
  readonly path: string;
  readonly files: readonly string[];
  readonly directories: readonly string[];
  readonly live: LiveMailbox | undefined;
}

/** Directories in which Cyrus keeps messages on their way in, right below a root. */
const STAGING = new Set(['stage.', 'sync.']);
const UNFINISHED = /\.NEW$/;
const STRANGER: Facts = { kind: 'foreign', what: 'nothing that Cyrus writes into a mailbox' };

/** Files that a directory named as a leftover stands for; any other in it is a leftover by itself. */
export function isOfMailbox(file: string): boolean {
  return parseMessageFileName(file) !== undefined || file.startsWith('cyrus.') || UNFINISHED.test(file);
}

export function walkPartition(context: WalkContext, partition: PartitionConf): void {
  const paths = new Set([partition.data, ...Object.values(partition.meta)]);
  if (partition.archive !== undefined) paths.add(partition.archive);
  if (partition.metaPartition !== undefined) paths.add(partition.metaPartition); // what was kept there once may still be
  const roots = [...paths].flatMap((path) => context.trees.root(path) ?? []);
  if (roots.length > 0) new PartitionWalk(context, partition).visit('', roots);
}

class PartitionWalk {
  readonly #context: WalkContext;
  readonly #partition: PartitionConf;

  constructor(context: WalkContext, partition: PartitionConf) {
    this.#context = context;
    this.#partition = partition;
  }

  /** @returns The roots below which there is no file in the whole tree at `relative`. */
  visit(relative: string, roots: readonly SourceRoot[]): SourceRoot[] {
    const listed = roots.flatMap((root) => this.#list(root, relative) ?? []);
    const isOccupied = this.#place(relative, listed);
    const occupied = new Set<SourceRoot>(isOccupied ? listed.map(({ root }) => root) : []);
    for (const { root, live } of listed) if (live || relative === '') occupied.add(root);

    const below = new Map<string, SourceRoot[]>();
    for (const { root, path, directories } of listed) {
      for (const name of directories) {
        if (this.#context.stops.has(`${path}/${name}`)) {
          occupied.add(root);
          continue;
        }
        const sharers = below.get(name);
        if (sharers) sharers.push(root);
        else below.set(name, [root]);
      }
    }
    const empties: { relative: string; roots: SourceRoot[] }[] = [];
    for (const [name, sharers] of below) {
      const at = relative === '' ? name : `${relative}/${name}`;
      if (relative === '' && STAGING.has(name)) {
        for (const root of sharers) this.#staging(root, at);
        continue;
      }
      const empty = this.visit(at, sharers);
      for (const root of sharers) if (!empty.includes(root)) occupied.add(root);
      if (empty.length > 0) empties.push({ relative: at, roots: empty });
    }
    for (const { relative: at, roots: all } of empties) {
      const shown = all.filter((root) => occupied.has(root));
      if (shown.length > 0 && !(relative === '' && at === 'lost+found')) this.#empty(at, shown);
    }
    return listed.filter(({ root }) => !occupied.has(root)).map(({ root }) => root);
  }

  #list(root: SourceRoot, relative: string): Listed | undefined {
    const path = relative === '' ? root.path : `${root.path}/${relative}`;
    const live = this.#context.live.at(path);
    const entries = this.#entries(root, relative, path);
    if (!entries) return undefined;
    const files: string[] = [];
    const directories: string[] = [];
    for (const { name, kind } of entries) {
      if (kind === 'file') files.push(name);
      else if (kind === 'directory') directories.push(name);
      else this.#other(`${path}/${name}`, kind);
    }
    return { root, path, files, directories, live };
  }

  #entries(root: SourceRoot, relative: string, path: string): SourceEntry[] | undefined {
    let dir: SourceDir | undefined;
    try {
      dir = root.dir(relative);
      return dir?.list();
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      if (!this.#context.live.at(path)) this.#foreign(path, `it can not be read: ${(error as Error).message}`);
      return undefined;
    } finally {
      dir?.close();
    }
  }

  #other(path: string, kind: SourceEntry['kind']): void {
    const { live } = this.#context;
    // A link where a live mailbox lies is the administrator's; the inventory tells of it.
    if (live.at(path) || live.isAbove(path)) return;
    this.#foreign(path, kind === 'link' ? 'a symbolic link, which is not followed' : 'neither file nor directory');
  }

  #foreign(path: string, what: string, rest: Partial<Finding> = {}): void {
    this.#context.found(plainFinding({ kind: 'foreign', what }, [path], rest));
  }

  #empty(relative: string, roots: readonly SourceRoot[]): void {
    this.#context.found(
      plainFinding(
        { kind: 'empty' },
        roots.map((root) => `${root.path}/${relative}`),
        {
          areDirectories: true,
          files: 0,
          mailbox: this.#isById(relative) ? undefined : mailboxNameOfDir(relative, this.#context.job.source.conf)?.name,
          uniqueid: this.#uniqueidOf(relative),
        },
      ),
    );
  }

  /** Everything below `stage.`, file by file: their content may be anyone's. */
  #staging(root: SourceRoot, relative: string): void {
    const path = `${root.path}/${relative}`;
    for (const { name, kind } of this.#entries(root, relative, path) ?? []) {
      if (kind === 'directory') this.#staging(root, `${relative}/${name}`);
      else if (kind === 'file')
        this.#file(root, relative, name, { kind: 'debris', what: 'staging' }, { content: true });
      else this.#other(`${path}/${name}`, kind);
    }
  }

  /** One file that is a leftover by itself. `content`: it may be a message that is nowhere else. */
  #file(
    root: SourceRoot,
    relative: string,
    name: string,
    facts: Facts,
    rest: { content: boolean; mailbox?: LiveMailbox | undefined },
  ): void {
    const stat = root.stat(relative === '' ? name : `${relative}/${name}`);
    if (!stat) return; // gone meanwhile
    this.#context.found(
      plainFinding(facts, [`${root.path}/${relative === '' ? '' : `${relative}/`}${name}`], {
        bytes: stat.sizeBytes,
        messages: rest.content ? 1 : 0,
        mailbox: rest.mailbox?.name,
        uniqueid: rest.mailbox?.uniqueid,
        owner: rest.mailbox?.owner,
        candidates: rest.content ? [{ root: root.path, relative, names: [name] }] : [],
      }),
    );
  }

  /** @returns Whether the place holds a file, so that none of its directories is an empty one. */
  #place(relative: string, listed: readonly Listed[]): boolean {
    const live = listed.find((one) => one.live?.place.partition === this.#partition.name)?.live;
    if (live) {
      this.#context.met.add(live);
      this.#livePlace(relative, listed, live);
      return true;
    }
    const own = listed.filter((one) => !one.live);
    const files = own.flatMap((one) => one.files);
    if (files.length === 0) return false;
    const isMailbox = files.some(
      (name) => parseMessageFileName(name) !== undefined || (name.startsWith('cyrus.') && !UNFINISHED.test(name)),
    );
    if (relative === '') this.#strangers(relative, own, true);
    else if (isMailbox) this.#stalePlace(relative, own);
    else this.#strangers(relative, own, false);
    return true;
  }

  /** Files that are no mailbox: unfinished ones by themselves, others by their directory where that holds nothing else. */
  #strangers(relative: string, listed: readonly Listed[], isRoot: boolean): void {
    for (const { root, path, files, directories } of listed) {
      const foreign = files.filter((name) => !UNFINISHED.test(name));
      for (const name of files)
        if (UNFINISHED.test(name))
          this.#file(root, relative, name, { kind: 'debris', what: 'unfinished-write' }, { content: false });
      if (foreign.length === 0) continue;
      const isLostFound = relative.split('/')[0] === 'lost+found';
      const what = isLostFound
        ? 'what fsck found without a name: there may be messages among it'
        : 'nothing that Cyrus writes on a partition';
      if (isRoot || directories.length > 0) {
        for (const name of foreign) this.#file(root, relative, name, { kind: 'foreign', what }, { content: false });
      } else {
        let bytes = 0;
        for (const name of foreign) bytes += root.stat(`${relative}/${name}`)?.sizeBytes ?? 0;
        this.#foreign(path, what, { areDirectories: true, files: foreign.length, bytes });
      }
    }
  }

  #livePlace(relative: string, listed: readonly Listed[], live: LiveMailbox): void {
    const { place } = live;
    const hasMessages = new Set([place.data, place.archive]);
    const strays: { root: SourceRoot; name: string; uid: number }[] = [];
    let messages = 0;
    for (const { root, path, files } of listed) {
      for (const name of files) {
        const uid = parseMessageFileName(name);
        if (uid !== undefined) {
          messages++;
          strays.push({ root, name, uid });
        } else if (UNFINISHED.test(name)) {
          this.#file(
            root,
            relative,
            name,
            { kind: 'debris', what: 'unfinished-write' },
            { content: false, mailbox: live },
          );
        } else if (this.#isOutOfPlace(name, path, live, listed)) {
          this.#file(root, relative, name, { kind: 'debris', what: 'out-of-place' }, { content: false, mailbox: live });
        } else if (!name.startsWith('cyrus.')) {
          this.#file(root, relative, name, STRANGER, { content: false, mailbox: live });
        }
      }
    }
    if (live.deleted) this.#deletedPlace(listed, live, messages);
    // Read after the listing, so that a delivery that ends meanwhile has its record.
    const pair = strays.length === 0 ? undefined : readLiveIndex(this.#context.trees, place);
    if (!pair) return;
    for (const { root, name, uid } of strays) {
      if (hasMessages.has(`${root.path}/${relative}`) && hasRecord(pair, uid)) continue;
      const facts = { kind: 'no-record', mailbox: live.name, uid, lastUid: pair.index.lastUid } as const;
      this.#file(root, relative, name, facts, { content: true, mailbox: live });
    }
  }

  /** A header or index in one directory of a mailbox, where the configuration has it in another and it is there too. */
  #isOutOfPlace(name: string, path: string, { place }: LiveMailbox, listed: readonly Listed[]): boolean {
    const right = name === 'cyrus.header' ? place.meta.header : name === 'cyrus.index' ? place.meta.index : undefined;
    return (
      right !== undefined && right !== path && listed.some((one) => one.path === right && one.files.includes(name))
    );
  }

  #deletedPlace(listed: readonly Listed[], live: LiveMailbox, messages: number): void {
    const { conf } = this.#context.job.source;
    const hex = splitName(live.name, conf).deleted?.timeHex;
    const migrated = this.#context.job.options.migrate.deleted !== 'leave';
    const atSec = hex === undefined ? undefined : Number.parseInt(hex, 16);
    this.#context.found(
      plainFinding(
        { kind: 'deleted', mailbox: live.name, atSec, migrated },
        listed.map(({ path }) => path),
        {
          areDirectories: true,
          mailbox: live.name,
          uniqueid: live.uniqueid,
          owner: live.owner,
          files: listed.reduce((sum, { files }) => sum + files.length, 0),
          messages,
          bytes: live.summary?.bytes ?? 0,
        },
      ),
    );
  }

  #isById(relative: string): boolean {
    return isAtLeast(this.#context.job.source.conf.version, '3.6') && relative.startsWith('uuid/');
  }

  #uniqueidOf(relative: string): string | undefined {
    return this.#isById(relative) ? /^uuid\/[^/]+\/[^/]+\/([^/]+)$/.exec(relative)?.[1] : undefined;
  }

  #stalePlace(relative: string, listed: readonly Listed[]): void {
    const { job, live, trees } = this.#context;
    const { conf } = job.source;
    const header = this.#header(relative, listed);
    const uniqueid = this.#uniqueidOf(relative) ?? header?.uniqueid;
    const twin = uniqueid === undefined ? undefined : live.byUniqueid.get(uniqueid);
    const own = twin ? listed.filter((one) => !this.#isSameDirectory(one, relative, twin)) : listed;
    if (own.length === 0) return;

    const named = this.#isById(relative) ? undefined : mailboxNameOfDir(relative, conf);
    const bare = withoutHash(relative, twin, conf.spoolHashing === 'none');
    const isWrongPath = this.#isById(relative)
      ? uniqueidOfDir(relative) === undefined
      : bare || named?.canonical !== true;
    const name: InternalName | undefined =
      bare && twin
        ? twin.name
        : (named?.name ?? (header?.name === undefined ? twin?.name : asInternalName(header.name)));
    const nameLives = name === undefined ? undefined : live.byName.get(name);

    const holder = this.#holderOf(own, 'cyrus.index', this.#partition.meta.index);
    const index = holder && { root: holder.root.path, relative };
    const expunge = this.#holderOf(own, 'cyrus.expunge', this.#partition.meta.expunge);
    const pair = index && readIndexPair(trees, index, { root: expunge?.root.path ?? index.root, relative });
    const here = new Set<number>();
    const candidates: Candidates[] = [];
    let files = 0;
    let bytes = 0;
    let messages = 0;
    for (const { root, files: all } of own) {
      const names: string[] = [];
      for (const file of all) {
        const uid = parseMessageFileName(file);
        if (uid !== undefined) {
          here.add(uid);
          names.push(file);
        } else if (!isOfMailbox(file)) {
          this.#file(root, relative, file, STRANGER, { content: false });
          continue;
        }
        files++;
        bytes += root.stat(`${relative}/${file}`)?.sizeBytes ?? 0;
      }
      messages += names.length;
      if (names.length > 0) candidates.push({ root: root.path, relative, names });
    }
    let missingMessages = 0;
    if (pair)
      for (let i = 0; i < pair.index.count; i++)
        if (!pair.index.isUnlinked(i) && !here.has(pair.index.uid(i))) missingMessages++;
    const hex = name === undefined ? undefined : splitName(name, conf).deleted?.timeHex;

    this.#context.found({
      facts: {
        kind: 'place',
        uniqueid,
        isWrongPath,
        twin: twin && { name: twin.name, path: twin.place.data },
        nameLivesAt: nameLives?.place.data,
        record: name === undefined ? undefined : live.records.get(name),
        missingMessages,
        isMarkedDeleted: pair?.index.isDeletedMailbox ?? false,
        messages,
        deletedAtSec: hex === undefined ? undefined : Number.parseInt(hex, 16),
      },
      paths: own.map(({ path }) => path),
      areDirectories: true,
      mailbox: name,
      uniqueid,
      files,
      messages,
      bytes,
      candidates,
      owner: twin ? twin.owner : name !== undefined && userOf(name, conf) ? unitOf(name, job) : undefined,
      twin,
      index,
    });
  }

  /**
   * True where this directory is the live mailbox's own, met by another path (a bind mount, a root inside a root under
   * another name): then every file of it would be found "in the live mailbox too".
   */
  #isSameDirectory({ root }: Listed, relative: string, twin: LiveMailbox): boolean {
    const here = root.stat(relative);
    for (const directory of directoriesOf(twin.place)) {
      const rootPath = directory.slice(0, -twin.place.relative.length - 1);
      const there = this.#context.trees.root(rootPath)?.stat(twin.place.relative);
      if (here && there && here.ino === there.ino && here.dev === there.dev) return true;
    }
    return false;
  }

  #holderOf(listed: readonly Listed[], file: string, configured: string): Listed | undefined {
    const holders = listed.filter((one) => one.files.includes(file));
    return holders.find(({ root }) => root.path === configured) ?? holders[0];
  }

  #header(
    relative: string,
    listed: readonly Listed[],
  ): { uniqueid: string | undefined; name: string | undefined } | undefined {
    const holder = this.#holderOf(listed, 'cyrus.header', this.#partition.meta.header);
    if (!holder) return undefined;
    try {
      const bytes = holder.root.read(`${relative}/cyrus.header`);
      if (!bytes) return undefined;
      const { uniqueid, name } = readMailboxHeader(bytes, `${holder.path}/cyrus.header`);
      return { uniqueid, name };
    } catch (error) {
      // A damaged header names nothing; the path still may.
      if (error instanceof FormatError || errnoOf(error) !== undefined) return undefined;
      throw error;
    }
  }
}

/** True where a server without hash directories finds a mailbox one hash directory too deep. */
function withoutHash(relative: string, twin: LiveMailbox | undefined, isUnhashed: boolean): boolean {
  if (!isUnhashed || !/^[A-Za-z]\//.test(relative)) return false;
  const rest = relative.slice(2);
  return rest.startsWith('user/') || rest === twin?.place.relative;
}
