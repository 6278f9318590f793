/** How much this process, and the threads it starts from now on, gives way to others. */
import { setPriority } from 'node:os';
import { native } from './native.js';

/** Of the disk: `idle` only when nobody else wants it; `low` after the others. @see ioprio_set(2) */
export type IoClass = 'idle' | 'low';

const CLASS_SHIFT = 13;
const PRIORITIES: Readonly<Record<IoClass, number>> = { idle: 3 << CLASS_SHIFT, low: (2 << CLASS_SHIFT) | 7 };

/** @returns false where this machine can not do that */
export function setIoClass(ioClass: IoClass): boolean {
  return native()?.setIoPriority(PRIORITIES[ioClass]) === true;
}

/** @param nice 1 to 19. Threads that are started later have it too. */
export function setNice(nice: number): void {
  setPriority(0, nice);
}
