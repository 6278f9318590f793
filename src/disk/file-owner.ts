/**
 * Whose the files are that this thread creates. A worker of root's acts as the target's owner: a file that is created as
 * cyrus needs no fchown, a tenth of what its copy costs (bench "full"), and no crash can come between the two.
 */
import { native } from './native.js';

/** Numeric. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

let acting: Owner | undefined;

export function isSameOwner(a: Owner, b: Owner): boolean {
  return a.uid === b.uid && a.gid === b.gid;
}

/** Of what a thread creates that acts as nobody else. */
export function ownerOfProcess(): Owner {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

/**
 * Makes this thread, and no other, create files as `owner`, where the process is root's and the kernel lets it. Its
 * other rights stay, on local file systems; a server of files at the other end of a network knows nothing of them.
 */
export function createFilesAs(owner: Owner): void {
  if (process.geteuid?.() !== 0) return;
  if (native()?.actAs(owner.uid, owner.gid)) acting = owner;
}

/** Of what is created, but for the group below a directory that hands down its own (setgid, `grpid`). */
export function ownerOfNewFiles(): Owner {
  return acting ?? ownerOfProcess();
}
