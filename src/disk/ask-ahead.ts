/**
 * What is wanted soon of a cold disk is asked for before its turn: one read after the other, a disk has one at a time to
 * do, and whoever reads waits for it most of the time. Whether the disk has to be asked at all, the reads themselves
 * tell: what is in memory takes a few microseconds, and asking for it would cost more than it saves.
 */

/** So many in a row: one may have been a thread that had to wait for its processor. */
const WAITS_IN_A_ROW = 2;
/** Things that are asked for early after that; then they are looked at again. */
const ASKED_FOR = 2000;

/** Whether a disk has to be waited for. */
export class DiskWaits {
  readonly #waitedMs: number;
  #waits = 0;
  /** Things still to be asked for early. */
  left = 0;

  /** @param waitedMs What takes longer has waited for a disk. */
  constructor(waitedMs: number) {
    this.#waitedMs = waitedMs;
  }

  /** @param ms How long something took that nobody had asked for. */
  saw(ms: number): void {
    this.#waits = ms > this.#waitedMs ? this.#waits + 1 : 0;
    if (this.#waits < WAITS_IN_A_ROW) return;
    this.left = ASKED_FOR;
    this.#waits = 0;
  }
}

/** How far ahead: what a disk can put into an order of its own. */
const AHEAD = 256;

/** Goes along a list of files that are looked at one after the other, or some at a time. */
export class AskAhead {
  readonly #waits: DiskWaits;
  /** Of the list: where what was asked for ends. */
  #asked = 0;
  #isUnasked = false;
  #begunMs = 0;

  readonly #nowMs: () => number;

  /**
   * @param waitedMs What takes longer between {@link before} and {@link after} has waited for a disk.
   * @param nowMs The clock; another in tests.
   */
  constructor(waitedMs: number, nowMs = () => performance.now()) {
    this.#waits = new DiskWaits(waitedMs);
    this.#nowMs = nowMs;
  }

  /** Another list, of a disk that is as it was. */
  beginList(): void {
    this.#asked = 0;
  }

  /**
   * Before what is at `n` is looked at.
   * @param end Where the list ends. @param ask Called for each place once, in order; places may be left out.
   */
  before(n: number, end: number, ask: (n: number) => void): void {
    const waits = this.#waits;
    this.#isUnasked = n >= this.#asked && waits.left === 0;
    if (waits.left > 0 && this.#asked - n < AHEAD / 2) {
      // by halves: a disk gets many at once
      let at = Math.max(n, this.#asked);
      const last = Math.min(end, n + AHEAD);
      for (; at < last && waits.left > 0; at++, waits.left--) ask(at);
      this.#asked = at;
    }
    if (this.#isUnasked) this.#begunMs = this.#nowMs();
  }

  /** Once that was looked at. */
  after(): void {
    if (this.#isUnasked) this.#waits.saw(this.#nowMs() - this.#begunMs);
  }
}
