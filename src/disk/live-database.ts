/**
 * Reading a database that a live server may be writing: whole, by one descriptor, with a stat before and after. An
 * update in place shows in the stat. A checkpoint or repack is a rename, and that of a skiplist then truncates the file
 * that it has replaced: so what was read counts only if its name still leads to it afterwards. Never a lock.
 * @see cyrus-imapd 2.4.17, 3.6.1, 3.12.3 lib/cyrusdb_skiplist.c mycheckpoint `ftruncate(oldfd, 0)`
 */
import { closeSync } from 'node:fs';
import { FormatError } from '../base/errors.js';
import { changedNs, type FileStat, fingerprintOf, statFd } from './file-stat.js';
import { ifThere } from './os-path.js';
import { readDescriptor, type SourceRoot } from './source.js';

/** A file younger than this may have been written within the tick that its times show. */
const QUIET_NS = 2_000_000_000n;
const TRIES = 10;
const WAIT_MS = 150;

export type LiveRead<T> =
  /** `quiet`: at rest, and older than the tick of its times, so that a later change shows in the stat. */
  | { readonly kind: 'read'; readonly value: T; readonly stat: FileStat; readonly quiet: boolean }
  | { readonly kind: 'missing' }
  | { readonly kind: 'busy' };

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** What was made of the bytes, and whether they are those of a commit and nothing begun after it. */
export interface Parsed<T> {
  readonly value: T;
  readonly clean: boolean;
}

/**
 * A read is taken where the file was at rest, where its format itself says that it is whole (a busy server may never
 * rest: its CRCs and counts are the proof then), or where two reads were equal.
 * @param parse Makes the value of the bytes; a FormatError counts as torn and is tried again.
 * @returns `busy` where ten tries gave none of these. @throws FormatError where a quiet file can't be parsed.
 */
export function readLiveDatabase<T>(
  root: SourceRoot,
  relative: string,
  parse: (bytes: Buffer) => Parsed<T>,
): LiveRead<T> {
  let previous: Buffer | undefined;
  let failure: FormatError | undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (attempt > 0) Atomics.wait(sleeper, 0, 0, WAIT_MS);
    const seen = readOnce(root, relative);
    if (!seen) return { kind: 'missing' };
    if (seen.replaced) continue;
    const sameAsBefore = previous?.equals(seen.bytes) ?? false;
    previous = seen.bytes;
    try {
      const { value, clean } = parse(seen.bytes);
      failure = undefined; // an earlier read was torn, not damaged
      if (seen.quiet || sameAsBefore || (seen.still && clean))
        return { kind: 'read', value, stat: seen.stat, quiet: seen.quiet };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      if (seen.quiet) throw error; // it does not move: it is damaged
      failure = error;
    }
  }
  if (failure) throw failure;
  return { kind: 'busy' };
}

function readOnce(
  root: SourceRoot,
  relative: string,
): { bytes: Buffer; stat: FileStat; quiet: boolean; still: boolean; replaced: boolean } | undefined {
  const fd = ifThere(() => root.openFile(relative));
  if (fd === undefined) return undefined;
  try {
    const before = statFd(fd);
    const bytes = readDescriptor(fd);
    const after = statFd(fd);
    const named = root.stat(relative);
    const replaced = named === undefined || named.ino !== after.ino || named.dev !== after.dev;
    const young = BigInt(Date.now()) * 1_000_000n - changedNs(after) < QUIET_NS;
    const still = fingerprintOf(before) === fingerprintOf(after);
    return { bytes, stat: after, still, quiet: !young && still, replaced };
  } finally {
    closeSync(fd);
  }
}
