/**
 * A directory with files of a mailbox where mailboxes.db knows none: what it was, and whose. What is read from the disk
 * stands in the census, for as long as the directories and the index are as they were; what it means goes by live mail,
 * which changes, and is told anew each time.
 */
import { FormatError } from '../base/errors.js';
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { mailboxNameOfDir, parseMessageFileName, uniqueidOfDir } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { asInternalName, deletedAtSec, type InternalName } from '../cyrus/names/mailbox-name.js';
import { isAtLeast } from '../cyrus/version.js';
import { type FileStat, fingerprintOf } from '../disk/file-stat.js';
import { errnoOf } from '../disk/os-path.js';
import type { CensusRow } from '../state/census-rows.js';
import { directoriesOf, type LiveMailbox, ownerOf } from './live-mailboxes.js';
import { STRANGER } from './live-place.js';
import { readIndexPair } from './mailbox-index.js';
import { isOfMailbox, type Listed, type PlaceWalk, type Seen } from './place.js';

/** True for a path of the layout by uniqueid. */
export function isById({ version }: CyrusConf, relative: string): boolean {
  return isAtLeast(version, '3.6') && relative.startsWith('uuid/');
}

export function uniqueidOf(conf: CyrusConf, relative: string): string | undefined {
  return isById(conf, relative) ? /^uuid\/[^/]+\/[^/]+\/([^/]+)$/.exec(relative)?.[1] : undefined;
}

/** One directory of the place, as it was listed. */
interface StaleDirectory {
  /** Path of its root. */
  readonly root: string;
  readonly files: number;
  readonly bytes: number;
  readonly messages: number;
  /** What is no mailbox's: a leftover by itself, of this length then. */
  readonly strangers: readonly (readonly [name: string, bytes: number])[];
}

/** What the disk says of the place. JSON. */
export interface StaleLook {
  readonly directories: readonly StaleDirectory[];
  readonly header: { readonly uniqueid?: string | undefined; readonly name?: string | undefined } | undefined;
  readonly index:
    | {
        /** Path of its root. */
        readonly root: string;
        /** Fingerprint: it alone may change in its place, without its directory. Message files never do. */
        readonly print: string;
        readonly isReadable: boolean;
        readonly isMarkedDeleted: boolean;
        readonly missingMessages: number;
      }
    | undefined;
}

/** The census' word for a directory of such a place; what was seen of all stands with the first of them. */
export const STALE = '*';

/**
 * @param listed Those of its directories that are no live mailbox's.
 * @returns With a row for the census for each of them, and the stat of the index.
 */
export function lookAtStalePlace(
  walk: PlaceWalk,
  relative: string,
  listed: readonly Listed[],
): {
  look: StaleLook;
  rows: Pick<CensusRow, 'mailbox' | 'files' | 'bytes' | 'messages' | 'odd'>[];
  index: FileStat | undefined;
} {
  const { trees } = walk.context;
  const holder = holderOf(listed, 'cyrus.index', walk.partition.meta.index);
  const expunge = holderOf(listed, 'cyrus.expunge', walk.partition.meta.expunge);
  const stat = holder?.dir.stat('cyrus.index'); // before it is read
  const index = holder && { root: holder.root.path, relative };
  const pair = index && readIndexPair(trees, index, { root: expunge?.root.path ?? index.root, relative });
  const here = new Set<number>();
  const directories = listed.map((one): StaleDirectory => {
    const strangers: [string, number][] = [];
    let [bytes, messages] = [0, 0];
    for (const file of one.files) {
      const uid = parseMessageFileName(file);
      bytes += one.size(file);
      if (uid === undefined) {
        if (!isOfMailbox(file)) strangers.push([file, one.size(file)]);
        continue;
      }
      if (pair) here.add(uid);
      messages++;
    }
    return { root: one.root.path, files: one.files.length, bytes, messages, strangers };
  });
  let missingMessages = 0;
  if (pair)
    for (let i = 0; i < pair.index.count; i++)
      if (!pair.index.isUnlinked(i) && !here.has(pair.index.uid(i))) missingMessages++;
  const look: StaleLook = {
    directories,
    header: headerOf(walk, listed),
    index: index && {
      root: index.root,
      print: fingerprintOf(stat),
      isReadable: pair !== undefined,
      isMarkedDeleted: pair?.index.isDeletedMailbox ?? false,
      missingMessages,
    },
  };
  const rows = directories.map(({ files, bytes, messages }, i) => ({
    mailbox: STALE,
    files,
    bytes,
    messages,
    odd: i === 0 ? JSON.stringify(look) : '',
  }));
  return { look, rows, index: stat };
}

/**
 * What the census remembers of the place, where that still holds. @param seen Its directories, whose own fingerprints
 * are those of their rows.
 */
export function recallStalePlace(relative: string, seen: readonly Seen[]): StaleLook | undefined {
  if (!seen.every(({ row, live }) => row?.mailbox === STALE && !live)) return undefined;
  const odd = seen[0]?.row?.odd ?? '';
  if (odd === '') return undefined;
  const look = JSON.parse(odd) as StaleLook;
  if (look.directories.length !== seen.length) return undefined;
  if (!look.directories.every(({ root }, i) => root === seen[i]!.root.path)) return undefined;
  const { index } = look;
  const holder = index && seen.find(({ root }) => root.path === index.root);
  if (holder && fingerprintOf(holder.root.stat(`${relative}/cyrus.index`)) !== index.print) return undefined;
  return look;
}

