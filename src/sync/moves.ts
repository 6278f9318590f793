/**
 * Mailboxes that lie elsewhere on the target now: renamed, moved to another partition, or deleted into the DELETED
 * hierarchy. Their files are renamed, not copied anew. Children lie inside the directory, so only a mailbox's own files
 * go, one rename each, never the directory; names can swap, so all that leave go through `.cyrsync/UNIQUEID` first, and
 * a row says so before anything comes out of it again.
 */

import { setImmediate } from 'node:timers/promises';
import { FormatError } from '../base/errors.js';
import { META_KINDS } from '../cyrus/conf/cyrus-conf.js';
import { parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import { readIndex } from '../cyrus/mailbox/index.js';
import { barrier } from '../disk/barrier.js';
import type { FileStat } from '../disk/file-stat.js';
import { errnoOf } from '../disk/os-path.js';
import type { TargetDir, TargetRoot } from '../disk/target.js';
import type { TargetTrees } from '../disk/trees.js';
import type { TaskPlace } from '../model/sync-task.js';
import type { MailboxRow, MailboxRows } from '../state/mailbox-rows.js';
import { copyMessage } from './copy-message.js';
import { STAGING } from './links.js';

export interface Move {
  readonly row: MailboxRow;
  readonly from: TaskPlace;
  readonly to: TaskPlace;
  readonly toPartition: string;
}

/** Each root of a place once, with the role it plays. */
function rootsOf(place: TaskPlace): Map<string, string> {
  const roots = new Map<string, string>([[place.data, 'data']]);
  if (place.archive !== null && !roots.has(place.archive)) roots.set(place.archive, 'archive');
  for (const kind of META_KINDS) if (!roots.has(place.meta[kind])) roots.set(place.meta[kind], kind);
  return roots;
}

function isOwnFile(name: string): boolean {
  return parseMessageFileName(name) !== undefined || name.startsWith('cyrus.');
}

function moveFiles(from: TargetDir, to: TargetDir): void {
  for (const name of from.list()) {
    if (!isOwnFile(name) || from.stat(name)?.kind !== 'file') continue; // a child mailbox may be called cyrus.index
    from.renameTo(name, to, name);
  }
}

/** The part of a root in its partition, as the name of a staging directory: what says where a file goes from there. */
function rolesOf(place: TaskPlace): Map<string, string> {
  const { archivecache, cache } = place.meta;
  return new Map(
    [...rootsOf(place)].map(([path, role]) => [
      path,
      path === archivecache && archivecache !== cache ? `${role}+archivecache` : role,
    ]),
  );
}

/** What waits of a mailbox, on whatever root an earlier pass left it. */
function stagedOf(
  uniqueid: string,
  roots: readonly string[],
  trees: TargetTrees,
): { root: string; role: string; relative: string }[] {
  return roots.flatMap((root) => {
    const relative = `${STAGING}/${uniqueid}`;
    const dir = trees.root(root).dir(relative);
    if (!dir) return [];
    const roles = dir.list();
    dir.close();
    return roles.map((role) => ({ root, role, relative: `${relative}/${role}` }));
  });
}

/** Moved at once: few enough that a stop is heard and a crash repeats little, enough that barriers cost little. */
const CHUNK_MAILBOXES = 1000;
const CHUNK_BYTES = 2 ** 28;

/**
 * Moves them part by part; when it returns, every row of what was moved says where its mailbox lies, and it lies there.
 * @param stopped Asked between parts: what is left then is moved by the next pass.
 */
export async function moveMailboxes(
  moves: readonly Move[],
  roots: readonly string[],
  trees: TargetTrees,
  rows: MailboxRows,
  stopped: () => boolean,
): Promise<void> {
  const { together, single } = separated(moves);
  const links = new CopiedLinks();
  if (together.length > 0) moveTogether(together, roots, trees, rows, links);
  for (let at = 0; at < single.length; ) {
    await setImmediate(); // signals are heard
    if (stopped()) return;
    const chunk: Move[] = [];
    for (let bytes = 0; at < single.length && chunk.length < CHUNK_MAILBOXES && bytes < CHUNK_BYTES; at++) {
      chunk.push(single[at]!);
      bytes += single[at]!.row.bytes;
    }
    moveTogether(chunk, roots, trees, rows, links);
  }
}

/** Those that go to where another comes from, and these others, can only be moved together; all else one by one. */
function separated(moves: readonly Move[]): { together: Move[]; single: Move[] } {
  const leaves = new Map(moves.map((move) => [placeKey(move.row.targetPartition!, move.from.relative), move]));
  const isTogether = new Set<Move>();
  for (const move of moves) {
    const other = leaves.get(placeKey(move.toPartition, move.to.relative));
    if (other && other !== move) isTogether.add(move).add(other);
  }
  return { together: [...isTogether], single: moves.filter((move) => !isTogether.has(move)) };
}

function placeKey(partition: string, relative: string): string {
  return `${partition} ${relative}`;
}

/**
 * Moves all at once. Rows pass through `staged` 2 (its files may be at the row's place or in staging), then 1 (the same,
 * and that place is the new one, so that the old one can be another's), then 0. After a crash the same steps gather the
 * files from both, wherever the mailbox goes by then.
 */
function moveTogether(
  moves: readonly Move[],
  roots: readonly string[],
  trees: TargetTrees,
  rows: MailboxRows,
  links: CopiedLinks,
): void {
  const leaving = moves
    .filter(({ row }) => row.staged === 0)
    .map(({ row }) => ({
      id: row.id,
      staged: 2 as const,
      targetPartition: row.targetPartition!,
      targetRelative: row.targetRelative!,
    }));
  rows.setStaged(barrier(leaving, [], []));
  for (const move of moves) {
    for (const [path, role] of rolesOf(move.from)) {
      const root = trees.root(path);
      const dir = root.dir(move.from.relative);
      if (!dir) {
        root.removeEmpty(move.from.relative); // a crash may have left the directories above it
        continue;
      }
      const staging = root.makeDir(`${STAGING}/${move.row.uniqueid}/${role}`);
      moveFiles(dir, staging);
      staging.close();
      dir.close();
      root.removeEmpty(move.from.relative);
    }
  }
  const arriving = (staged: 0 | 1) =>
    moves.map(({ row, to, toPartition }) => ({
      id: row.id,
      staged,
      targetPartition: toPartition,
      targetRelative: to.relative,
    }));
  rows.setStaged(barrier(arriving(1), [...trees.opened], []));
  for (const move of moves) {
    const isArchived = archivedUids(move, roots, trees);
    for (const { root: path, role, relative } of stagedOf(move.row.uniqueid, roots, trees)) {
      const root = trees.root(path);
      const staging = root.dir(relative);
      if (!staging) continue;
      unstage(staging, root, relative, role, move.to, isArchived, trees, links);
      staging.close();
      root.removeEmpty(relative);
    }
  }
  rows.setStaged(barrier(arriving(0), [...trees.opened], []));
}

/** Every file to where its kind belongs now. */
function unstage(
  staging: TargetDir,
  from: TargetRoot,
  relative: string,
  role: string,
  to: TaskPlace,
  isArchived: (uid: number) => boolean,
  trees: TargetTrees,
  links: CopiedLinks,
): void {
  for (const name of staging.list()) {
    const root = trees.root(destination(name, role, to, isArchived));
    const dir = root.makeDir(to.relative);
    try {
      staging.renameTo(name, dir, name);
    } catch (error) {
      if (errnoOf(error) !== 'EXDEV') throw error;
      copyAcross(from, relative, staging, { root, relative: to.relative, dir }, name, links);
    } finally {
      dir.close();
    }
  }
}

/**
 * Which messages belong to the archive, by the index that moves with them: a partition without an archive keeps archived
 * messages among the others, and one with an archive looks for them there.
 */
function archivedUids(move: Move, roots: readonly string[], trees: TargetTrees): (uid: number) => boolean {
  if (move.to.archive === null) return () => false;
  const staged = stagedOf(move.row.uniqueid, roots, trees).map(({ root, relative }) => ({ root, relative }));
  for (const { root, relative } of [...staged, { root: move.to.meta.index, relative: move.to.relative }]) {
    const bytes = trees.root(root).reader.read(`${relative}/cyrus.index`);
    if (!bytes) continue;
    try {
      const index = readIndex(bytes, `${root}/${relative}/cyrus.index`);
      return (uid) => {
        const i = index.find(uid);
        return i >= 0 && index.isArchived(i);
      };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error; // ours, cut off by a crash: compared by content later
    }
  }
  return () => false;
}

function destination(name: string, role: string, to: TaskPlace, isArchived: (uid: number) => boolean): string {
  const uid = parseMessageFileName(name);
  if (uid !== undefined) {
    return to.archive !== null && (role.startsWith('archive') || isArchived(uid)) ? to.archive : to.data;
  }
  const kind = name.slice('cyrus.'.length);
  if (kind === 'cache' && role.endsWith('archivecache')) return to.meta.archivecache;
  const known = META_KINDS.find((meta) => meta === kind);
  return known ? to.meta[known] : to.data;
}

/** A directory that a file comes to. */
interface Arrival {
  readonly root: TargetRoot;
  readonly relative: string;
  readonly dir: TargetDir;
}

/**
 * Files that are one on the file system that they leave stay one where they come to: links, to the first of each that was
 * copied. Remembers only files with several names, each until its last one came.
 */
class CopiedLinks {
  readonly #first = new Map<string, { root: TargetRoot; relative: string; name: string; left: number }>();

  /** @returns true where `name` could be made a link. */
  link(stat: FileStat, { root, dir }: Arrival, name: string): boolean {
    const key = this.#key(stat, root);
    const first = this.#first.get(key);
    if (!first) return false;
    const from = root.dir(first.relative);
    const linked = from !== undefined && dir.linkFrom(from, first.name, name);
    from?.close();
    if (--first.left === 0 || !linked) this.#first.delete(key);
    return linked;
  }

  copied(stat: FileStat, { root, relative }: Arrival, name: string): void {
    if (stat.nlink > 1) this.#first.set(this.#key(stat, root), { root, relative, name, left: stat.nlink - 1 });
  }

  #key({ dev, ino, sizeBytes, mtimeNs }: FileStat, root: TargetRoot): string {
    return `${root.path} ${dev} ${ino} ${sizeBytes} ${mtimeNs}`;
  }
}

