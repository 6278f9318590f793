import { Worker } from 'node:worker_threads';
import type { SyncResult, SyncTask } from '../model/sync-task.js';
import { syncMailbox } from './sync-mailbox.js';
import { syncContext, type WorkerSetup } from './worker.js';

/** Fewer than this are done on the main thread: starting a worker takes as long as a few mailboxes. */
const WORTH_WORKERS = 12;
/** Mailboxes handed to a worker at a time; small, so that both end together and a stop is quick. */
const CHUNK = 4;

/** Gives whole mailboxes to workers. Which, in which order and when to stop is the caller's. */
export class WorkerPool {
  readonly #setup: WorkerSetup;
  readonly #size: number;
  #workers: Worker[] = [];
  #own: ReturnType<typeof syncContext> | undefined;

  constructor(setup: WorkerSetup, size: number) {
    this.#setup = setup;
    this.#size = size;
  }

  /** @param stopped Asked before each chunk: true leaves the rest undone. @param onResult Called as each is done. */
  async run(tasks: readonly SyncTask[], stopped: () => boolean, onResult: (result: SyncResult) => void): Promise<void> {
    if (this.#size <= 1 || (tasks.length < WORTH_WORKERS && this.#workers.length === 0)) {
      this.#own ??= syncContext(this.#setup);
      for (const task of tasks) {
        if (stopped()) return;
        onResult(syncMailbox(task, this.#own));
        await new Promise<void>((resolve) => setImmediate(resolve)); // signals are heard between mailboxes
      }
      return;
    }
    while (this.#workers.length < this.#size) {
      this.#workers.push(
        new Worker(new URL('./worker.js', import.meta.url), {
          workerData: this.#setup,
          trackUnmanagedFds: false, // openat2's descriptors are not Node's own
        }),
      );
    }
    let next = 0;
    await Promise.all(
      this.#workers.map(async (worker) => {
        while (next < tasks.length && !stopped()) {
          const chunk = tasks.slice(next, next + CHUNK);
          next += chunk.length;
          for (const result of await ask(worker, chunk)) onResult(result);
        }
      }),
    );
  }

  async close(): Promise<void> {
    this.#own?.source.close();
    this.#own?.target.close();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
    this.#workers = [];
  }
}

function ask(worker: Worker, chunk: readonly SyncTask[]): Promise<readonly SyncResult[]> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      worker.off('message', onMessage);
      worker.off('error', onError);
      act();
    };
    const onMessage = (results: readonly SyncResult[]) => settle(() => resolve(results));
    const onError = (error: Error) => settle(() => reject(error));
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.postMessage(chunk);
  });
}
