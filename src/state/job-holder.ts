/** Which process holds a job's lock, as the kernel tells it. */
import { readFileSync, statSync } from 'node:fs';

export interface JobHolder {
  readonly pid: number;
  /** `presync`; undefined where its command line does not show it. */
  readonly command: string | undefined;
}

/**
 * @returns undefined where nobody does, or the kernel does not say (another machine, another container).
 * @see proc_locks(5): `1: POSIX ADVISORY WRITE PID MAJOR:MINOR:INODE START END`
 */
export function holderOf(lockFile: string): JobHolder | undefined {
  const ino = statSync(lockFile, { throwIfNoEntry: false })?.ino;
  if (ino === undefined) return undefined;
  for (const line of textOf('/proc/locks').split('\n')) {
    const [, , , kind, pid, place] = line.split(/\s+/);
    if (kind !== 'WRITE' || !place?.endsWith(`:${ino}`) || !(Number(pid) > 0)) continue;
    const words = textOf(`/proc/${pid}/cmdline`).split('\0');
    // an inode of that number on another file system may be locked as well
    const at = words.findIndex((word) => /(?:^|\/)(?:main\.js|cyrsync)$/.test(word));
    if (at >= 0) return { pid: Number(pid), command: words.slice(at + 1).find((word) => /^[a-z]+$/.test(word)) };
  }
  return undefined;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // no such process by now, or a system without these files
  }
}
