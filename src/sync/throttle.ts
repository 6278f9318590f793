/**
 * How fast a pass may go, so that the old server's users do not notice it: limits that all workers keep together, in
 * memory that they share. Each message books its share of time on one clock and waits until that has come.
 */

export interface SpeedLimits {
  /** Read from the source, a second. */
  readonly bytesPerSec: number | undefined;
  /** Message files copied, a second. */
  readonly filesPerSec: number | undefined;
}

/** What workers are given. */
export interface SharedThrottle {
  readonly limits: SpeedLimits;
  /** When the next message is due, by either limit: nanoseconds of the monotonic clock. */
  readonly due: BigInt64Array<SharedArrayBuffer>;
}

/** What was not used may be caught up with, so that a slow moment costs no speed. */
const BURST_NS = 250_000_000n;

/** @returns undefined where there is no limit */
export function shareThrottle(limits: SpeedLimits): SharedThrottle | undefined {
  if (limits.bytesPerSec === undefined && limits.filesPerSec === undefined) return undefined;
  return { limits, due: new BigInt64Array(new SharedArrayBuffer(16)) };
}

export class Throttle {
  readonly #shared: SharedThrottle;
  readonly #nowNs: () => bigint;
  readonly #sleep: (ns: bigint) => void;

  /** @param nowNs, sleep The clock; others in tests. */
  constructor(shared: SharedThrottle, nowNs = process.hrtime.bigint, sleep = sleepNs) {
    this.#shared = shared;
    this.#nowNs = nowNs;
    this.#sleep = sleep;
  }

  /** Waits until so much may be copied. @param files 0 for what is no message */
  take(bytes: number, files: 0 | 1): void {
    const { limits, due } = this.#shared;
    const now = this.#nowNs();
    const wait = max(
      book(due, 0, now, costNs(bytes, limits.bytesPerSec)),
      book(due, 1, now, costNs(files, limits.filesPerSec)),
    );
    if (wait > 0n) this.#sleep(wait);
  }
}

function costNs(amount: number, perSec: number | undefined): bigint {
  return perSec === undefined ? 0n : BigInt(Math.round((amount / perSec) * 1e9));
}

/** @returns how long to wait for what was booked */
function book(due: BigInt64Array<SharedArrayBuffer>, at: number, now: bigint, cost: bigint): bigint {
  if (cost === 0n) return 0n;
  for (;;) {
    const booked = Atomics.load(due, at);
    const begin = max(booked, now - BURST_NS);
    if (Atomics.compareExchange(due, at, booked, begin + cost) === booked) return begin - now;
  }
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

function sleepNs(ns: bigint): void {
  Atomics.wait(sleeper, 0, 0, Number(ns / 1_000_000n) + 1);
}
