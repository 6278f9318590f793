/**
 * Reading a database that a live server may be writing: whole, by one descriptor, with a stat before and after. A
 * checkpoint or repack is a rename, so the descriptor stays whole; an update in place shows in the stat. Never a lock.
 */
import { closeSync } from 'node:fs';
import { FormatError } from '../base/errors.js';
import { changedNs, type FileStat, fingerprintOf, statFd } from './file-stat.js';
import { readDescriptor, type SourceRoot } from './source.js';

/** A file younger than this may have been written within the tick that its times show. */
const QUIET_NS = 2_000_000_000n;
const TRIES = 10;
const WAIT_MS = 150;

export type LiveRead<T> =
  | { readonly kind: 'read'; readonly value: T; readonly stat: FileStat }
  | { readonly kind: 'missing' }
  | { readonly kind: 'busy' };

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * @param parse Makes the value of the bytes; a FormatError counts as torn and is tried again.
 * @returns `busy` where ten tries gave no two equal reads. @throws FormatError where a quiet file can't be parsed.
 */
export function readLiveDatabase<T>(root: SourceRoot, relative: string, parse: (bytes: Buffer) => T): LiveRead<T> {
  let previous: Buffer | undefined;
  let failure: FormatError | undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (attempt > 0) Atomics.wait(sleeper, 0, 0, WAIT_MS);
    const seen = readOnce(root, relative);
    if (!seen) return { kind: 'missing' };
    const sameAsBefore = previous?.equals(seen.bytes) ?? false;
    previous = seen.bytes;
    if (!seen.quiet && !sameAsBefore) continue;
    try {
      return { kind: 'read', value: parse(seen.bytes), stat: seen.stat };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      if (seen.quiet) throw error; // it does not move: it is damaged
      failure = error;
    }
  }
  if (failure) throw failure;
  return { kind: 'busy' };
}

function readOnce(root: SourceRoot, relative: string): { bytes: Buffer; stat: FileStat; quiet: boolean } | undefined {
  let fd: number;
  try {
    fd = root.openFile(relative);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
  try {
    const before = statFd(fd);
    const bytes = readDescriptor(fd);
    const after = statFd(fd);
    const young = BigInt(Date.now()) * 1_000_000n - changedNs(after) < QUIET_NS;
    return { bytes, stat: after, quiet: !young && fingerprintOf(before) === fingerprintOf(after) };
  } finally {
    closeSync(fd);
  }
}
