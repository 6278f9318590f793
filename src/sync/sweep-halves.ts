/** The stats of a long list on two threads: all that an idle pass does, and each is a system call that waits for none. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { unlessInterrupted } from '../base/slices.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { State } from '../state/state.js';
import { type PassContext, prepare } from './pass-context.js';
import {
  type FoundInParts,
  placesOf,
  type SourcePlaces,
  type Swept,
  searchParts,
  sweptOf,
  validHead,
} from './sweep-list.js';

/** Mailboxes. With fewer, starting a thread takes longer than it saves: some 40 ms. The variable is for tests. */
const WORTH_THREAD = Number(process.env['CYRSYNC_SWEEP_THREAD'] ?? 30_000);

/** What the other thread needs: it reads the list for itself. */
export interface HalfSetup extends SourcePlaces {
  readonly stateFile: string;
}

/** Of the parts of the list the second thread has every other. */
export const isSecondHalf = (part: number) => part % 2 === 1;

/** As `sweepByList` of sweep-list.ts, heard by signals. */
export async function sweepInHalves(
  job: Job,
  state: State,
  trees: SourceTrees,
  context: Pick<PassContext, 'stop' | 'preparing'>,
): Promise<Swept | undefined> {
  const head = validHead(job, state, trees);
  if (!head) return undefined;
  const places = placesOf(job);
  const mine = (isMine: (part: number) => boolean) => prepare(searchParts(state.sweep, head, places, isMine), context);
  if (head.entries < WORTH_THREAD || availableParallelism() < 2) {
    const found = await mine(() => true);
    return found && sweptOf(head, [found]);
  }
  const setup: HalfSetup = { stateFile: job.stateFile, ...places };
  const worker = new Worker(new URL('./sweep-worker.js', import.meta.url), {
    workerData: setup,
    trackUnmanagedFds: false, // openat2's descriptors are not Node's own
  });
  const other = new Promise<FoundInParts | undefined>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the second thread of a sweep ended without an answer')));
  });
  other.catch(() => {}); // told below; not before
  try {
    const own = await mine((part) => !isSecondHalf(part));
    const theirs = own && (await unlessInterrupted(other, context.stop));
    return theirs && sweptOf(head, [own, theirs]);
  } finally {
    await worker.terminate();
  }
}
