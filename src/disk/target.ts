/**
 * The target: the only code that creates, replaces, moves or removes files of the new server. Files get mode 0600,
 * directories 0700, all of them the configured owner; nothing is written through a link; an existing file is never
 * opened for writing, for it may be linked elsewhere.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { failed, failedBelow, namingDir, openDirBeneath, openRoot, tryOpenDirBeneath } from './beneath.js';
import { isSameOwner, type Owner, ownerOfNewFiles, ownerOfProcess } from './file-owner.js';
import { type FileStat, statFd, statPath } from './file-stat.js';
import { native } from './native.js';
import { errnoOf, isMissing, osPath } from './os-path.js';
import { SourceRoot } from './source.js';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

const ENOENT = 2;
const EEXIST = 17;

/** Ours while it is written; a crash may leave one, the next pass replaces it. Never a name of Cyrus's. */
const TEMPORARY_SUFFIX = '.cyrsync-new';

/** A file that is copied goes through it in pieces. */
const piece = Buffer.allocUnsafeSlow(1 << 18);

/** One directory of the target, held open; names in it are single path components. */
export class TargetDir {
  readonly #fd: number;
  readonly #owner: Owner | undefined;
  /** It was made when it was opened: nothing is in it that others have put there. */
  readonly isNew: boolean;

  constructor(fd: number, owner: Owner | undefined, isNew = false) {
    this.#fd = fd;
    this.#owner = owner;
    this.isNew = isNew;
  }

  /** For the calls of this folder only. */
  get fd(): number {
    return this.#fd;
  }

  /** Undefined where what is created has the right owner by itself. */
  get owner(): Owner | undefined {
    return this.#owner;
  }

  path(name: string): string {
    return `/proc/self/fd/${this.#fd}/${name}`;
  }

  stat(name: string): FileStat | undefined {
    return statPath(this.path(name));
  }

  list(): string[] {
    return readdirSync(`/proc/self/fd/${this.#fd}/.`, { encoding: 'latin1' as BufferEncoding });
  }

  /** Creates `name` anew, whatever lay there, and returns its descriptor. The owner is set already. */
  create(name: string): number {
    const calls = native()?.file;
    if (calls) {
      const opened = calls.open(this.#fd, Buffer.from(`${name}\0`, 'latin1'), CREATE, 0o600);
      if (opened >= 0) return this.#owned(opened);
      if (opened !== -EEXIST) throw failedBelow(-opened, this.#fd, name);
    }
    const path = osPath(this.path(name));
    let fd: number;
    try {
      fd = openSync(path, CREATE, 0o600);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw namingDir(error);
      unlinkSync(path);
      fd = openSync(path, CREATE, 0o600);
    }
    return this.#owned(fd);
  }

  #owned(fd: number): number {
    if (this.#owner) fchownSync(fd, this.#owner.uid, this.#owner.gid);
    return fd;
  }

  /** Puts `bytes` at `name` in one step: temporary name, rename. The barrier, not this, makes it last. */
  replace(name: string, bytes: Uint8Array): void {
    this.#inOneStep(name, (fd) => writeAll(fd, bytes));
  }

  /** The same before a barrier: in a directory that is new nobody looks for it until then, and it is written in place. */
  put(name: string, bytes: Uint8Array): void {
    this.#put(name, (fd) => writeAll(fd, bytes));
  }

  /**
   * As {@link put}, with all that the open file `input` has.
   * @param isWanted Asked with its beginning. @returns its bytes; undefined where it is not wanted
   */
  copyFrom(name: string, input: number, isWanted: (begin: Buffer) => boolean): number | undefined {
    let n = readSync(input, piece, 0, piece.length, 0);
    if (!isWanted(piece.subarray(0, n))) return undefined;
    let size = n;
    this.#put(name, (output) => {
      writeAll(output, piece.subarray(0, n));
      while (n === piece.length) {
        n = readSync(input, piece, 0, piece.length, size); // a regular file gives less only at its end
        writeAll(output, piece.subarray(0, n));
        size += n;
      }
    });
    return size;
  }