/** @param seen Its directories, in the order of the look. @param isSettled No change to them can have gone unseen. */
export function tellStalePlace(
  walk: PlaceWalk,
  relative: string,
  seen: readonly Seen[],
  look: StaleLook,
  isSettled: boolean,
): void {
  const { job, live, ledger } = walk.context;
  const { conf } = job.source;
  const { header } = look;
  const uniqueid = uniqueidOf(conf, relative) ?? header?.uniqueid;
  const twin = uniqueid === undefined ? undefined : live.withUniqueid(uniqueid);
  const own = seen.flatMap((one, i) => {
    const directory = look.directories[i]!;
    if (!twin || !isSameDirectory(walk, one, twin)) return { one, directory };
    ledger.add('mailbox', { directories: 1, files: directory.files, bytes: directory.bytes });
    return [];
  });
  if (own.length === 0) return;
  const index = own.some(({ one }) => one.root.path === look.index?.root) ? look.index : undefined;

  const named = isById(conf, relative) ? undefined : mailboxNameOfDir(relative, conf);
  const bare = withoutHash(relative, twin, conf.spoolHashing === 'none');
  const isWrongPath = isById(conf, relative)
    ? uniqueidOfDir(relative) === undefined
    : bare || named?.canonical !== true;
  const once = header?.uniqueid === uniqueid ? header?.name : undefined; // else the header is another mailbox's
  const name: InternalName | undefined =
    bare && twin ? twin.name : (named?.name ?? (once === undefined ? twin?.name : asInternalName(once)));
  const namesake = name === undefined ? undefined : live.named(name);

  const parts = own.map(({ one, directory: { strangers, ...of } }) => {
    const part = { path: one.path, files: of.files, messages: of.messages, bytes: of.bytes, directories: 1 };
    for (const [file, then] of strangers) {
      const now = one.root.stat(`${relative}/${file}`)?.sizeBytes ?? 0;
      walk.file(one.root, relative, file, now, STRANGER, { content: false });
      part.files--;
      part.bytes -= then;
      if (one.counts) one.counts.bytes += now - then;
    }
    return part;
  });
  const messages = parts.reduce((sum, part) => sum + part.messages, 0);
  const canonical = twin ?? namesake;

  walk.context.found({
    facts: {
      kind: 'place',
      uniqueid,
      isWrongPath,
      twin: twin && { name: twin.name, path: twin.place.data },
      nameLivesAt: namesake?.place.data,
      record: name === undefined ? undefined : live.records.get(name),
      missingMessages: index?.missingMessages ?? 0,
      isMarkedDeleted: index?.isMarkedDeleted ?? false,
      messages,
      deletedAtSec: name === undefined ? undefined : deletedAtSec(name, conf),
      mayBeLive:
        canonical && !canonical.hasIndex && (index?.isReadable || messages > 0)
          ? { name: canonical.name, path: canonical.place.meta.index }
          : undefined,
    },
    parts,
    mailbox: name,
    uniqueid,
    partition: walk.partition.name,
    candidates: own
      .filter(({ directory }) => directory.messages > 0)
      .map(({ one }) => ({ root: one.root.path, relative })),
    owner: twin ? twin.owner : name === undefined ? undefined : ownerOf(name, conf),
    twin: twin?.number,
    index: index && { root: index.root, relative },
    print: isSettled ? [...own.map(({ one }) => fingerprintOf(one.stat)), index?.print ?? '-'].join(' ') : undefined,
  });
}

/**
 * True where this directory is the live mailbox's own, met by another path (a bind mount, a root inside a root under
 * another name): then every file of it would be found "in the live mailbox too".
 */
function isSameDirectory({ context }: PlaceWalk, { stat }: Seen, twin: LiveMailbox): boolean {
  for (const directory of directoriesOf(twin.place)) {
    const rootPath = directory.slice(0, -twin.place.relative.length - 1);
    const there = context.trees.root(rootPath)?.stat(twin.place.relative);
    if (there && stat.ino === there.ino && stat.dev === there.dev) return true;
  }
  return false;
}

function holderOf(listed: readonly Listed[], file: string, configured: string): Listed | undefined {
  const holders = listed.filter((one) => one.files.includes(file));
  return holders.find(({ root }) => root.path === configured) ?? holders[0];
}

/** A server writes it anew under another name and renames that, so that its directory changes with it. */
function headerOf(
  walk: PlaceWalk,
  listed: readonly Listed[],
): { uniqueid: string | undefined; name: string | undefined } | undefined {
  const holder = holderOf(listed, 'cyrus.header', walk.partition.meta.header);
  if (!holder) return undefined;
  try {
    const bytes = holder.dir.read('cyrus.header');
    if (!bytes) return undefined;
    const { uniqueid, name } = readMailboxHeader(bytes, `${holder.path}/cyrus.header`);
    return { uniqueid, name };
  } catch (error) {
    // A damaged header names nothing; the path still may.
    if (error instanceof FormatError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

/** True where a server without hash directories finds a mailbox one hash directory too deep. */
function withoutHash(relative: string, twin: LiveMailbox | undefined, isUnhashed: boolean): boolean {
  if (!isUnhashed || !/^[A-Za-z]\//.test(relative)) return false;
  const rest = relative.slice(2);
  return rest.startsWith('user/') || rest === twin?.place.relative;
}
