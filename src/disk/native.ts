/**
 * The system calls that Node does not have, by FFI (koffi), each with a plain Node fallback beside its caller. Where
 * koffi can't be loaded, or `CYRSYNC_NATIVE=0` says so, every function here is absent and the fallback acts.
 */

import { constants } from 'node:fs';
import { createRequire } from 'node:module';

export interface Native {
  /** Writes everything of the file system that `fd` lies on to disk. @throws Error with the errno name. */
  syncfs(fd: number): void;
  /**
   * Opens `path` below the directory `dirFd`: no symbolic link in it is followed, nothing above `dirFd` is reached.
   * @returns a descriptor, or minus errno.
   * @see openat2(2), RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS (Linux 5.6)
   */
  openBeneath(dirFd: number, path: Buffer, flags: number, mode: number): number;
}

const SYS_OPENAT2 = 437; // the same number on every architecture of Linux
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
const ENOSYS = 38;

interface KoffiLibrary {
  func(declaration: string): (...args: unknown[]) => number;
}
interface Koffi {
  load(path: string | null): KoffiLibrary;
  errno(): number;
}

function load(): Native | undefined {
  if (process.env['CYRSYNC_NATIVE'] === '0' || process.platform !== 'linux') return undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    const libc = koffi.load(null);
    const syncfs = libc.func('int syncfs(int fd)');
    const syscall = libc.func('long syscall(long number, int dirFd, const void *path, const void *how, size_t size)');
    const native: Native = {
      syncfs(fd) {
        if (syncfs(fd) !== 0) throw new Error(`syncfs failed with errno ${koffi.errno()}`);
      },
      openBeneath(dirFd, path, flags, mode) {
        const how = Buffer.alloc(24);
        how.writeBigUInt64LE(BigInt(flags | 0o2000000 /* O_CLOEXEC */), 0);
        how.writeBigUInt64LE(BigInt((flags & constants.O_CREAT) !== 0 ? mode : 0), 8);
        how.writeBigUInt64LE(BigInt(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS), 16);
        const fd = Number(syscall(SYS_OPENAT2, dirFd, Buffer.concat([path, Buffer.alloc(1)]), how, how.length));
        return fd >= 0 ? fd : -koffi.errno();
      },
    };
    // An old kernel or a seccomp filter: say so once, here, and let the fallback act.
    const probe = native.openBeneath(
      -100 /* AT_FDCWD */,
      Buffer.from('.'),
      constants.O_RDONLY | constants.O_DIRECTORY,
      0,
    );
    if (probe === -ENOSYS || probe === -1) return undefined;
    if (probe >= 0) closeProbe(probe);
    return native;
  } catch {
    return undefined; // koffi has no build for this machine: the fallbacks do the same with more calls
  }
}

function closeProbe(fd: number): void {
  (createRequire(import.meta.url)('node:fs') as typeof import('node:fs')).closeSync(fd);
}

let loaded: { native: Native | undefined } | undefined;

/** The native calls, loaded at first use (start-up stays quick), or undefined. */
export function native(): Native | undefined {
  loaded ??= { native: load() };
  return loaded.native;
}
