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
  /**
   * Stats a path below `dirFd`, without following a link at its end.
   * @param path Ends in NUL. @param into 256 bytes: struct statx. @returns 0, or errno
   */
  statAt(dirFd: number, path: Buffer, into: Buffer): number;
  /** `syncfs` beside this thread's work. */
  syncfsAside(fd: number): Promise<void>;
  /** Of this thread, and of those it starts from now on. @param priority Class and level, as ioprio_set(2) has it. */
  setIoPriority(priority: number): boolean;
  /** Threads started from now on share one heap of malloc's: each keeps what it has freed. Nothing where libc has no such thing. */
  shareMallocArena(): void;
  /**
   * From here on this thread looks at file systems as that user, with the capabilities that it has: what it creates is
   * theirs at once. The caller makes sure that it may read and write all the same where capabilities count for nothing
   * (network file systems).
   * @returns false where that can't be had; then nothing has changed. @see setfsuid(2), capset(2): both are a thread's own
   */
  actAs(uid: number, gid: number): boolean;
  /** Sends bytes to a datagram socket. @param address struct sockaddr_un. @returns 0, or errno */
  sendDatagram(address: Buffer, bytes: Buffer): number;
  readonly fanotify: NativeFanotify;
  /** The calls of a message's copy (disk/copy-file.ts), each with its result or minus errno. Names end in NUL. */
  readonly file: NativeFile;
}

/** Each with its result or minus errno. @see fanotify_init(2), fanotify_mark(2), open_by_handle_at(2) */
export interface NativeFanotify {
  init(flags: number, eventFlags: number): number;
  mark(fd: number, flags: number, mask: number, dirFd: number): number;
  /** @param handle struct file_handle */
  openHandle(mountFd: number, handle: Buffer, flags: number): number;
}

export interface NativeFile {
  open(dirFd: number, name: Buffer, flags: number, mode: number): number;
  /** Of an open file, into 256 bytes: struct statx. */
  stat(fd: number, into: Buffer): number;
  read(fd: number, into: Buffer, length: number): number;
  /** @param from Begins at `offset` of it. */
  write(fd: number, from: Buffer, offset: number, length: number): number;
  chown(fd: number, uid: number, gid: number): number;
  /** Has the kernel read the file from disk beside this thread's work. @returns 0, or errno. @see posix_fadvise(3) */
  willNeed(fd: number): number;
  /** @param times Two struct timespec: atime, mtime. */
  setTimes(fd: number, times: Buffer): number;
  close(fd: number): number;
}

/** @see glibc malloc.h */
const M_ARENA_MAX = -8;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const EMPTY = Buffer.alloc(1);

/** @see linux asm-generic/unistd.h, asm/unistd_64.h */
const SYS_IOPRIO_SET: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 251, arm64: 30, riscv64: 30 };
const IOPRIO_WHO_PROCESS = 1;
const POSIX_FADV_WILLNEED = 3;
const SYS_OPENAT2 = 437; // the same number on every architecture of Linux
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
/** @see linux/capability.h: version 3 has two words of each set. pid 0 is this thread. */
const CAPABILITY_VERSION_3 = 0x20080522;
const CAPABILITY_BYTES = 24;
/** CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER: with less, root may do what it does as the owner of files, and must stay root. */
const ALL_FILES = 0b1011;
const NO_ID = 0xffff_ffff;
const ENOSYS = 38;
const O_CLOEXEC = 0o2000000; // SOCK_CLOEXEC is the same
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

type KoffiFunction = ((...args: unknown[]) => number) & {
  async(...args: [...unknown[], (error: unknown, result: number) => void]): void;
};
interface KoffiLibrary {
  func(declaration: string): KoffiFunction;
}
interface Koffi {
  load(path: string | null): KoffiLibrary;
  errno(): number;
}

