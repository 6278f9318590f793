/**
 * The source: read-only by type. Everything that opens a file of the old server goes through here: below its root,
 * never through a link, never blocking, and without touching its access time where the kernel allows that.
 */
import { closeSync, constants, fstatSync, opendirSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { namingDir, openBeneath, openRoot, tryOpenBeneath, tryOpenDirBeneath } from './beneath.js';
import { type FileStat, sizeOfPath, statFd, statPath } from './file-stat.js';
import { native } from './native.js';
import { errnoOf, ifThere, isMissing, osPath } from './os-path.js';

export const O_NOATIME = 0o1000000;

/** O_NOATIME is the owner's (or root's) alone; asked once a process, then known. */
let noatime = O_NOATIME;

/** Files of this size and more are not read whole: no index or database of Cyrus comes near it. */
const MAX_WHOLE_BYTES = 2 ** 31 - 1;

export interface SourceEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'link' | 'other' | 'unknown';
}

/** One directory of the source, held open; names in it are single path components. */
export class SourceDir {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** For the calls of this folder only. */
  get fd(): number {
    return this.#fd;
  }

  /** Path of an entry through the open descriptor, for the system calls of this folder only. */
  path(name: string): string {
    return `/proc/self/fd/${this.#fd}/${name}`;
  }

  stat(name: string): FileStat | undefined {
    return statPath(this.path(name));
  }

  /** Length of a regular file; undefined where there is none. A plain stat: quicker than {@link stat}. */
  sizeOf(name: string): number | undefined {
    return sizeOfPath(this.path(name));
  }

  /** Opens a regular file for reading. @throws ErrnoException; `EINVAL` where it is no regular file. */
  openFile(name: string): number {
    return openRegular(this.path(name)).fd;
  }

  /** The same, with the stat that the check for a regular file took anyway. */
  openMessage(name: string): Opened {
    return openRegular(this.path(name));
  }

  /** The whole file as it is now, or undefined where there is none. */
  read(name: string): Buffer | undefined {
    return readWhole(() => this.openMessage(name));
  }

  /** Every entry but `.` and `..`, in the directory's own order. */
  list(): SourceEntry[] {
    return listDirectory(`/proc/self/fd/${this.#fd}/.`);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** With the stat that the check for a regular file took anyway. */
interface Opened {
  readonly fd: number;
  readonly stat: Stats;
}

function openRegular(path: string): Opened {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let fd: number;
  try {
    fd = openSync(osPath(path), flags | noatime);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM' || noatime === 0) throw isMissing(error) ? error : namingDir(error);
    noatime = 0;
    fd = openSync(osPath(path), flags);
  }
  const stat = fstatSync(fd);
  if (stat.isFile()) return { fd, stat };
  closeSync(fd);
  throw Object.assign(new Error(`EINVAL: not a regular file '${path}'`), { code: 'EINVAL' });
}

function readWhole(open: () => Opened): Buffer | undefined {
  const opened = ifThere(open);
  return opened && readAndClose(opened);
}

function readAndClose({ fd, stat }: Opened): Buffer {
  try {
    return readDescriptor(fd, stat.size);
  } finally {
    closeSync(fd);
  }
}

/** Reads an open file from its beginning to its end, which may move meanwhile. @param size What it had just now. */
export function readDescriptor(fd: number, size = fstatSync(fd).size): Buffer {
  if (size > MAX_WHOLE_BYTES)
    throw Object.assign(new Error('EFBIG: file too large to be read whole'), { code: 'EFBIG' });
  let buffer = Buffer.allocUnsafe(size + 1); // one more than it had, so that growth shows
  let length = 0;
  for (;;) {
    length += readSync(fd, buffer, length, buffer.length - length, length);
    if (length < buffer.length) return buffer.subarray(0, length); // a regular file gives less only at its end
    const larger = Buffer.allocUnsafe(buffer.length * 2);
    buffer.copy(larger);
    buffer = larger;
  }
}

function listDirectory(path: string): SourceEntry[] {
  const dir = opendirSync(path, { encoding: 'latin1', bufferSize: 256 });
  try {
    const entries: SourceEntry[] = [];
    for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) {
      entries.push({
        name: entry.name,
        kind: entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : entry.isSymbolicLink() ? 'link' : 'other',
      });
    }
    return entries;
  } finally {
    dir.closeSync();
  }
}

/** One directory tree of the old server: a partition, the configdirectory, sieve. */
export class SourceRoot {
  /** As the server names it. */
  readonly path: string;
  /** As this machine names it. */
  readonly realPath: string;
  readonly #fd: number;

