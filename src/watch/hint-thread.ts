/** A source of hints, kept running: where its thread dies another is started, and what was missed is said. */
import { Worker } from 'node:worker_threads';
import type { HintMessage } from './hint-worker.js';
import type { Hint, HintSetup } from './hints.js';

const FIRST_RESTART_MS = 5000;
const LONGEST_RESTART_MS = 300_000;
/** One that lived so long died of something else than the one before. */
const HEALTHY_MS = 60_000;

export interface HintThreadEvents {
  hints(hints: readonly Hint[]): void;
  /** It ended, and is started again after so long. */
  died(why: string, againMs: number): void;
}

export class HintThread {
  readonly #setup: HintSetup;
  readonly #events: HintThreadEvents;
  #worker: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startedMs = 0;
  #restartMs = FIRST_RESTART_MS;
  #wasReady = false;
  #closed = false;

  constructor(setup: HintSetup, events: HintThreadEvents) {
    this.#setup = setup;
    this.#events = events;
  }

  /** Comes back when it hears of events, or has died. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#startedMs = Date.now();
      const worker = new Worker(new URL('./hint-worker.js', import.meta.url), {
        workerData: this.#setup,
        trackUnmanagedFds: false, // fanotify's and openat2's descriptors are not Node's own
      });
      this.#worker = worker;
      let why = 'it ended';
      worker.on('message', (message: HintMessage) => {
        if ('hints' in message) this.#events.hints(message.hints);
        else {
          if (this.#wasReady) this.#events.hints([{ kind: 'lost', why: 'started again' }]);
          this.#wasReady = true;
          resolve();
        }
      });
      worker.on('error', (error) => {
        why = error instanceof Error ? error.message : String(error);
      });
      worker.on('exit', () => {
        resolve();
        this.#worker = undefined;
        if (!this.#closed) this.#again(why);
      });
    });
  }

  #again(why: string): void {
    if (Date.now() - this.#startedMs > HEALTHY_MS) this.#restartMs = FIRST_RESTART_MS;
    this.#events.died(why, this.#restartMs);
    this.#timer = setTimeout(() => void this.start(), this.#restartMs);
    this.#restartMs = Math.min(LONGEST_RESTART_MS, 2 * this.#restartMs);
  }

  /** Other files of chokidar's. */
  send(indexes: readonly string[]): void {
    this.#worker?.postMessage(indexes);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#worker?.terminate();
  }
}
