/** When something that costs time is to be done again, so that it takes no more than a share of the time. */

export interface CostPace {
  /** Of the time, 0 to 1. */
  readonly share: number;
  readonly leastMs: number;
  readonly mostMs: number;
}

/** How much of a dear run is remembered when the next one was cheap. */
const MEMORY = 0.7;
const LONGEST_RETRY_MS = 600_000;

export class CostClock {
  readonly #pace: CostPace;
  #costMs = 0;
  #nextMs: number;
  #failures = 0;

  /** @param firstMs When it is due first. */
  constructor(pace: CostPace, firstMs: number) {
    this.#pace = pace;
    this.#nextMs = firstMs;
  }

  get nextMs(): number {
    return this.#nextMs;
  }

  /** From one to the next, as it stands. */
  get intervalMs(): number {
    const { share, leastMs, mostMs } = this.#pace;
    return Math.min(mostMs, Math.max(leastMs, this.#costMs / share));
  }

  done(endedMs: number, tookMs: number): void {
    this.#failures = 0;
    this.#costMs = Math.max(tookMs, this.#costMs * MEMORY);
    this.#nextMs = endedMs + this.intervalMs;
  }

  /** It could not be done: each time in a row it waits twice as long. */
  failed(endedMs: number, tookMs: number): void {
    const failures = this.#failures;
    this.done(endedMs, tookMs);
    this.#failures = failures + 1;
    this.#nextMs = endedMs + Math.min(LONGEST_RETRY_MS, this.intervalMs * 2 ** failures);
  }

  /** As soon as may be, whatever it costs: something may have been missed. */
  hasten(nowMs: number): void {
    this.#nextMs = Math.min(this.#nextMs, nowMs);
  }
}