function load(): Native | undefined {
  if (process.env['CYRSYNC_NATIVE'] === '0' || process.platform !== 'linux') return undefined;
  try {
    const koffi = loadKoffi(createRequire(import.meta.url));
    const libc = koffi.load(null);
    const syncfs = libc.func('int syncfs(int fd)');
    const syscall = libc.func('long syscall(long number, int dirFd, const void *path, const void *how, size_t size)');
    const statx = libc.func('int statx(int dirFd, const void *path, int flags, unsigned int mask, void *into)');
    const open = libc.func('int openat(int dirFd, const void *name, int flags, unsigned int mode)');
    const read = libc.func('long read(int fd, void *into, size_t length)');
    const write = libc.func('long write(int fd, const void *from, size_t length)');
    const chown = libc.func('int fchown(int fd, unsigned int uid, unsigned int gid)');
    const setTimes = libc.func('int futimens(int fd, const void *times)');
    const close = libc.func('int close(int fd)');
    const orErrno = (result: number) => (result >= 0 ? result : -koffi.errno());
    const later = (declaration: string): KoffiFunction => {
      let call: KoffiFunction | undefined; // few processes need it
      return ((...args) => {
        call ??= libc.func(declaration);
        return call(...args);
      }) as KoffiFunction;
    };
    const advise = later('int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)');
    const socket = later('int socket(int domain, int type, int protocol)');
    const sendTo = later(
      'long sendto(int fd, const void *b, size_t n, int flags, const void *to, unsigned int length)',
    );
    const fanotifyInit = later('int fanotify_init(unsigned int flags, unsigned int eventFlags)');
    const fanotifyMark = later(
      'int fanotify_mark(int fd, unsigned int flags, uint64_t mask, int dirFd, const void *path)',
    );
    const setFsUid = later('int setfsuid(unsigned int uid)'); // the C library calls for this thread alone, as the kernel does
    const setFsGid = later('int setfsgid(unsigned int gid)');
    const capget = later('int capget(void *header, void *data)');
    const capset = later('int capset(void *header, const void *data)');
    const openHandle = later('int open_by_handle_at(int mountFd, const void *handle, int flags)');
    const native: Native = {
      actAs(uid, gid) {
        const header = Buffer.alloc(8);
        header.writeUInt32LE(CAPABILITY_VERSION_3);
        const data = Buffer.alloc(CAPABILITY_BYTES);
        if (capget(header, data) !== 0 || (data.readUInt32LE(0) & ALL_FILES) !== ALL_FILES) return false;
        const wasGid = setFsGid(gid) >>> 0;
        const wasUid = setFsUid(uid) >>> 0; // takes capabilities out of effect where root is left; they may be put back
        const isSet = setFsUid(NO_ID) >>> 0 === uid && setFsGid(NO_ID) >>> 0 === gid; // they tell, and change nothing
        if (isSet && capset(header, data) === 0) return true;
        setFsUid(wasUid);
        setFsGid(wasGid);
        return false;
      },
      sendDatagram(address, bytes) {
        const fd = socket(AF_UNIX, SOCK_DGRAM | O_CLOEXEC, 0);
        if (fd < 0) return koffi.errno();
        const sent = Number(sendTo(fd, bytes, bytes.length, MSG_DONTWAIT, address, address.length));
        const errno = sent < 0 ? koffi.errno() : 0;
        close(fd);
        return errno;
      },
      fanotify: {
        init: (flags, eventFlags) => orErrno(fanotifyInit(flags, eventFlags)),
        mark: (fd, flags, mask, dirFd) => orErrno(fanotifyMark(fd, flags, mask, dirFd, null)),
        openHandle: (mountFd, handle, flags) => orErrno(openHandle(mountFd, handle, flags | O_CLOEXEC)),
      },
      file: {
        open: (dirFd, name, flags, mode) => orErrno(open(dirFd, name, flags | O_CLOEXEC, mode)),
        stat: (fd, into) => orErrno(statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, into)),
        read: (fd, into, length) => orErrno(read(fd, into, length)),
        write: (fd, from, offset, length) =>
          orErrno(write(fd, offset === 0 ? from : from.subarray(offset, offset + length), length)),
        chown: (fd, uid, gid) => orErrno(chown(fd, uid, gid)),
        willNeed: (fd) => advise(fd, 0, 0, POSIX_FADV_WILLNEED),
        setTimes: (fd, times) => orErrno(setTimes(fd, times)),
        close: (fd) => orErrno(close(fd)),
      },
      syncfsAside: (fd) =>
        new Promise((resolve, reject) => {
          syncfs.async(fd, (error, result) => {
            if (error !== null || result !== 0) reject(new Error(`syncfs failed: ${error ?? 'see dmesg'}`));
            else resolve();
          });
        }),
      statAt: (dirFd, path, into) =>
        statx(dirFd, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, into) === 0 ? 0 : koffi.errno(),
      setIoPriority(priority) {
        const number = SYS_IOPRIO_SET[process.arch];
        if (number === undefined) return false;
        const set = libc.func('long syscall(long number, int which, int who, int priority)');
        return Number(set(number, IOPRIO_WHO_PROCESS, 0, priority)) === 0;
      },
      shareMallocArena() {
        try {
          libc.func('int mallopt(int parameter, int value)')(M_ARENA_MAX, 1);
        } catch {} // musl has one arena anyway
      },
      syncfs(fd) {
        if (syncfs(fd) !== 0) throw new Error(`syncfs failed with errno ${koffi.errno()}`);
      },
      openBeneath(dirFd, path, flags, mode) {
        const how = Buffer.alloc(24);
        how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
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

/** The addon itself, where it lies as koffi 3 ships it: what stands around it takes 15 ms of CPU time to load. */
function loadKoffi(require: NodeJS.Require): Koffi {
  try {
    return require(`@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`) as Koffi;
  } catch {
    return require('koffi') as Koffi; // another libc, another layout: koffi knows
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
