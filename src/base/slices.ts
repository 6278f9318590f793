/**
 * Long synchronous work that may be put aside for a moment: a generator that yields where it could stop. On a cold disk
 * an inventory takes minutes, and a signal is heard only between turns of the event loop.
 */
import { InterruptedError } from './errors.js';
import type { StopSignal } from './stop.js';

/** How far some work is. */
export interface Step {
  /** What is being done: "looking at the source's mailboxes". */
  readonly what: string;
  readonly done: number;
  readonly of: number;
}

/** Yields often enough that the time between is a fraction of a second on the slowest disk. */
export type Sliced<T> = Generator<Step, T, void>;

/** Where nobody waits for a word, and a signal ends the process at once. */
export function atOnce<T>(work: Sliced<T>): T {
  let next = work.next();
  while (!next.done) next = work.next();
  return next.value;
}

/** Turns of the event loop are taken no more often: each is 10 µs. */
const SLICE_MS = 50;

/**
 * Does it in turns with signals and timers.
 * @param onStep Told once a turn how far it is.
 * @throws InterruptedError, through the work, where a signal came
 */
export async function inSlices<T>(work: Sliced<T>, stop: StopSignal, onStep: (step: Step) => void): Promise<T> {
  let begun = performance.now();
  let next = work.next();
  while (!next.done) {
    if (performance.now() - begun < SLICE_MS) {
      next = work.next();
      continue;
    }
    onStep(next.value);
    await new Promise<void>((resolve) => setImmediate(resolve));
    begun = performance.now();
    next = stop.interrupted ? work.throw(new InterruptedError()) : work.next();
  }
  return next.value;
}

/** Waits for what goes on elsewhere. @throws InterruptedError as soon as a signal came */
export async function unlessInterrupted<T>(work: Promise<T>, stop: StopSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      if (stop.interrupted) reject(new InterruptedError());
    }, SLICE_MS);
  });
  try {
    return await Promise.race([work, interrupted]);
  } finally {
    clearInterval(timer);
  }
}
