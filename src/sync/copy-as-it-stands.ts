/**
 * A mailbox whose index can't be read, damaged or of a version after those that we know: its files go to the target as
 * they are, so that `reconstruct` can be run there. Where the target has a good copy of an earlier pass, that stays,
 * and only message files beyond its last UID are put beside it.
 */
import { FormatError } from '../base/errors.js';
import { parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { readIndexHeader } from '../cyrus/mailbox/index.js';
import type { SyncCounts, SyncTask } from '../model/sync-task.js';
import { copyMessage } from './copy-message.js';
import { readFile } from './read-mailbox.js';
import { noteWritten, type SyncContext } from './sync-context.js';
import { targetHeader } from './target-header.js';

/** @returns what was done, for people. cyrus.expunge stays behind: a newer server would execute it. */
export function copyAsItStands(task: SyncTask, context: SyncContext, counts: SyncCounts, written: string[]): string {
  const { from, to } = task;
  const wrote = (root: string, name: string) => noteWritten(written, context, task, root, name);
  const manifest = context.target.root(to.meta.index).reader.read(`${to.relative}/cyrus.index`);
  const lastUid = manifest && lastUidOf(manifest);
  if (lastUid === undefined) {
    const put = (root: string, name: string, bytes: Buffer | undefined) => {
      if (!bytes) return;
      const dir = context.target.root(root).makeDir(to.relative);
      dir.replace(name, bytes);
      dir.close();
      wrote(root, name);
    };
    const read = (kind: 'cache' | 'annotations' | 'header' | 'index') =>
      readFile(context.source, from.meta[kind], from.relative, `cyrus.${kind}`);
    put(to.meta.cache, 'cyrus.cache', read('cache'));
    put(to.meta.annotations, 'cyrus.annotations', read('annotations'));
    put(to.meta.header, 'cyrus.header', headerFor(task, read('header')));
    put(to.meta.index, 'cyrus.index', read('index'));
  }
  const files = copyFiles(task, context, lastUid ?? 0, counts, wrote);
  return lastUid === undefined
    ? `it was copied as it stands, with ${files} message files`
    : `the target keeps its copy of an earlier pass; ${files} message files beyond UID ${lastUid} were put beside it`;
}

/** Of an index of the target that is sound; undefined where that is a copy as it stands itself. */
function lastUidOf(bytes: Buffer): number | undefined {
  try {
    return readIndexHeader(bytes, 'cyrus.index').lastUid;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined;
  }
}

/** In the target's form, where it can be read. */
function headerFor(task: SyncTask, bytes: Buffer | undefined): Buffer | undefined {
  try {
    return targetHeader(task.header, bytes ? readMailboxHeader(bytes, 'cyrus.header').flags : []);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return bytes;
  }
}

/** Those of the archive stay apart where the target has one. An equal size and time is an equal file: no index says more. */
function copyFiles(
  task: SyncTask,
  context: SyncContext,
  afterUid: number,
  counts: SyncCounts,
  wrote: (root: string, name: string) => void,
): number {
  const { from, to } = task;
  let files = 0;
  for (const [root, target] of [
    [from.data, to.data],
    [from.archive, to.archive ?? to.data],
  ] as const) {
    const dir = root === null ? undefined : context.source.root(root)?.dir(from.relative);
    if (!dir) continue;
    const made = context.target.root(target).makeDir(to.relative);
    try {
      for (const { name } of dir.list()) {
        const uid = parseMessageFileName(name);
        const stat = uid === undefined || uid <= afterUid ? undefined : dir.stat(name);
        if (stat?.kind !== 'file') continue;
        files++;
        const dateSec = Number(stat.mtimeNs / 1_000_000_000n);
        const have = made.stat(name);
        if (have?.sizeBytes === stat.sizeBytes && have.mtimeNs / 1_000_000_000n === BigInt(dateSec)) continue;
        if (copyMessage(dir, made, name, dateSec, false, undefined) === undefined) continue;
        counts.copied++;
        counts.bytesCopied += stat.sizeBytes;
        wrote(target, name);
      }
    } finally {
      dir.close();
      made.close();
    }
  }
  return files;
}