  private constructor(path: string, realPath: string, fd: number) {
    this.path = path;
    this.realPath = realPath;
    this.#fd = fd;
  }

  /** @throws ErrnoException where the root is missing or no directory. */
  static open(path: string, realPath: string): SourceRoot {
    return new SourceRoot(path, realPath, openRoot(realPath));
  }

  /** Device and inode of the root: what tells source and target apart. */
  identity(): FileStat {
    return statFd(this.#fd);
  }

  /** A directory below the root, or undefined where there is none. @throws ErrnoException `ELOOP` for a link. */
  dir(relative: string): SourceDir | undefined {
    const fd = tryOpenDirBeneath(this.#fd, relative);
    return fd === undefined ? undefined : new SourceDir(fd);
  }

  /** A whole file below the root, or undefined where there is none. */
  read(relative: string): Buffer | undefined {
    const opened = this.#tryOpen(relative);
    return opened && readAndClose(opened);
  }

  /** The first bytes of a file, fewer where it is shorter; undefined where there is none. */
  readStart(relative: string, length: number): Buffer | undefined {
    const fd = this.tryOpenFile(relative);
    if (fd === undefined) return undefined;
    try {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(fd, bytes, 0, length, 0));
    } finally {
      closeSync(fd);
    }
  }

  /** Opens a regular file below the root for reading. @throws ErrnoException ENOENT … */
  openFile(relative: string): number {
    return this.#regular(
      this.#withoutAtime((flags) => openBeneath(this.#fd, relative, flags, 0)),
      relative,
    ).fd;
  }

  /** The same, undefined where there is none. */
  tryOpenFile(relative: string): number | undefined {
    return this.#tryOpen(relative)?.fd;
  }

  /** Has the kernel read a file that is wanted soon. Whatever is wrong with it shows then. */
  askFor(relative: string): void {
    const calls = native()?.file;
    if (!calls) return;
    try {
      const fd = this.#withoutAtime((flags) => openBeneath(this.#fd, relative, flags, 0));
      calls.willNeed(fd);
      closeSync(fd);
    } catch {}
  }

  #tryOpen(relative: string): Opened | undefined {
    const fd = this.#withoutAtime((flags) => tryOpenBeneath(this.#fd, relative, flags, 0));
    return fd === undefined ? undefined : this.#regular(fd, relative);
  }

  #withoutAtime<T>(open: (flags: number) => T): T {
    try {
      return open(constants.O_RDONLY | noatime);
    } catch (error) {
      if (errnoOf(error) !== 'EPERM' || noatime === 0) throw error;
      noatime = 0;
      return open(constants.O_RDONLY);
    }
  }

  #regular(fd: number, relative: string): Opened {
    const stat = fstatSync(fd);
    if (stat.isFile()) return { fd, stat };
    closeSync(fd);
    throw Object.assign(new Error(`EINVAL: not a regular file '${relative}'`), { code: 'EINVAL' });
  }

  stat(relative: string): FileStat | undefined {
    return statPath(`${this.realPath}/${relative}`);
  }

  /** Where a symbolic link points (its text), or undefined where there is none. */
  readLink(relative: string): string | undefined {
    try {
      return readlinkSync(osPath(`${this.realPath}/${relative}`), { encoding: 'latin1' as BufferEncoding });
    } catch (error) {
      if (isMissing(error) || errnoOf(error) === 'EINVAL') return undefined;
      throw error;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
