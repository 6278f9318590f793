/**
 * Copying, batch by batch: rows marked in flight (commit) → workers copy → barrier → rows marked done (commit). After a
 * crash what was in flight is checked by content; all else is trusted. That order is `#copy` and `#settle` below, and
 * nowhere else; the barrier of one batch and the copying of the next go on at the same time.
 */
import { plural } from '../base/units.js';
import { barrierAside } from '../disk/barrier.js';
import type { TargetTrees } from '../disk/trees.js';
import type { SyncProgress, SyncResult, SyncTask } from '../model/sync-task.js';
import type { MailboxRow } from '../state/mailbox-rows.js';
import type { State } from '../state/state.js';
import type { PassContext } from './pass-context.js';
import type { PassFigures } from './pass-figures.js';
import type { PoolRun, WorkerPool } from './worker-pool.js';

/** Mailboxes and bytes of one barrier: few enough that a crash repeats little, enough that `syncfs` costs little. */
const BATCH_MAILBOXES = 1000;
const BATCH_BYTES = 2 ** 28;
/** What a changed mailbox takes beside its new messages, in files copied. */
const WORK_PER_MAILBOX = 8;
/** With less, starting workers takes longer than the work: 60 ms of CPU time each (bench "changed"). */
const WORTH_WORKERS = 1000;

/** A mailbox that has something to be done. */
export interface Todo {
  /** Of its row. */
  readonly id: number;
  readonly kind: 'created' | 'moved' | 'changed' | 'unchanged';
  /** About what there is to be copied. */
  readonly bytes: number;
  readonly files: number;
}

/** The part of a task that only mailboxes.db, quota roots and the job file can change: all that its row keeps of it. */
export type TaskMaking = Pick<SyncTask, 'header' | 'recordedId'>;

export interface BatchTask {
  readonly task: SyncTask;
  /** As it was before. */
  readonly row: Pick<MailboxRow, 'id' | 'name' | 'targetPartition' | 'inFlight'>;
  /** Of the target. */
  readonly partition: string;
}

export interface BatchHooks<T extends Todo> {
  /** Called as its batch begins, so that tasks of later ones take no memory. */
  taskOf(todo: T): BatchTask;
  /** Once it is durable. */
  onDone(todo: T, result: SyncResult): void;
}

type Pending<T> = BatchTask & { readonly todo: T };

export class Batches<T extends Todo> {
  /** What of mailboxes that are being copied is done, by row. */
  readonly #unfinished = new Map<number, SyncProgress>();
  /** Mailboxes that found no room on the target's disk, by partition. */
  readonly #diskFailures = new Map<string, { mailboxes: number; readonly first: string; readonly path: string }>();
  #worthWorkers: PoolRun['worthWorkers'] = false;
  #doneMailboxes = 0;
  #of = 0;
  #totalBytes = 0;
  #totalMessages = 0;

  constructor(
    readonly state: State,
    readonly target: TargetTrees,
    readonly pool: WorkerPool,
    readonly context: PassContext,
    readonly figures: PassFigures,
    readonly hooks: BatchHooks<T>,
  ) {}

  /** Mailboxes that could not be written to the target's disk. */
  get notWritten(): number {
    return [...this.#diskFailures.values()].reduce((sum, { mailboxes }) => sum + mailboxes, 0);
  }

  /** @param todos Gone through twice: made when they are asked for, they take no memory. */
  async run(todos: Iterable<T> & { readonly length: number }): Promise<void> {
    this.#of = todos.length;
    for (const todo of todos) {
      this.#totalBytes += todo.bytes;
      this.#totalMessages += todo.files;
    }
    const { keepsThreadFree, pace } = this.context;
    const mayWait = pace?.bytesPerSec !== undefined || pace?.filesPerSec !== undefined;
    const isMuch = this.#totalMessages + todos.length * WORK_PER_MAILBOX > WORTH_WORKERS;
    this.#worthWorkers = keepsThreadFree && mayWait ? 'always' : isMuch;
    let settled: Promise<void> = Promise.resolve();
    const rest = todos[Symbol.iterator]();
    for (let next = rest.next(); !next.done && !this.context.stop.stopped; ) {
      const batch = new Map<number, Pending<T>>();
      for (let bytes = 0; !next.done && batch.size < BATCH_MAILBOXES && bytes < BATCH_BYTES; next = rest.next()) {
        const todo = next.value;
        const { task, row, partition } = this.hooks.taskOf(todo);
        const { id, name, targetPartition, inFlight } = row; // the rest would be kept for the whole of two batches
        batch.set(todo.id, { task, row: { id, name, targetPartition, inFlight }, partition, todo });
        bytes += todo.bytes;
      }
      const results = await this.#copy(batch);
      await settled;
      settled = this.#settle(batch, results);
      settled.catch(() => {}); // it is awaited, and thrown, after the next batch
    }
    await settled;
    this.#reportDiskFailures();
  }

  /** Once a partition: a full disk would else be said of each of its mailboxes. */
  #reportDiskFailures(): void {
    for (const [partition, { mailboxes, first, path }] of this.#diskFailures)
      this.context.problems.add({
        code: 'target-disk',
        message: `partition ${partition} of the target can not be written to: ${first}; ${plural(mailboxes, 'mailbox is', 'mailboxes are')} not copied, or in part`,
        advice: 'Make room there, or mend the file system, and run this again: it goes on with these mailboxes.',
        path,
      });
  }

  /**
   * The first half of a batch: rows marked in flight, durably, before the first byte is written. The second half, below,
   * runs while the next batch is copied: the disk writes what the processors have done with.
   */
  async #copy(batch: ReadonlyMap<number, Pending<T>>): Promise<SyncResult[]> {
    const { state, context } = this;
    const tasks = [...batch.values()].map(({ task }) => task);
    state.mailboxes.markInFlight(
      [...batch.values()].map(({ task, partition }) => ({
        id: task.id,
        targetPartition: partition,
        targetRelative: task.to.relative,
      })),
    );
    state.forgetStaying(new Set(tasks.filter((task) => task.full || task.checkContent).map(({ name }) => name)));
    const results: SyncResult[] = [];
    await this.pool.run(tasks, {
      worthWorkers: this.#worthWorkers,
      workOf: ({ id }) => batch.get(id)!.todo.files + WORK_PER_MAILBOX,
      stopped: () => context.stop.stopped,
      onProgress: (part) => {
        this.#unfinished.set(part.id, part);
        this.#report();
      },
      onResult: (result) => {
        results.push(result);
        this.#unfinished.delete(result.id);
        this.#count(batch.get(result.id)!, result);
        this.#doneMailboxes++;
        this.#report();
      },
    });
    return results;
  }

