/**
 * What is written anywhere on a file system, by one mark (fanotify(7), Linux 5.9 and later, needs CAP_SYS_ADMIN): which
 * directory, which name. Nothing of the file system is changed by it.
 */
import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { endianness } from 'node:os';
import { native } from './native.js';
import { errnoOf, osPath } from './os-path.js';

/** @see linux/fanotify.h */
const FAN_CLOEXEC = 0x1;
const FAN_NONBLOCK = 0x2;
const FAN_REPORT_DFID_NAME = 0xc00;
const FAN_MARK_ADD = 0x1;
const FAN_MARK_FILESYSTEM = 0x100;
const FAN_MODIFY = 0x2;
const FAN_MOVED_TO = 0x80;
const FAN_CREATE = 0x100;
const FAN_Q_OVERFLOW = 0x4000;
const FAN_EVENT_INFO_TYPE_DFID_NAME = 2;
/** Of struct fanotify_event_metadata: event_len (u32), vers, reserved, metadata_len (u16), mask (u64), fd, pid. */
const METADATA = { length: 0, mask: 8, bytes: 24 } as const;
/** Of what follows it: info_type (u8), pad, len (u16), fsid (8 bytes), struct file_handle, name with NUL. */
const INFO = { type: 0, length: 2, handle: 12 } as const;
/** Of struct file_handle: handle_bytes (u32), handle_type (s32), then so many bytes. */
const HANDLE_HEAD = 8;
const O_PATH = 0o10000000;
const EAGAIN = 11;
const ENOENT = 2;
const ESTALE = 116;

const REASONS: Readonly<Record<number, string>> = {
  1: 'not allowed: it needs root (CAP_SYS_ADMIN)',
  18: 'this file system does not have it (EXDEV)',
  19: 'this file system does not have it (ENODEV)',
  22: 'the kernel does not have it (Linux 5.9 does)',
  38: 'the kernel does not have it',
  95: 'this file system does not have it (EOPNOTSUPP)',
};

/** One event as the kernel has it. */
export interface RawEvent {
  /** Some were dropped; it has no handle and no name. */
  readonly isOverflow: boolean;
  /** struct file_handle of the directory. */
  readonly handle: Buffer;
  readonly name: string;
}

/** What one read(2) gave. Events without a name are left out. */
export function parseFanotify(bytes: Buffer): RawEvent[] {
  const little = endianness() === 'LE';
  const u16 = (at: number) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const u32 = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const events: RawEvent[] = [];
  for (let at = 0; at + METADATA.bytes <= bytes.length; ) {
    const length = u32(at + METADATA.length);
    if (length < METADATA.bytes || at + length > bytes.length) break;
    const mask = u32(at + METADATA.mask + (little ? 0 : 4));
    if ((mask & FAN_Q_OVERFLOW) !== 0) events.push({ isOverflow: true, handle: Buffer.alloc(0), name: '' });
    for (let info = at + METADATA.bytes; info + INFO.handle + HANDLE_HEAD <= at + length; ) {
      const infoLength = u16(info + INFO.length);
      if (infoLength === 0) break;
      if (bytes[info + INFO.type] === FAN_EVENT_INFO_TYPE_DFID_NAME) {
        const nameAt = info + INFO.handle + HANDLE_HEAD + u32(info + INFO.handle);
        const end = bytes.indexOf(0, nameAt);
        events.push({
          isOverflow: false,
          handle: bytes.subarray(info + INFO.handle, nameAt),
          name: bytes.toString('latin1', nameAt, end),
        });
      }
      info += infoLength;
    }
    at += length;
  }
  return events;
}

export interface FanotifyEvents {
  /** Each once: `directory` as this machine names it, `name` in it. */
  readonly files: readonly { readonly directory: string; readonly name: string }[];
  readonly overflow: boolean;
}

export class Fanotify {
  readonly #fd: number;
  readonly #mountFd: number;
  readonly #buffer = Buffer.alloc(256 * 1024);

  /** @param root Real path of a directory on the file system. @throws Error that says why it can't be */
  constructor(root: string) {
    const calls = native();
    if (!calls) throw new Error('native calls are off, or do not load');
    const fd = calls.fanotify.init(FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME, constants.O_RDONLY);
    if (fd < 0) throw new Error(reason(-fd));
    this.#fd = fd;
    this.#mountFd = openSync(osPath(root), constants.O_RDONLY | constants.O_DIRECTORY);
    const mask = FAN_MODIFY | FAN_MOVED_TO | FAN_CREATE;
    const marked = calls.fanotify.mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask, this.#mountFd);
    if (marked >= 0) return;
    this.close();
    throw new Error(reason(-marked));
  }

  /**
   * What happened since the last call; does not wait.
   * @param isWanted Asked for each name: only of those the directory is looked up, two calls each.
   */
  read(isWanted: (name: string) => boolean): FanotifyEvents {
    const calls = native()!;
    const found = new Map<string, RawEvent>();
    let overflow = false;
    for (;;) {
      const n = calls.file.read(this.#fd, this.#buffer, this.#buffer.length);
      if (n === -EAGAIN || n === 0) break;
      if (n < 0) throw new Error(`reading fanotify events failed with errno ${-n}`);
      for (const event of parseFanotify(this.#buffer.subarray(0, n))) {
        overflow ||= event.isOverflow;
        if (event.isOverflow || !isWanted(event.name)) continue;
        const key = `${event.handle.toString('latin1')}/${event.name}`;
        if (!found.has(key)) found.set(key, { ...event, handle: Buffer.from(event.handle) });
      }
    }
    const files: { directory: string; name: string }[] = [];
    for (const { handle, name } of found.values()) {
      const directory = this.#pathOf(handle);
      if (directory !== undefined) files.push({ directory, name });
    }
    return { files, overflow };
  }

  /** @returns undefined where it is gone */
  #pathOf(handle: Buffer): string | undefined {
    const fd = native()!.fanotify.openHandle(this.#mountFd, handle, O_PATH);
    if (fd === -ESTALE || fd === -ENOENT) return undefined;
    if (fd < 0) throw new Error(`open_by_handle_at failed with errno ${-fd}`);
    try {
      return readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' as BufferEncoding });
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    } finally {
      native()!.file.close(fd);
    }
  }

  close(): void {
    native()!.file.close(this.#fd);
    closeSync(this.#mountFd);
  }
}

function reason(errno: number): string {
  return REASONS[errno] ?? `fanotify failed with errno ${errno}`;
}
