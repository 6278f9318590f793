import { InterruptedError } from './errors.js';

/**
 * The wish to stop, set by SIGINT or SIGTERM or by a time of day. Asked between mailboxes only, so that what was begun
 * is finished and recorded.
 */
export class StopSignal {
  #reason: 'signal' | 'deadline' | undefined;
  #deadlineMs: number | undefined;

  /** Asks everything to end at the next mailbox boundary. */
  interrupt(): void {
    this.#reason = 'signal';
  }

  /** Ends cleanly, not as an interruption, once the clock has passed `deadlineMs` (Unix milliseconds). */
  stopAt(deadlineMs: number): void {
    this.#deadlineMs = deadlineMs;
  }

  get interrupted(): boolean {
    return this.#reason === 'signal';
  }

  /** True where no further mailbox should be begun. */
  get stopped(): boolean {
    if (this.#reason === undefined && this.#deadlineMs !== undefined && Date.now() >= this.#deadlineMs) {
      this.#reason = 'deadline';
    }
    return this.#reason !== undefined;
  }

  /** @throws InterruptedError where a signal came. */
  throwIfInterrupted(): void {
    if (this.interrupted) throw new InterruptedError();
  }
}
