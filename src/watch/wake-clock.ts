import type { Clock } from './follower.js';

/** So often a waiting loop looks whether it is to stop, and says how it stands. */
const TICK_MS = 500;

/** The machine's clock; `wake` ends a wait. */
export class WakeClock implements Clock {
  readonly #tick: () => void;
  #wake: (() => void) | undefined;

  /** @param tick Called at least twice a second of waiting. */
  constructor(tick: () => void) {
    this.#tick = tick;
  }

  nowMs(): number {
    return Date.now();
  }

  async wait(untilMs: number): Promise<void> {
    this.#tick();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, Math.min(TICK_MS, untilMs - Date.now())));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  wake(): void {
    this.#wake?.();
  }
}
