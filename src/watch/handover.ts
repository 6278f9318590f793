/** How `presync` and `cutover` take the job over from a `watch` that runs: it is asked to stop, as by its administrator. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BusyError } from '../base/errors.js';
import { lockJob } from '../state/database.js';
import { readWatchStatus } from './status-file.js';

const ASK_AGAIN_MS = 100;
/** How often it is asked again where no `watch` shows: one that begins or ends has the lock a moment without saying so. */
const GRACE = 10;

/**
 * Waits until a running `watch` has ended at a mailbox boundary, however long that mailbox takes.
 * @param busy Thrown where it is not a `watch` that holds the job, or it is out of our reach.
 * @param waiting Told once whom it waits for.
 * @returns what releases the job
 */
export async function takeOver(
  stateFile: string,
  busy: BusyError,
  waiting: (pid: number) => void,
): Promise<() => void> {
  let asked: string | undefined;
  for (let without = 0; ; await sleep(ASK_AGAIN_MS)) {
    const holder = readWatchStatus(stateFile);
    if (holder?.isRunning) {
      without = 0;
      const { pid, startTicks } = holder.status;
      if (asked === undefined) waiting(pid);
      if (asked !== startTicks) ask(pid, busy); // not the same one, where a service manager was quicker than we
      asked = startTicks;
    } else if (++without > GRACE) throw busy;
    try {
      return lockJob(stateFile);
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
    }
  }
}

function ask(pid: number, busy: BusyError): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return; // it has just ended
    throw new BusyError(
      `cyrsync watch (process ${pid}) works on this job`,
      'it can not be asked to stop: it runs as another user',
      'Stop it, then run this again.',
      { cause: busy },
    );
  }
}
