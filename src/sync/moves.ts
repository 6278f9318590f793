/**
 * Mailboxes that lie elsewhere on the target now: renamed, moved to another partition, or deleted into the DELETED
 * hierarchy. Their files are renamed, not copied anew. Children lie inside the directory, so only a mailbox's own files
 * go, one rename each, never the directory; names can swap, so all that leave go through `.cyrsync/UNIQUEID` first, and
 * a row says so before anything comes out of it again.
 */
import { META_KINDS } from '../cyrus/conf/cyrus-conf.js';
import { parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import { barrier } from '../disk/barrier.js';
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

/** Moves all at once; when it returns, every row says where its mailbox lies, and it lies there. */
export function moveMailboxes(moves: readonly Move[], trees: TargetTrees, rows: MailboxRows): void {
  if (moves.length === 0) return;
  const stagingOf = (move: Move, root: string) =>
    `${STAGING}/${move.row.uniqueid}/${rootsOf(move.from).get(root) ?? 'data'}`;
  for (const move of moves) {
    if (move.row.staged === 1) continue; // a crash came after this was recorded: its old place is another's now
    for (const path of rootsOf(move.from).keys()) {
      const root = trees.root(path);
      const dir = root.dir(move.from.relative);
      if (!dir) continue;
      const staging = root.makeDir(stagingOf(move, path));
      moveFiles(dir, staging);
      staging.close();
      dir.close();
      root.removeEmpty(move.from.relative);
    }
  }
  const touched = [...trees.opened];
  rows.setStaged(
    barrier(
      moves.map(({ row }) => ({
        id: row.id,
        staged: 1 as const,
        targetPartition: row.targetPartition!,
        targetRelative: row.targetRelative!,
      })),
      touched,
      [],
    ),
  );
  for (const move of moves) {
    for (const path of rootsOf(move.from).keys()) {
      const root = trees.root(path);
      const relative = stagingOf(move, path);
      const staging = root.dir(relative);
      if (!staging) continue;
      unstage(staging, root, move, path, trees);
      staging.close();
      root.removeEmpty(relative);
    }
  }
  rows.setStaged(
    barrier(
      moves.map(({ row, to, toPartition }) => ({
        id: row.id,
        staged: 0 as const,
        targetPartition: toPartition,
        targetRelative: to.relative,
      })),
      [...trees.opened],
      [],
    ),
  );
}

/** Every file to where its kind belongs now. */
function unstage(staging: TargetDir, _root: TargetRoot, move: Move, fromRoot: string, trees: TargetTrees): void {
  const { from, to } = move;
  const isArchive = from.archive === fromRoot;
  for (const name of staging.list()) {
    const toRoot = destination(name, isArchive && from.archive !== from.data, to, from, fromRoot);
    const root = trees.root(toRoot);
    const dir = root.makeDir(to.relative);
    try {
      staging.renameTo(name, dir, name);
    } catch (error) {
      if (errnoOf(error) !== 'EXDEV') throw error;
      copyAcross(trees.root(fromRoot), staging, dir, name, move, fromRoot);
    } finally {
      dir.close();
    }
  }
}

function destination(name: string, isArchived: boolean, to: TaskPlace, from: TaskPlace, fromRoot: string): string {
  if (parseMessageFileName(name) !== undefined) return isArchived && to.archive !== null ? to.archive : to.data;
  const kind = name.slice('cyrus.'.length);
  if (kind === 'cache' && fromRoot === from.meta.archivecache && from.meta.archivecache !== from.meta.cache)
    return to.meta.archivecache;
  const known = META_KINDS.find((meta) => meta === kind);
  return known ? to.meta[known] : to.data;
}

/** To another file system: a copy with its time, then the original goes. */
function copyAcross(
  root: TargetRoot,
  staging: TargetDir,
  to: TargetDir,
  name: string,
  move: Move,
  fromRoot: string,
): void {
  const relative = `${STAGING}/${move.row.uniqueid}/${rootsOf(move.from).get(fromRoot) ?? 'data'}`;
  const source = root.reader.dir(relative);
  const stat = staging.stat(name);
  if (source && stat) copyMessage(source, to, name, Number(stat.mtimeNs / 1_000_000_000n), false, undefined);
  source?.close();
  staging.remove(name);
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
