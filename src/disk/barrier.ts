/**
 * The durability barrier: what was written before it survives a power cut after it. One `syncfs` for each file system
 * touched; where that call can't be had, `fsync` of each file and directory that the batch wrote.
 */
import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import type { Durable } from '../model/durable.js';
import { errnoOf, isMissing, osPath } from './os-path.js';
import type { TargetRoot } from './target.js';

/** What a batch wrote: `written` names files and directories by real path, needed only without `syncfs`. */
export function barrier<T>(result: T, roots: Iterable<TargetRoot>, written: Iterable<string>): Durable<T> {
  const synced = new Set<bigint>();
  let every = true;
  for (const root of roots) {
    const { dev } = root.identity();
    if (synced.has(dev)) continue;
    if (root.syncFileSystem()) synced.add(dev);
    else every = false;
  }
  if (!every) for (const path of written) fsyncPath(path);
  return result as Durable<T>;
}

/** The same, while the caller does other work: what is written meanwhile belongs to the next barrier. */
export async function barrierAside<T>(
  result: T,
  roots: Iterable<TargetRoot>,
  written: Iterable<string>,
): Promise<Durable<T>> {
  const synced = new Set<bigint>();
  let every = true;
  for (const root of [...roots]) {
    const { dev } = root.identity();
    if (synced.has(dev)) continue;
    if (await root.syncFileSystemAside()) synced.add(dev);
    else every = false;
  }
  if (!every) for (const path of written) fsyncPath(path);
  return result as Durable<T>;
}

/** Makes one file or directory last; one that is gone again needs nothing, and a link lasts with its directory. */
export function fsyncPath(path: string): void {
  let fd: number;
  try {
    fd = openSync(osPath(path), constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isMissing(error) || errnoOf(error) === 'ELOOP') return;
    throw error;
  }
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
