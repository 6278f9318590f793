/**
 * HOT: every message of a first copy, by eight system calls on descriptors and nothing allocated: open, stat, read; open,
 * write, times; close twice; and a chown where the thread does not act as the owner (file-owner.ts). Half the user time
 * of `node:fs`, and no walk through /proc for each name (bench "full"). copy-message.ts does the same with `node:fs`
 * where these calls can't be had.
 */
import { constants } from 'node:fs';
import { endianness } from 'node:os';
import { failed, failedBelow } from './beneath.js';
import type { NativeFile } from './native.js';
import { O_NOATIME, type SourceDir } from './source.js';
import type { TargetDir } from './target.js';

const ENOENT = 2;
const EPERM = 1;
const EEXIST = 17;
const EINVAL = 22;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** struct statx: links at byte 16, mode at 28. @see statx(2) */
const LINKS_WORD = 4;
const MODE_HALF = 14;

let noatime = O_NOATIME;
const nameBytes = Buffer.alloc(256);
const statBytes = Buffer.alloc(256);
const statWords = new Uint32Array(statBytes.buffer, statBytes.byteOffset, 64);
const statHalves = new Uint16Array(statBytes.buffer, statBytes.byteOffset, 128);
/** Two struct timespec of 64-bit numbers: seconds in halves at 0, 1 and at 4, 5. */
const times = Buffer.alloc(32);
const timeHalves = new Uint32Array(times.buffer, times.byteOffset, 8);
const [LOW, HIGH] = endianness() === 'LE' ? [0, 1] : [1, 0];
let named = '';
let firstReadMs = 0;

/** NUL-terminated, in a buffer that the next name uses again; source and target have one name. */
function bytesOf(name: string): Buffer {
  if (name !== named) nameBytes[nameBytes.write(name, 0, nameBytes.length - 1, 'latin1')] = 0;
  named = name;
  return nameBytes;
}

/** @param seconds Since 1970, not negative; index records have no others. */
function timesOf(seconds: number): Buffer {
  timeHalves[LOW] = timeHalves[4 + LOW] = seconds;
  timeHalves[HIGH] = timeHalves[4 + HIGH] = seconds / 2 ** 32;
  return times;
}

function openAt(calls: NativeFile, from: SourceDir, name: string): number {
  const fd = calls.open(from.fd, bytesOf(name), READ | noatime, 0);
  if (fd !== -EPERM || noatime === 0) return fd;
  noatime = 0; // the owner's (or root's) alone
  return calls.open(from.fd, nameBytes, READ, 0);
}

/** Has a file of the source read from disk before its turn comes. Whatever is wrong with it shows then. */
export function askAhead(calls: NativeFile, from: SourceDir, name: string): void {
  const fd = openAt(calls, from, name);
  if (fd < 0) return;
  calls.willNeed(fd);
  calls.close(fd);
}

/** How long the first read of the file that was opened last took; 0 where it was not read. */
export function msOfFirstRead(): number {
  return firstReadMs;
}

/** @returns an open regular file, or -1 where there is none. @throws ErrnoException */
export function openToCopy(calls: NativeFile, from: SourceDir, name: string): number {
  firstReadMs = 0;
  const fd = openAt(calls, from, name);
  if (fd === -ENOENT) return -1;
  if (fd < 0) throw failedBelow(-fd, from.fd, name);
  const errno = calls.stat(fd, statBytes);
  if (errno === 0 && (statHalves[MODE_HALF]! & constants.S_IFMT) === constants.S_IFREG) return fd;
  calls.close(fd);
  throw failedBelow(errno === 0 ? EINVAL : -errno, from.fd, name);
}

/** Of the file opened last. */
export function linksOfOpened(): number {
  return statWords[LINKS_WORD]!;
}

/**
 * Creates `name` anew, owner set, and copies all that `input` has.
 * @param buffer Goes through its hands in pieces. @param onBytes Told of each piece, where given.
 * @returns the bytes copied. @throws ErrnoException
 */
export function copyOpened(
  calls: NativeFile,
  input: number,
  to: TargetDir,
  name: string,
  seconds: number,
  buffer: Buffer,
  onBytes: ((piece: Buffer) => void) | undefined,
): number {
  let output = calls.open(to.fd, bytesOf(name), CREATE, 0o600);
  if (output === -EEXIST) output = to.create(name);
  else if (output < 0) throw failedBelow(-output, to.fd, name);
  else if (to.owner) check(calls.chown(output, to.owner.uid, to.owner.gid), to, name);
  try {
    let size = 0;
    for (;;) {
      const begun = size === 0 ? performance.now() : 0;
      const n = check(calls.read(input, buffer, buffer.length), undefined, name);
      if (size === 0) firstReadMs = performance.now() - begun;
      if (n === 0) break;
      onBytes?.(buffer.subarray(0, n));
      for (let at = 0; at < n; ) at += check(calls.write(output, buffer, at, n - at), to, name);
      size += n;
      if (n < buffer.length) break; // a regular file gives less only at its end
    }
    check(calls.setTimes(output, timesOf(seconds)), to, name);
    return size;
  } finally {
    calls.close(output);
  }
}

/** @param to Undefined for what is read. */
function check(result: number, to: TargetDir | undefined, name: string): number {
  if (result < 0) throw to ? failedBelow(-result, to.fd, name) : failed(-result, name);
  return result;
}
