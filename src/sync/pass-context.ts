/** What a pass is given to say how it goes, and to hear when to stop. It knows nothing of terminals. */
import type { Log } from '../base/log.js';
import type { StopSignal } from '../base/stop.js';
import type { ProblemList } from '../model/problem.js';

export interface PassContext {
  readonly log: Log;
  readonly stop: StopSignal;
  readonly problems: ProblemList;
  progress(done: { mailboxes: number; of: number; messages: number; bytes: number; totalBytes: number }): void;
}
