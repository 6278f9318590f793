/** A directory with files of a mailbox where mailboxes.db knows none: what it was, and whose. */
import { FormatError } from '../base/errors.js';
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { mailboxNameOfDir, parseMessageFileName, uniqueidOfDir } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { asInternalName, type InternalName, splitName, userOf } from '../cyrus/names/mailbox-name.js';
import { isAtLeast } from '../cyrus/version.js';
import { errnoOf } from '../disk/os-path.js';
import { unitOf } from '../inventory/inventory.js';
import type { Candidates } from './finding.js';
import { directoriesOf, type LiveMailbox } from './live-mailboxes.js';
import { STRANGER } from './live-place.js';
import { readIndexPair } from './mailbox-index.js';
import { isOfMailbox, type Listed, type PlaceWalk } from './place.js';

/** True for a path of the layout by uniqueid. */
export function isById({ version }: CyrusConf, relative: string): boolean {
  return isAtLeast(version, '3.6') && relative.startsWith('uuid/');
}

export function uniqueidOf(conf: CyrusConf, relative: string): string | undefined {
  return isById(conf, relative) ? /^uuid\/[^/]+\/[^/]+\/([^/]+)$/.exec(relative)?.[1] : undefined;
}

/** @param listed Those of its directories that are no live mailbox's. */
export function stalePlace(walk: PlaceWalk, relative: string, listed: readonly Listed[]): void {
  const { job, live, trees, ledger } = walk.context;
  const { conf } = job.source;
  const header = headerOf(walk, listed);
  const uniqueid = uniqueidOf(conf, relative) ?? header?.uniqueid;
  const twin = uniqueid === undefined ? undefined : live.byUniqueid.get(uniqueid);
  const own = listed.filter((one) => {
    if (!twin || !isSameDirectory(walk, one, twin)) return true;
    ledger.add('mailbox', {
      directories: 1,
      files: one.files.length,
      bytes: one.files.reduce((sum, name) => sum + one.size(name), 0),
    });
    return false;
  });
  if (own.length === 0) return;

  const named = isById(conf, relative) ? undefined : mailboxNameOfDir(relative, conf);
  const bare = withoutHash(relative, twin, conf.spoolHashing === 'none');
  const isWrongPath = isById(conf, relative)
    ? uniqueidOfDir(relative) === undefined
    : bare || named?.canonical !== true;
  const name: InternalName | undefined =
    bare && twin ? twin.name : (named?.name ?? (header?.name === undefined ? twin?.name : asInternalName(header.name)));
  const namesake = name === undefined ? undefined : live.byName.get(name);

  const holder = holderOf(own, 'cyrus.index', walk.partition.meta.index);
  const index = holder && { root: holder.root.path, relative };
  const expunge = holderOf(own, 'cyrus.expunge', walk.partition.meta.expunge);
  const pair = index && readIndexPair(trees, index, { root: expunge?.root.path ?? index.root, relative });
  const here = new Set<number>();
  const candidates: Candidates[] = [];
  const parts = own.map((one) => {
    const part = { path: one.path, files: 0, messages: 0, bytes: 0, directories: 1 };
    const names: string[] = [];
    for (const file of one.files) {
      const uid = parseMessageFileName(file);
      if (uid !== undefined) {
        here.add(uid);
        names.push(file);
      } else if (!isOfMailbox(file)) {
        walk.file(one.root, relative, file, one.size(file), STRANGER, { content: false });
        continue;
      }
      part.files++;
      part.bytes += one.size(file);
    }
    part.messages = names.length;
    if (names.length > 0) candidates.push({ root: one.root.path, relative, names });
    return part;
  });
  let missingMessages = 0;
  if (pair)
    for (let i = 0; i < pair.index.count; i++)
      if (!pair.index.isUnlinked(i) && !here.has(pair.index.uid(i))) missingMessages++;
  const messages = parts.reduce((sum, part) => sum + part.messages, 0);
  const hex = name === undefined ? undefined : splitName(name, conf).deleted?.timeHex;
  const canonical = twin ?? namesake;

  walk.context.found({
    facts: {
      kind: 'place',
      uniqueid,
      isWrongPath,
      twin: twin && { name: twin.name, path: twin.place.data },
      nameLivesAt: namesake?.place.data,
      record: name === undefined ? undefined : live.records.get(name),
      missingMessages,
      isMarkedDeleted: pair?.index.isDeletedMailbox ?? false,
      messages,
      deletedAtSec: hex === undefined ? undefined : Number.parseInt(hex, 16),
      mayBeLive:
        canonical && !canonical.hasIndex && (pair !== undefined || messages > 0)
          ? { name: canonical.name, path: canonical.place.meta.index }
          : undefined,
    },
    parts,
    mailbox: name,
    uniqueid,
    partition: walk.partition.name,
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
function isSameDirectory({ context }: PlaceWalk, { stat }: Listed, twin: LiveMailbox): boolean {
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
