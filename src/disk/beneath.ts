/**
 * Opening what lies below a root, and nothing else: by one openat2 where the kernel has it, else directory by
 * directory with O_NOFOLLOW. A symbolic link below a root is refused with ELOOP, never followed (design.md, hostile
 * input). Files inside an opened directory are then reached as `/proc/self/fd/N/NAME`, which takes no second walk.
 */
import { closeSync, constants, lstatSync, openSync, readlinkSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { native } from './native.js';
import { errnoOf, ifThere, isMissing, joinPath, osPath } from './os-path.js';

const ERRNO_NAMES: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  5: 'EIO',
  13: 'EACCES',
  17: 'EEXIST',
  18: 'EXDEV',
  20: 'ENOTDIR',
  21: 'EISDIR',
  23: 'ENFILE',
  24: 'EMFILE',
  28: 'ENOSPC',
  30: 'EROFS',
  36: 'ENAMETOOLONG',
  40: 'ELOOP',
  122: 'EDQUOT',
};
const ENOENT = 2;
const EAGAIN = 11;
const ENOTDIR = 20;

/** What a failed call throws, as Node's own calls do. */
export function failed(errno: number, path: string): NodeJS.ErrnoException {
  const code = ERRNO_NAMES[errno] ?? `E${errno}`;
  const what = getSystemErrorMap().get(-errno)?.[1] ?? 'system call failed';
  return Object.assign(new Error(`${code}: ${what}, '${path}'`), { code, errno: -errno, path });
}

/** The same of `relative` below the open directory `dirFd`, by the path that an administrator knows. */
export function failedBelow(errno: number, dirFd: number, relative: string): NodeJS.ErrnoException {
  return failed(errno, joinPath(pathOfDir(dirFd), relative));
}

const OPEN_DIR = /\/proc\/self\/fd\/\d+/g;

/** An error of Node's own calls below an open directory, saying where that is. To be called while it is open. */
export function namingDir(error: unknown): unknown {
  if (error instanceof Error && errnoOf(error) !== undefined)
    error.message = error.message.replace(OPEN_DIR, pathOfLink);
  return error;
}

function pathOfDir(fd: number): string {
  return pathOfLink(`/proc/self/fd/${fd}`);
}

function pathOfLink(link: string): string {
  return ifThere(() => readlinkSync(link, { encoding: 'latin1' as BufferEncoding }) as string) ?? link;
}

const O_PATH = 0o10000000;

/** Opens a root itself; its own path may hold links (they were accepted at `init`). */
export function openRoot(path: string): number {
  return openSync(osPath(path), constants.O_RDONLY | constants.O_DIRECTORY);
}

/**
 * Opens the directory `relative` (no leading slash; `''` is the root itself) below `rootFd`.
 * @throws ErrnoException ENOENT, ENOTDIR, ELOOP (a link in the path) …
 */
export function openDirBeneath(rootFd: number, relative: string): number {
  return needed(openedDir(rootFd, relative), rootFd, relative);
}

/** The same, undefined where there is none: an exception takes as long as ten calls. */
export function tryOpenDirBeneath(rootFd: number, relative: string): number | undefined {
  return found(openedDir(rootFd, relative));
}

/** Opens the file `relative` below `rootFd` with `flags` (O_NOFOLLOW and O_NONBLOCK are added). */
export function openBeneath(rootFd: number, relative: string, flags: number, mode: number): number {
  return needed(opened(rootFd, relative, flags, mode), rootFd, relative);
}

/** The same, undefined where there is none. */
export function tryOpenBeneath(rootFd: number, relative: string, flags: number, mode: number): number | undefined {
  return found(opened(rootFd, relative, flags, mode));
}

function openedDir(rootFd: number, relative: string): number {
  if (relative === '')
    return openSync(`/proc/self/fd/${rootFd}/.`, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NONBLOCK);
  return opened(rootFd, relative, constants.O_RDONLY | constants.O_DIRECTORY, 0);
}

/** @returns a descriptor, or minus ENOENT or ENOTDIR. @throws ErrnoException of any other kind */
function opened(rootFd: number, relative: string, flags: number, mode: number): number {
  const calls = native();
  const all = flags | constants.O_NONBLOCK;
  if (!calls) return openStepwise(rootFd, relative, all | constants.O_NOFOLLOW, mode);
  const bytes = Buffer.from(relative, 'latin1');
  for (let attempt = 0; ; attempt++) {
    const fd = calls.openBeneath(rootFd, bytes, all, mode);
    if (fd >= 0 || fd === -ENOENT || fd === -ENOTDIR) return fd;
    // EAGAIN: a rename elsewhere raced with the walk (openat2(2)); the walk itself was sound, so try again.
    if (fd !== -EAGAIN || attempt === 20) throw failedBelow(-fd, rootFd, relative);
  }
}

function needed(fd: number, rootFd: number, relative: string): number {
  if (fd < 0) throw failedBelow(-fd, rootFd, relative);
  return fd;
}

function found(fd: number): number | undefined {
  return fd < 0 ? undefined : fd;
}

function openStepwise(rootFd: number, relative: string, flags: number, mode: number): number {
  const parts = relative.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw failed(18, relative);
  const last = parts.pop() ?? '.';
  let at = rootFd;
  try {
    for (const part of parts) {
      const next = openStep(at, part, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW, 0);
      if (at !== rootFd) closeSync(at);
      at = next;
    }
    return openStep(at, last, flags, mode);
  } catch (error) {
    if (!isMissing(error)) throw error;
    return errnoOf(error) === 'ENOTDIR' ? -ENOTDIR : -ENOENT;
  } finally {
    if (at !== rootFd) closeSync(at);
  }
}

/** O_DIRECTORY with O_NOFOLLOW says ENOTDIR of a link, which would pass for "nothing is there": say ELOOP, as openat2. */
function openStep(dirFd: number, name: string, flags: number, mode: number): number {
  const path = osPath(`/proc/self/fd/${dirFd}/${name}`);
  try {
    return openSync(path, flags, mode);
  } catch (error) {
    const isLink = errnoOf(error) === 'ENOTDIR' && lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink();
    throw isLink ? failedBelow(40, dirFd, name) : namingDir(error);
  }
}
