/**
 * Messages of a cold source are asked for before their turn (ask-ahead.ts). Of what is in memory that would cost a tenth
 * of its copy.
 */
import { DiskWaits } from '../disk/ask-ahead.js';
import { askAhead, msOfFirstRead } from '../disk/copy-file.js';
import { native } from '../disk/native.js';
import type { SourceDir } from '../disk/source.js';

/** A read that takes longer has waited for a disk; from memory 10 KB take 3 µs, from the quickest SSD 60 µs and more. */
const WAITED_MS = 0.04;
/** How far ahead, whichever is reached first: what a disk can put into an order of its own. */
const AHEAD_MESSAGES = 256;
const AHEAD_BYTES = 8 << 20;

/** Messages of one mailbox by their place in the order of copying. */
export interface MessagesToCome {
  readonly count: number;
  size(n: number): number;
  name(n: number): string;
  dir(n: number): SourceDir | undefined;
}

export interface ReadAheadCalls {
  ask(dir: SourceDir, name: string): void;
  /** Of the message copied last; 0 where it was not read. */
  firstReadMs(): number;
}

const OF_DISK: ReadAheadCalls = {
  ask(dir, name) {
    const calls = native()?.file;
    if (calls) askAhead(calls, dir, name);
  },
  firstReadMs: msOfFirstRead,
};

/** A worker's: it knows from mailbox to mailbox whether reads wait. */
export class ReadAhead {
  readonly #waits = new DiskWaits(WAITED_MS);
  /** Of the mailbox that is being copied: messages asked for, and their bytes that are still to come. */
  #asked = 0;
  #bytes = 0;
  readonly #calls: ReadAheadCalls;

  constructor(calls = OF_DISK) {
    this.#calls = calls;
  }

  /** Whether reads have to wait for a disk. */
  get isWaiting(): boolean {
    return this.#waits.left > 0;
  }

  beginMailbox(): void {
    this.#asked = 0;
    this.#bytes = 0;
  }

  /** Before message `n` is copied. */
  before(n: number, messages: MessagesToCome): void {
    if (n < this.#asked) this.#bytes -= messages.size(n);
    // by halves: a disk gets many at once
    const isFarAhead = this.#asked - n > AHEAD_MESSAGES / 2 || this.#bytes > AHEAD_BYTES / 2;
    if (this.#waits.left > 0 && !isFarAhead) this.#ask(n, messages);
  }

  #ask(n: number, messages: MessagesToCome): void {
    let at = Math.max(n, this.#asked);
    const end = Math.min(messages.count, n + AHEAD_MESSAGES);
    for (; at < end && this.#waits.left > 0 && this.#bytes < AHEAD_BYTES; at++, this.#waits.left--) {
      const dir = messages.dir(at);
      if (dir) this.#calls.ask(dir, messages.name(at));
      if (at > n) this.#bytes += messages.size(at);
    }
    this.#asked = at;
  }

  /** After message `n` was copied. */
  after(n: number): void {
    if (n < this.#asked) return; // it was asked for: its read tells nothing
    this.#waits.saw(this.#calls.firstReadMs());
  }
}