  /** The second half: what the batch wrote is made last, then rows say so, in that order only. */
  async #settle(batch: ReadonlyMap<number, Pending<T>>, results: readonly SyncResult[]): Promise<void> {
    const { state, target } = this;
    const done = results
      .filter((result) => result.outcome === 'done')
      .map((result) => {
        const { task, partition } = batch.get(result.id)!;
        return {
          id: result.id,
          syncedPrint: result.print,
          form: task.form,
          making: JSON.stringify({ header: task.header, recordedId: task.recordedId } satisfies TaskMaking),
          targetPartition: partition,
          targetRelative: task.to.relative,
        };
      });
    const begun = new Set(results.map(({ id }) => id));
    const settledOrBroken = new Set(
      results.filter(({ outcome }) => outcome === 'done' || outcome === 'failed').map(({ id }) => id),
    );
    const left = [...batch].flatMap(([id, { task, row, partition }]) => {
      // What a crash or a failure left stays in flight until it is done: its files may not be what its index says.
      if (settledOrBroken.has(id) || row.inFlight === 1) return [];
      const isNowhere = !begun.has(id) && row.targetPartition === null;
      const place = { targetPartition: partition, targetRelative: task.to.relative };
      return [{ id, ...(isNowhere ? { targetPartition: null, targetRelative: null } : place) }];
    });
    const settled = await barrierAside(
      { done, left },
      target.opened,
      results.flatMap((result) => result.written),
    );
    state.mailboxes.settle(settled);
    for (const result of results) {
      const { todo, row } = batch.get(result.id)!;
      if (result.outcome === 'deferred') this.#defer(row);
      if (result.outcome === 'done') this.hooks.onDone(todo, result);
    }
  }

  #defer({ id, name }: BatchTask['row']): void {
    const times = this.state.mailboxes.markDeferred(id);
    if (times < 3) return;
    this.context.problems.add({
      code: 'mailbox-deferred',
      message: `it kept changing while it was read, in ${times} passes in a row`,
      advice: 'Run presync at a quieter hour; the cutover, with the server stopped, takes it in any case.',
      mailbox: name,
    });
  }

  #count(
    { todo: { kind }, partition, task }: Pending<T>,
    { outcome, counts, raced, problems, diskFailure }: SyncResult,
  ): void {
    const { mailboxes, messages, bytes } = this.figures;
    mailboxes[outcome === 'done' ? kind : outcome === 'deferred' ? 'deferred' : 'failed']++;
    messages.copied += counts.copied;
    messages.removed += counts.removed;
    messages.linked += counts.linked;
    messages.present += counts.present;
    bytes.copied += counts.bytesCopied;
    bytes.linked += counts.bytesLinked;
    if (raced) this.figures.racedWithServer++;
    for (const problem of problems) this.context.problems.replace(problem);
    if (diskFailure === undefined) return;
    const met = this.#diskFailures.get(partition);
    if (met) met.mailboxes++;
    else this.#diskFailures.set(partition, { mailboxes: 1, first: diskFailure, path: task.to.data });
  }

  #report(): void {
    let { copied: messages } = this.figures.messages;
    let { copied: bytes } = this.figures.bytes;
    for (const part of this.#unfinished.values()) {
      messages += part.copied;
      bytes += part.bytesCopied;
    }
    this.context.progress({
      mailboxes: this.#doneMailboxes,
      of: this.#of,
      messages,
      totalMessages: this.#totalMessages,
      bytes,
      totalBytes: this.#totalBytes,
    });
  }
}
