import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { compileLess } from '../base/compile-less.js';
import { keepHeapSmall } from '../base/heap.js';
import { native } from '../disk/native.js';
import type { SyncProgress, SyncResult, SyncTask } from '../model/sync-task.js';
import { syncMailbox } from './sync-mailbox.js';
import { syncContext, type WorkerMessage, type WorkerSetup } from './worker.js';

/**
 * Work handed to a worker at a time, as {@link PoolRun.workOf} has it: some 15 ms. Little, so that all end together and
 * a stop is quick; and yet so much that workers don't wait for the main thread, which has a state to keep. First copy of
 * 100,000 mailboxes × 1: 25 s by four mailboxes at a time, of which workers were idle for a third; 22.5 s so.
 */
const CHUNK_WORK = 400;
/** Tasks and results are some KB each, in two threads: with twice as many 8 MiB more. */
const CHUNK_MAILBOXES = 24;

export interface PoolRun {
  /** Whether the work is enough to start workers for; where they run already they are used. `always`: even one alone. */
  readonly worthWorkers: boolean | 'always';
  /** About how much there is to do, in message files copied. */
  workOf(task: SyncTask): number;
  /** Asked before each chunk: true leaves the rest undone. */
  stopped(): boolean;
  /** How far a mailbox is; only of those that take long. */
  onProgress(part: SyncProgress): void;
  /** Called as each is done. */
  onResult(result: SyncResult): void;
}

/** Gives whole mailboxes to workers. Which, in which order and when to stop is the caller's. */
export class WorkerPool {
  readonly #setup: WorkerSetup;
  readonly #size: number;
  readonly #mayBegin: () => Promise<void>;
  #workers: Worker[] = [];
  #own: ReturnType<typeof syncContext> | undefined;

  /** @param mayBegin Waited for before a mailbox is begun. */
  constructor(setup: WorkerSetup, size: number, mayBegin: () => Promise<void>) {
    this.#setup = setup;
    this.#size = size;
    this.#mayBegin = mayBegin;
  }

  async run(tasks: readonly SyncTask[], run: PoolRun): Promise<void> {
    const isOne = this.#size <= 1 || (!run.worthWorkers && this.#workers.length === 0);
    if (isOne && run.worthWorkers !== 'always') {
      this.#own ??= syncContext(this.#setup, (part) => run.onProgress(part));
      for (const task of tasks) {
        await this.#mayBegin();
        if (run.stopped()) return;
        run.onResult(syncMailbox(task, this.#own));
        await new Promise<void>((resolve) => setImmediate(resolve)); // signals are heard between mailboxes
      }
      return;
    }
    if (this.#workers.length === 0) await this.#start();
    const most = this.#setup.throttle ? 1 : CHUNK_MAILBOXES; // held back by a limit each takes long, and a stop is to be quick
    let next = 0;
    await Promise.all(
      this.#workers.map(async (worker) => {
        while (next < tasks.length) {
          await this.#mayBegin();
          if (run.stopped()) return;
          const from = next;
          const end = Math.min(tasks.length, from + most);
          for (let work = 0; next < end && work < CHUNK_WORK; ) work += run.workOf(tasks[next++]!);
          const chunk = tasks.slice(from, next);
          for (const result of await ask(worker, chunk, run.onProgress)) run.onResult(result);
        }
      }),
    );
  }

  async #start(): Promise<void> {
    native()?.shareMallocArena(); // 12 MB less of 4 workers and V8's own threads
    compileLess();
    const begun: Promise<unknown>[] = [];
    while (this.#workers.length < this.#size) {
      const worker = new Worker(new URL('./worker.js', import.meta.url), {
        workerData: this.#setup,
        resourceLimits: { maxYoungGenerationSizeMb: 8 },
        trackUnmanagedFds: false, // openat2's descriptors are not Node's own
      });
      this.#workers.push(worker);
      begun.push(once(worker, 'online'));
    }
    await Promise.all(begun);
    keepHeapSmall(); // V8 has put the flag for the young generation back with each of their heaps
  }

  /** Ends the workers; they would be started again. */
  async close(): Promise<void> {
    this.#own?.source.close();
    this.#own?.target.close();
    this.#own = undefined;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
    this.#workers = [];
  }
}

function ask(
  worker: Worker,
  chunk: readonly SyncTask[],
  onProgress: (part: SyncProgress) => void,
): Promise<readonly SyncResult[]> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      worker.off('message', onMessage);
      worker.off('error', onError);
      act();
    };
    const onMessage = (message: WorkerMessage) => {
      if ('part' in message) onProgress(message.part);
      else settle(() => resolve(message.results));
    };
    const onError = (error: Error) => settle(() => reject(error));
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.postMessage(chunk);
  });
}