/** To another file system: a copy with its time, then the original goes. */
function copyAcross(
  root: TargetRoot,
  relative: string,
  staging: TargetDir,
  to: Arrival,
  name: string,
  links: CopiedLinks,
): void {
  const stat = staging.stat(name);
  if (stat && !links.link(stat, to, name)) {
    const source = root.reader.dir(relative);
    if (source) copyMessage(source, to.dir, name, Number(stat.mtimeNs / 1_000_000_000n), false, undefined);
    source?.close();
    links.copied(stat, to, name);
  }
  staging.remove(name);
}

/** Takes away what waits in staging of a mailbox that was deleted before its move was done. */
export function removeStaged(uniqueid: string, roots: readonly string[], trees: TargetTrees): void {
  for (const { root: path, relative } of stagedOf(uniqueid, roots, trees)) {
    const root = trees.root(path);
    const dir = root.dir(relative);
    if (!dir) continue;
    for (const name of dir.list()) dir.remove(name);
    dir.close();
    root.removeEmpty(relative);
  }
}

/** Takes what the target has of a mailbox that the source has no more. */
export function removeMailbox(place: TaskPlace, trees: TargetTrees): number {
  let messages = 0;
  for (const path of rootsOf(place).keys()) {
    const root = trees.root(path);
    const dir = root.dir(place.relative);
    if (!dir) continue;
    for (const name of dir.list()) {
      if (!isOwnFile(name) || dir.stat(name)?.kind !== 'file') continue;
      if (dir.remove(name) && parseMessageFileName(name) !== undefined) messages++;
    }
    dir.close();
    root.removeEmpty(place.relative);
  }
  return messages;
}
