/** What a pass is given to say how it goes, and to hear when to stop. It knows nothing of terminals. */
import type { Log } from '../base/log.js';
import { inSlices, type Sliced, type Step } from '../base/slices.js';
import type { StopSignal } from '../base/stop.js';
import type { ProblemList } from '../model/problem.js';
import type { Progress } from '../model/progress.js';
import type { SpeedLimits } from './throttle.js';

/** How much of the machine a pass may take. What is undefined has no limit. */
export interface Pace extends SpeedLimits {
  readonly workers?: number | undefined;
  /** Load average over a minute above which no further mailbox is begun. */
  readonly maxLoad?: number | undefined;
}

export interface PassContext {
  readonly log: Log;
  readonly stop: StopSignal;
  readonly problems: ProblemList;
  readonly pace?: Pace | undefined;
  /** This thread has other duties: where copies wait for their turn, by a limit of the pace, others do the waiting. */
  readonly keepsThreadFree?: boolean | undefined;
  /** Told why it stands still, and (undefined) that it goes on. */
  waiting?(why: string | undefined): void;
  /** Told now and then how far that is which comes before copying, and (undefined) that it is done. */
  preparing?(step: Step | undefined): void;
  progress(done: Progress): void;
}

/** Does what comes before copying, in turns with signals; the line that says how far it is goes with its end. */
export async function prepare<T>(
  work: Sliced<T>,
  { stop, preparing }: Pick<PassContext, 'stop' | 'preparing'>,
): Promise<T> {
  try {
    return await inSlices(work, stop, (step) => preparing?.(step));
  } finally {
    preparing?.(undefined);
  }
}
