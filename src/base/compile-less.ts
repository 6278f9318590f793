/** V8 compiles what runs often, in each thread anew: much of what a worker of a few seconds costs. */
import { setFlagsFromString } from 'node:v8';

/**
 * From here on V8's optimizing compiler takes a function eight times later, in every thread of the process. A first copy of
 * 1,000 mailboxes × 100: 3.9 → 3.7 s of CPU; sixteen times and more gains nothing. V8 11 alone (Node 20): later ones have
 * a quicker compiler in between, and no such flag (one that they don't know they complain of on stderr).
 */
export function compileLess(): void {
  if (process.versions.v8.startsWith('11.')) setFlagsFromString('--interrupt-budget=540000');
}
