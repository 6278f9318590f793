import { type BigIntStats, fstatSync, lstatSync } from 'node:fs';
import { errnoOf, isMissing, osPath } from './os-path.js';

/** What of a stat matters here. Times are nanoseconds since 1970. */
export interface FileStat {
  readonly ino: bigint;
  readonly dev: bigint;
  readonly nlink: number;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
}

function toFileStat(s: BigIntStats): FileStat {
  return {
    ino: s.ino,
    dev: s.dev,
    nlink: Number(s.nlink),
    sizeBytes: Number(s.size),
    mtimeNs: s.mtimeNs,
    ctimeNs: s.ctimeNs,
    kind: s.isFile() ? 'file' : s.isDirectory() ? 'directory' : s.isSymbolicLink() ? 'link' : 'other',
  };
}

/** Stats without following a link at the end of the path; undefined where nothing is there, or links lead in a circle. */
export function statPath(path: string): FileStat | undefined {
  try {
    const s = lstatSync(osPath(path), { bigint: true, throwIfNoEntry: false });
    return s ? toFileStat(s) : undefined;
  } catch (error) {
    if (isMissing(error) || errnoOf(error) === 'ELOOP') return undefined; // e.g. a plain file where a directory was expected
    throw error;
  }
}

/** Length of the regular file at the path itself; undefined for anything else. */
export function sizeOfPath(path: string): number | undefined {
  try {
    const s = lstatSync(osPath(path), { throwIfNoEntry: false });
    return s?.isFile() ? s.size : undefined;
  } catch (error) {
    if (isMissing(error) || errnoOf(error) === 'ELOOP') return undefined;
    throw error;
  }
}

export function statFd(fd: number): FileStat {
  return toFileStat(fstatSync(fd, { bigint: true }));
}

/**
 * The fingerprint of one file: it changes whenever the file does. `-` where there is none. The device is no part of it:
 * that changes with each mount (reference cyrus-mailbox-files.md 9.2).
 */
export function fingerprintOf(stat: FileStat | undefined): string {
  return stat ? `${stat.ino}.${stat.sizeBytes}.${stat.mtimeNs}.${stat.ctimeNs}` : '-';
}

/** The later of mtime and ctime, nanoseconds: when the file last changed in any way. */
export function changedNs(stat: FileStat): bigint {
  return stat.mtimeNs > stat.ctimeNs ? stat.mtimeNs : stat.ctimeNs;
}