  #put(name: string, fill: (fd: number) => void): void {
    if (this.isNew) this.#create(name, fill);
    else this.#inOneStep(name, fill);
  }

  #inOneStep(name: string, fill: (fd: number) => void): void {
    const temporary = name + TEMPORARY_SUFFIX;
    try {
      this.#create(temporary, fill);
    } catch (error) {
      this.remove(temporary); // a disk that is full has no room for half a file that nobody needs
      throw error;
    }
    renameSync(osPath(this.path(temporary)), osPath(this.path(name)));
  }

  #create(name: string, fill: (fd: number) => void): void {
    const fd = this.create(name);
    try {
      fill(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** @returns false where something lies there, or another link can't be had. */
  linkNew(from: TargetDir, fromName: string, name: string): boolean {
    try {
      linkSync(osPath(from.path(fromName)), osPath(this.path(name)));
      return true;
    } catch (error) {
      return errnoOf(error) !== 'EEXIST' && cannotLink(error);
    }
  }

  /** @returns false where another link can't be had (EMLINK, EXDEV, EPERM, the other is gone): copy instead. */
  linkFrom(from: TargetDir, fromName: string, name: string): boolean {
    const to = osPath(this.path(name));
    const source = osPath(from.path(fromName));
    try {
      linkSync(source, to);
      return true;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') return cannotLink(error);
    }
    // Something lies there: it goes only when the link is had.
    const temporary = osPath(this.path(name + TEMPORARY_SUFFIX));
    try {
      this.remove(name + TEMPORARY_SUFFIX);
      linkSync(source, temporary);
    } catch (error) {
      return cannotLink(error);
    }
    renameSync(temporary, to);
    this.remove(name + TEMPORARY_SUFFIX); // rename(2) leaves it where both were one file already
    return true;
  }

  /** A symbolic link with a relative target, as sieve's `defaultbc`. */
  replaceLink(name: string, pointsTo: string): void {
    const temporary = osPath(this.path(name + TEMPORARY_SUFFIX));
    try {
      unlinkSync(temporary);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    symlinkSync(osPath(pointsTo), temporary);
    if (this.#owner) lchownSync(temporary, this.#owner.uid, this.#owner.gid);
    renameSync(temporary, osPath(this.path(name)));
  }

  /** Renames a file to another directory of the same file system. @throws ErrnoException EXDEV, ENOENT … */
  renameTo(name: string, to: TargetDir, toName: string): void {
    renameSync(osPath(this.path(name)), osPath(to.path(toName)));
  }

  /** @returns false where there was none. */
  remove(name: string): boolean {
    try {
      unlinkSync(osPath(this.path(name)));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw namingDir(error);
    }
  }

  setTimes(name: string, seconds: number): void {
    try {
      utimesSync(osPath(this.path(name)), seconds, seconds);
    } catch (error) {
      throw namingDir(error);
    }
  }

  fsync(): void {
    fsyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** @returns false for what says that a link can't be had here. @throws all else */
function cannotLink(error: unknown): false {
  const code = errnoOf(error);
  if (code === 'EMLINK' || code === 'EXDEV' || code === 'EPERM' || code === 'ENOENT') return false;
  throw namingDir(error);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) at += writeSync(fd, bytes, at, bytes.length - at);
}

/** One directory tree of the new server that this job writes below. */
export class TargetRoot {
  readonly path: string;
  readonly realPath: string;
  /** Undefined where what this process creates has it by itself. */
  readonly owner: Owner | undefined;
  /** Below a directory of the owner's, what this thread creates is theirs. */
  readonly #actsAsOwner: boolean;
  readonly #fd: number;
  /** Held open: the mailboxes of a user come one after the other. */
  #lastParent: { readonly relative: string; readonly dir: TargetDir } | undefined;
  /** For reading back what was written, by the same rules as the source is read. */
  readonly reader: SourceRoot;

  private constructor(path: string, realPath: string, owner: Owner | undefined, fd: number) {
    this.path = path;
    this.realPath = realPath;
    this.owner = owner;
    this.#actsAsOwner = owner !== undefined && isSameOwner(owner, ownerOfNewFiles());
    this.#fd = fd;
    this.reader = SourceRoot.open(path, realPath);
  }

  /** @throws ErrnoException where the root is missing: the administrator makes (and mounts) it, not we. */
  static open(path: string, realPath: string, owner: Owner | undefined): TargetRoot {
    const isOurs = owner && isSameOwner(owner, ownerOfProcess());
    return new TargetRoot(path, realPath, isOurs ? undefined : owner, openRoot(realPath));
  }

  identity(): FileStat {
    return statFd(this.#fd);
  }

  /** An existing directory, or undefined. */
  dir(relative: string): TargetDir | undefined {
    const fd = tryOpenDirBeneath(this.#fd, relative);
    return fd === undefined ? undefined : new TargetDir(fd, this.owner);
  }

  /**
   * The directory, made with all above it where it is not there. One that a killed run had made and not yet given its
   * owner gets it now; another worker may be between the two, so whoever meets it sets it before going on.
   */
  makeDir(relative: string): TargetDir {
    const cut = relative.lastIndexOf('/');
    const above = cut < 0 ? '' : relative.slice(0, cut);
    const isLikelyNew = relative !== '' && this.#lastParent?.relative === above;
    let fd = isLikelyNew ? undefined : tryOpenDirBeneath(this.#fd, relative);
    let isNew = false;
    if (fd === undefined) {
      if (relative === '') throw failed(ENOENT, this.path);
      isNew = this.#makeIn(above, relative.slice(cut + 1));
      fd = openDirBeneath(this.#fd, relative);
    }
    if (!this.owner || relative === '') return new TargetDir(fd, this.owner, isNew);
    // a thread that acts as the owner looks all the same: the group may come from the directory above
    const has = isNew && !this.#actsAsOwner ? undefined : fstatSync(fd);
    if (!has || !isSameOwner(has, this.owner)) fchownSync(fd, this.owner.uid, this.owner.gid);
    return new TargetDir(fd, this.#actsAsOwner ? undefined : this.owner, isNew);
  }

  /** @returns false where it is there: another worker was quicker, or an earlier run. */
  #makeIn(above: string, name: string): boolean {
    const make = (parent: TargetDir) => {
      try {
        mkdirSync(osPath(parent.path(name)), 0o700);
        return true;
      } catch (failure) {
        if (errnoOf(failure) !== 'EEXIST') throw namingDir(failure);
        return false;
      }
    };
    if (this.#lastParent?.relative === above) {
      try {
        return make(this.#lastParent.dir);
      } catch (failure) {
        if (!isMissing(failure)) throw failure; // it was removed since, and may be there anew
      }
    }
    const dir = this.makeDir(above);
    this.#lastParent?.dir.close();
    this.#lastParent = { relative: above, dir };
    return make(dir);
  }

  stat(relative: string): FileStat | undefined {
    return statPath(`${this.realPath}/${relative}`);
  }

  /** Removes the directory and those above it as far as they are empty, never the root itself. */
  removeEmpty(relative: string): void {
    for (let at = relative; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
      const cut = at.lastIndexOf('/');
      const parent = this.dir(cut < 0 ? '' : at.slice(0, cut));
      if (!parent) continue;
      try {
        rmdirSync(osPath(parent.path(at.slice(cut + 1))));
      } catch (error) {
        if (isMissing(error)) continue;
        return; // ENOTEMPTY: a child mailbox lives there
      } finally {
        parent.close();
      }
    }
  }

  /** Writes all of the root's file system to disk; false where only file-by-file fsync can do that. */
  syncFileSystem(): boolean {
    const calls = native();
    if (!calls) return false;
    calls.syncfs(this.#fd);
    return true;
  }

  /** The same, beside this thread's work. */
  async syncFileSystemAside(): Promise<boolean> {
    const calls = native();
    if (!calls) return false;
    await calls.syncfsAside(this.#fd);
    return true;
  }

  close(): void {
    this.#lastParent?.dir.close();
    this.reader.close();
    closeSync(this.#fd);
  }
}
