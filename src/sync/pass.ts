/**
 * One pass: inventory → guard → moves → batches → removals. Presync and cutover run the same; only what comes after
 * differs.
 *
 * A batch: rows marked in flight (commit) → workers copy → barrier → rows marked done (commit). After a crash what was
 * in flight is checked by content; all else is trusted. That order is `copyBatch` and `settleBatch` below, and nowhere
 * else; the barrier of one batch and the copying of the next go on at the same time.
 */

import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { RefusedError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { StopSignal } from '../base/stop.js';
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { mailboxRoots } from '../cyrus/conf/partitions.js';
import { databaseDirectories } from '../cyrus/layout/config-paths.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { isDeletedName } from '../cyrus/names/mailbox-name.js';
import { printTypeLetters } from '../cyrus/records/mailbox-type.js';
import { isAtLeast } from '../cyrus/version.js';
import { barrier, barrierAside } from '../disk/barrier.js';
import { isDirectory, readDirectoryIsEmpty } from '../disk/empty.js';
import type { TargetRoot } from '../disk/target.js';
import { SourceTrees, TargetTrees } from '../disk/trees.js';
import { AnnotationSizes } from '../inventory/annotation-sizes.js';
import { type Inventory, takeInventory } from '../inventory/inventory.js';
import { quotaRootOf, readQuotaRoots } from '../inventory/quota-roots.js';
import { readMailboxesDb } from '../inventory/read-mailboxes-db.js';
import { SeenEntries } from '../inventory/seen-entries.js';
import type { Job } from '../job/job.js';
import type { MailboxSummary, SourceMailbox } from '../model/mailbox.js';
import type { ProblemList } from '../model/problem.js';
import type { SyncProgress, SyncResult, SyncTask, TaskPlace } from '../model/sync-task.js';
import { checkSpace, makePlan, type Plan } from '../plan/plan.js';
import type { MailboxRow } from '../state/mailbox-rows.js';
import type { State } from '../state/state.js';
import { askGuard } from './guard.js';
import { countIfIdle, rememberForIdle } from './idle.js';
import { clearAnchors } from './links.js';
import { type Move, moveMailboxes, removeMailbox, removeStaged } from './moves.js';
import { indexVersions, requireTargetReads } from './target-version.js';
import { WorkerPool } from './worker-pool.js';

export interface PassOptions {
  readonly kind: 'presync' | 'cutover';
  readonly full: boolean;
  readonly checksum: boolean;
  readonly acceptRemovals: number;
}

export interface PassContext {
  readonly log: Log;
  readonly stop: StopSignal;
  readonly problems: ProblemList;
  progress(done: { mailboxes: number; of: number; messages: number; bytes: number; totalBytes: number }): void;
}

export interface PassFigures {
  readonly mailboxes: {
    total: number;
    unchanged: number;
    changed: number;
    created: number;
    moved: number;
    removed: number;
    failed: number;
    deferred: number;
  };
  readonly messages: { copied: number; removed: number; linked: number; present: number };
  readonly bytes: { copied: number; linked: number };
  racedWithServer: number;
  complete: boolean;
}

export interface PassResult {
  readonly figures: PassFigures;
  readonly inventory: Inventory;
  readonly plan: Plan;
}

/** Of an index that can't be read: the worker sees what can be done (copy-as-it-stands.ts). */
const UNREADABLE: Pick<MailboxSummary, 'indexVersion' | 'bytes'> = { indexVersion: 99, bytes: 0 };

/** Mailboxes and bytes of one barrier: few enough that a crash repeats little, enough that `syncfs` costs little. */
const BATCH_MAILBOXES = 1000;
const BATCH_BYTES = 2 ** 28;
/** What a changed mailbox takes beside its new messages, in files copied. */
const WORK_PER_MAILBOX = 8;
/** With less, starting workers takes longer than the work: 60 ms of CPU time each (bench "changed"). */
const WORTH_WORKERS = 1000;

export async function runPass(job: Job, state: State, options: PassOptions, context: PassContext): Promise<PassResult> {
  const begun = Date.now();
  const source = new SourceTrees(job.source);
  const target = new TargetTrees(job.target, job.owner);
  const pool = new WorkerPool(
    { sourcePrefix: job.source.prefix, targetPrefix: job.target.prefix, owner: job.owner },
    job.options.run.workers ?? Math.max(2, Math.min(4, cpus().length)),
  );
  try {
    const pass = new Pass(job, state, options, context, source, target, pool);
    const id = state.beginPass(options.kind);
    const result = await pass.run();
    state.endPass(id, result.figures.complete, (Date.now() - begun) / 1000, result.figures);
    return result;
  } finally {
    await pool.close();
    source.close();
    target.close();
  }
}

/** A presync: the quick look of idle.ts, and the whole pass where that finds anything. */
export async function runPresync(
  job: Job,
  state: State,
  options: PassOptions,
  context: PassContext,
): Promise<PassResult | { readonly figures: PassFigures }> {
  const figures = options.full || options.checksum ? undefined : idlePass(job, state, options);
  return figures ? { figures } : runPass(job, state, options, context);
}

/** What of a pass is refused or checked at its beginning counts here too; the whole pass then says it. */
function idlePass(job: Job, state: State, options: PassOptions): PassFigures | undefined {
  const startedAt = new Date();
  const source = new SourceTrees(job.source);
  try {
    requireTargetReads(job);
    if (missingRoots(job, source).length > 0 || !targetPaths(job).every((path) => isDirectory(job.target.real(path))))
      return undefined;
    const held = heldRoots(state).map((path) => source.root(path));
    if (held.some((root) => root === undefined || readDirectoryIsEmpty(root))) return undefined;
    const total = countIfIdle(job, state, source);
    if (total === undefined) return undefined;
    const figures = noFigures();
    figures.mailboxes.total = total;
    figures.mailboxes.unchanged = total;
    figures.complete = true;
    state.recordIdlePass(options.kind, startedAt, figures);
    return figures;
  } finally {
    source.close();
  }
}

function noFigures(): PassFigures {
  return {
    mailboxes: { total: 0, unchanged: 0, changed: 0, created: 0, moved: 0, removed: 0, failed: 0, deferred: 0 },
    messages: { copied: 0, removed: 0, linked: 0, present: 0 },
    bytes: { copied: 0, linked: 0 },
    racedWithServer: 0,
    complete: false,
  };
}

class Pass {
  readonly #figures = noFigures();
  /** By row, of mailboxes that this pass brought up to date. */
  readonly #printsDone = new Map<number, string | null>();
  /** Some of what was written was made from seen or annotation databases, which have no place in the list of idle.ts. */
  #readsDatabases = false;

  constructor(
    readonly job: Job,
    readonly state: State,
    readonly options: PassOptions,
    readonly context: PassContext,
    readonly source: SourceTrees,
    readonly target: TargetTrees,
    readonly pool: WorkerPool,
  ) {}

  async run(): Promise<PassResult> {
    const { job, state, context, options } = this;
    requireTargetReads(job);
    const missing = missingRoots(job, this.source);
    if (missing.length > 0) this.#askGuard({ missingRoots: missing });
    const inventory = takeInventory(job, state, this.source, context.problems);
    requireTargetReads(job, inventory);
    const held = this.#guard(inventory);
    const plan = makePlan(job, state, inventory);
    const isUnfinished = isAfterUnfinished(state);
    const { tasks, moves, created } = this.#compare(inventory, plan, held, isUnfinished);
    checkSpace(job, plan, created);
    this.#openTargets(isUnfinished);
    moveMailboxes(moves, this.#targetRoots(), this.target, state.mailboxes);
    await this.#runBatches(tasks);
    if (!context.stop.stopped) this.#removeGone(inventory, held);
    if (!context.stop.stopped) for (const root of this.target.opened) clearAnchors(root);
    this.#figures.complete = !context.stop.stopped;
    if (this.#figures.complete) {
      state.setFact('roots', JSON.stringify(usedRoots(inventory, this.source)));
      if (options.full) state.setFact('lastFull', new Date().toISOString());
      this.#rememberForIdle(inventory, held);
    }
    context.stop.throwIfInterrupted();
    return { figures: this.#figures, inventory, plan };
  }

  /** Only of a pass after which nothing is left to be said or done. */
  #rememberForIdle(inventory: Inventory, held: boolean): void {
    const { problems } = this.context;
    const { failed, deferred } = this.#figures.mailboxes;
    if (problems.size + inventory.refused.size + failed + deferred > 0) return;
    if (held || this.#readsDatabases || !inventory.databaseQuiet) return;
    const { job, state, source } = this;
    const mailboxes = inventory.mailboxes.map(({ uniqueid, place, print }) => {
      const id = this.#ids.get(uniqueid)!;
      return { place, print: this.#printsDone.has(id) ? this.#printsDone.get(id)! : print };
    });
    rememberForIdle(job, state, source, inventory.databasePrint, inventory.hasExpunge, mailboxes);
  }

  #askGuard(seen: {
    missingRoots?: string[];
    emptiedRoots?: string[];
    mailboxesBefore?: number;
    mailboxesGone?: number;
    messagesBefore?: number;
    messagesGone?: number;
  }): boolean {
    const answer = askGuard({
      missingRoots: [],
      emptiedRoots: [],
      mailboxesBefore: 0,
      mailboxesGone: 0,
      messagesBefore: 0,
      messagesGone: 0,
      ...seen,
      accepted: this.options.acceptRemovals,
      limits: this.job.options.guard,
    });
    if (answer.kind === 'refuse')
      throw new RefusedError('Refused: the target would lose mail', answer.why, answer.next, { code: 'guard' });
    if (answer.kind === 'go') return false;
    this.context.problems.add({
      code: 'removals-held-back',
      message: answer.why,
      advice: `See whether that is so; then run it with --accept-removals ${answer.accept}.`,
    });
    return true;
  }

  /** @returns true where removals of messages are to be held back. */
  #guard(inventory: Inventory): boolean {
    const { conf } = this.job.source;
    const held = heldRoots(this.state);
    // One from which mailboxes.db has moved every mailbox away may be empty: then nothing there is missed.
    const inUse = new Set(inventory.mailboxes.flatMap(({ place }) => rootsWithMail(place)));
    const emptiedRoots = held.filter((path) => {
      const root = inUse.has(path) ? this.source.root(path) : undefined;
      return root !== undefined && readDirectoryIsEmpty(root);
    });
    const now = new Map(inventory.mailboxes.map((mailbox) => [mailbox.uniqueid, mailbox]));
    let mailboxesBefore = 0;
    let mailboxesGone = 0;
    let messagesBefore = 0;
    let messagesGone = 0;
    for (const row of inventory.rows.values()) {
      if (row.targetPartition === null) continue;
      mailboxesBefore++;
      messagesBefore += row.syncedFiles;
      const mailbox = now.get(row.uniqueid);
      if (mailbox) messagesGone += Math.max(0, row.syncedFiles - (mailbox.summary?.files ?? row.syncedFiles));
      else if (!isDeletedName(row.name as SourceMailbox['name'], conf) && !inventory.refused.has(row.name)) {
        mailboxesGone++;
        messagesGone += row.syncedFiles;
      }
    }
    return this.#askGuard({ emptiedRoots, mailboxesBefore, mailboxesGone, messagesBefore, messagesGone });
  }

  /** What of each mailbox is to be done. */
  #compare(inventory: Inventory, plan: Plan, holdRemovals: boolean, isUnfinished: boolean) {
    const { job, state, options } = this;
    const { conf } = job.target;
    const quotaRoots = readQuotaRoots(job, this.source, this.context.problems);
    const seen = new SeenEntries(job, this.source, this.context.problems);
    const indexes = indexVersions(job.options.migrate.upgrade_indexes, conf.version);
    const sizes = indexes.raiseTo > 12 ? new AnnotationSizes(job, this.source) : undefined;
    const rows = inventory.rowsStand
      ? inventory.rows
      : new Map(state.mailboxes.all().map((row) => [row.uniqueid, row]));
    const tasks: SyncTask[] = [];
    const moves: Move[] = [];
    const created: SourceMailbox[] = [];
    const { mailboxes: count } = this.#figures;
    const dlistHeaders = isAtLeast(conf.version, '3.6');
    const archives = [...conf.partitions.values()].some((partition) => partition.archive !== undefined);
    for (const mailbox of inOrderOfUsers(inventory.mailboxes)) {
      count.total++;
      const row = rows.get(mailbox.uniqueid)!;
      const place = plan.placeOf(mailbox);
      const summary = mailbox.summary ?? (mailbox.hasFiles ? UNREADABLE : undefined);
      if (!summary) {
        count.failed++; // its files are missing: takeInventory has said so, the target keeps what it has
        continue;
      }
      const sourceId = mailbox.entry.uniqueid ?? mailbox.uniqueid;
      const needsSeen = summary.indexVersion < indexes.oldest;
      const header = {
        form: dlistHeaders ? ('dlist' as const) : ('text' as const),
        name: mailbox.name as string,
        types: printTypeLetters({ ...mailbox.entry, legacy: place.legacy }, conf.version),
        uniqueid: mailbox.uniqueid,
        quotaRoot: quotaRootOf(mailbox.name, quotaRoots, job.source.conf),
        acl: mailbox.entry.acl,
      };
      this.#readsDatabases ||= needsSeen || (sizes !== undefined && summary.indexVersion < 13);
      this.#ids.set(mailbox.uniqueid, row.id);
      const ownerSeen = needsSeen ? seen.of(mailbox.user, sourceId) : undefined;
      const anyoneSeen = needsSeen ? seen.ofAnyone(sourceId) : undefined;
      const annotationBytes = summary.indexVersion < 13 ? (sizes?.of(mailbox.name, sourceId) ?? 0) : 0;
      const form = createHash('sha1')
        .update(
          JSON.stringify([
            header,
            ownerSeen,
            anyoneSeen,
            ...(indexes.raiseTo > 0 || indexes.oldest === 0 ? [indexes, annotationBytes] : []),
          ]),
        )
        .digest('base64');
      const isNew = row.targetPartition === null;
      const movedTo = !isNew && (row.targetPartition !== place.partition || row.targetRelative !== place.relative);
      const unfinishedMove = row.staged !== 0;
      if (movedTo || unfinishedMove)
        moves.push({ row, from: this.#placeOfRow(row), to: taskPlace(place), toPartition: place.partition });
      const same = row.syncedPrint === mailbox.print && row.form === form && row.inFlight === 0;
      if (same && !movedTo && !unfinishedMove && !options.full && !options.checksum) {
        count.unchanged++;
        continue;
      }
      if (isNew) created.push(mailbox);
      this.#work += WORK_PER_MAILBOX + Math.max(0, (mailbox.summary?.files ?? 0) - (same ? 0 : row.syncedFiles));
      tasks.push({
        id: row.id,
        name: mailbox.name,
        from: taskPlace(mailbox.place),
        to: taskPlace(place),
        hasExpunge: inventory.hasExpunge,
        checkContent: row.inFlight === 1 || unfinishedMove || options.checksum,
        full: options.full,
        header,
        recordedId: mailbox.entry.uniqueid,
        ownerSeen,
        anyoneSeen,
        form,
        indexes,
        archives,
        annotationBytes,
        holdRemovals,
        verifyLinks: isUnfinished,
      });
      this.#kinds.set(row.id, {
        row,
        bytes: summary.bytes,
        partition: place.partition,
        kind: isNew ? 'created' : movedTo || unfinishedMove ? 'moved' : same ? 'unchanged' : 'changed',
      });
    }
    return { tasks, moves, created };
  }

  /** About how many files the tasks are. */
  #work = 0;
  /** What of mailboxes that are being copied is done, by row. */
  readonly #unfinished = new Map<number, SyncProgress>();
  readonly #ids = new Map<string, number>();
  readonly #kinds = new Map<
    number,
    { row: MailboxRow; bytes: number; partition: string; kind: 'created' | 'moved' | 'changed' | 'unchanged' }
  >();

  #placeOfRow(row: MailboxRow): TaskPlace {
    const roots = this.job.target.conf.partitions.get(row.targetPartition!);
    if (!roots)
      throw new RefusedError(
        `The target has no partition "${row.targetPartition}" any more`,
        `${row.name} lies on it`,
        'Put the partition back into the new imapd.conf.',
      );
    return { data: roots.data, archive: roots.archive ?? null, meta: roots.meta, relative: row.targetRelative! };
  }

  #targetRoots(): string[] {
    return partitionRoots(this.job.target.conf);
  }

  /** @param keepAnchors After a crash or a stop: see links.ts. */
  #openTargets(keepAnchors: boolean): void {
    for (const path of this.#targetRoots()) {
      const root = this.#openTarget(path);
      if (!keepAnchors) clearAnchors(root);
    }
    for (const path of databaseDirectories(this.job.target.conf)) this.#openTarget(path);
  }

  #openTarget(path: string): TargetRoot {
    try {
      return this.target.root(path);
    } catch (error) {
      throw new RefusedError(
        `The target's ${path} can not be used`,
        String(error instanceof Error ? error.message : error),
        'Make (and mount) the directories that the new imapd.conf names.',
        { code: 'target-root-missing', cause: error },
      );
    }
  }

  async #runBatches(tasks: readonly SyncTask[]): Promise<void> {
    const totalBytes = tasks.reduce((sum, task) => sum + this.#kinds.get(task.id)!.bytes, 0);
    let doneMailboxes = 0;
    const report = () => {
      let { copied: messages } = this.#figures.messages;
      let { copied: bytes } = this.#figures.bytes;
      for (const part of this.#unfinished.values()) {
        messages += part.copied;
        bytes += part.bytesCopied;
      }
      this.context.progress({ mailboxes: doneMailboxes, of: tasks.length, messages, bytes, totalBytes });
    };
    let settled: Promise<void> = Promise.resolve();
    for (let at = 0; at < tasks.length && !this.context.stop.stopped; ) {
      const batch: SyncTask[] = [];
      for (let bytes = 0; at < tasks.length && batch.length < BATCH_MAILBOXES && bytes < BATCH_BYTES; at++) {
        batch.push(tasks[at]!);
        bytes += this.#kinds.get(tasks[at]!.id)!.bytes;
      }
      const onMailbox = () => {
        doneMailboxes++;
        report();
      };
      const results = await this.#copyBatch(batch, onMailbox, report);
      await settled;
      settled = this.#settleBatch(batch, results);
      settled.catch(() => {}); // it is awaited, and thrown, after the next batch
    }
    await settled;
  }

  /**
   * The first half of a batch: rows marked in flight, durably, before the first byte is written. The second half, below,
   * runs while the next batch is copied: the disk writes what the processors have done with.
   */
  async #copyBatch(batch: readonly SyncTask[], onMailbox: () => void, onProgress: () => void): Promise<SyncResult[]> {
    const { state, context } = this;
    state.mailboxes.markInFlight(
      batch.map((task) => ({
        id: task.id,
        targetPartition: this.#kinds.get(task.id)!.partition,
        targetRelative: task.to.relative,
      })),
    );
    const results: SyncResult[] = [];
    await this.pool.run(batch, {
      worthWorkers: this.#work > WORTH_WORKERS,
      stopped: () => context.stop.stopped,
      onProgress: (part) => {
        this.#unfinished.set(part.id, part);
        onProgress();
      },
      onResult: (result) => {
        results.push(result);
        this.#unfinished.delete(result.id);
        this.#count(result);
        onMailbox();
      },
    });
    return results;
  }

  /** The second half: what the batch wrote is made last, then rows say so, in that order only. */
  async #settleBatch(batch: readonly SyncTask[], results: readonly SyncResult[]): Promise<void> {
    const { state, target } = this;
    const byId = new Map(batch.map((task) => [task.id, task]));
    const done = results
      .filter((result) => result.outcome === 'done')
      .map((result) => {
        const task = byId.get(result.id)!;
        return {
          id: result.id,
          syncedPrint: result.print,
          form: task.form,
          targetPartition: this.#kinds.get(result.id)!.partition,
          targetRelative: task.to.relative,
        };
      });
    const begun = new Set(results.map(({ id }) => id));
    const settledOrBroken = new Set(
      results.filter(({ outcome }) => outcome === 'done' || outcome === 'failed').map(({ id }) => id),
    );
    const left = batch.flatMap((task) => {
      const { row, partition } = this.#kinds.get(task.id)!;
      // What a crash or a failure left stays in flight until it is done: its files may not be what its index says.
      if (settledOrBroken.has(task.id) || row.inFlight === 1) return [];
      const isNowhere = !begun.has(task.id) && row.targetPartition === null;
      const place = { targetPartition: partition, targetRelative: task.to.relative };
      return [{ id: task.id, ...(isNowhere ? { targetPartition: null, targetRelative: null } : place) }];
    });
    const settled = await barrierAside(
      { done, left },
      target.opened,
      results.flatMap((result) => result.written),
    );
    state.mailboxes.settle(settled);
    for (const result of results) if (result.outcome === 'deferred') this.#defer(result.id);
  }

  #defer(id: number): void {
    const times = this.state.mailboxes.markDeferred(id);
    if (times < 3) return;
    const { row } = this.#kinds.get(id)!;
    this.context.problems.add({
      code: 'mailbox-deferred',
      message: `it kept changing while it was read, in ${times} passes in a row`,
      advice: 'Run presync at a quieter hour; the cutover, with the server stopped, takes it in any case.',
      mailbox: row.name,
    });
  }

  #count(result: SyncResult): void {
    const { mailboxes, messages, bytes } = this.#figures;
    const { kind } = this.#kinds.get(result.id)!;
    if (result.outcome === 'done') {
      mailboxes[kind]++;
      this.#printsDone.set(result.id, result.print);
    } else if (result.outcome === 'deferred') mailboxes.deferred++;
    else mailboxes.failed++;
    messages.copied += result.counts.copied;
    messages.removed += result.counts.removed;
    messages.linked += result.counts.linked;
    messages.present += result.counts.present;
    bytes.copied += result.counts.bytesCopied;
    bytes.linked += result.counts.bytesLinked;
    if (result.raced) this.#figures.racedWithServer++;
    for (const problem of result.problems) this.context.problems.replace(problem);
  }

  /** Takes away what neither of two reads of mailboxes.db knows, by name or by uniqueid. */
  #removeGone(inventory: Inventory, held: boolean): void {
    const { state, job, context } = this;
    const present = new Set(inventory.mailboxes.map((mailbox) => mailbox.uniqueid));
    const candidates = state.mailboxes
      .all()
      .filter((row) => !present.has(row.uniqueid) && !inventory.refused.has(row.name));
    if (candidates.length === 0) return;
    const again = readMailboxesDb(job, this.source);
    const names = new Set<string>();
    const ids = new Set<string>();
    for (const entry of again.mailboxes) {
      if (entry.deleted) continue;
      names.add(entry.name);
      if (entry.uniqueid !== undefined) ids.add(entry.uniqueid);
    }
    const leaving = (name: string) =>
      job.options.migrate.deleted === 'leave' && isDeletedName(name as SourceMailbox['name'], job.source.conf);
    // A name that lives on with another uniqueid was deleted and made anew; 3.x says so, in 2.x only the header could.
    const renewed = new Set(inventory.mailboxes.map((mailbox) => mailbox.name as string));
    const gone = candidates.filter(
      (row) => leaving(row.name) || (!ids.has(row.uniqueid) && (!names.has(row.name) || renewed.has(row.name))),
    );
    if (held && gone.length > 0) return;
    // Where a live mailbox lies now at the very place that a gone one had, that one has taken its files' names.
    const claimed = new Set(
      state.mailboxes
        .all()
        .filter((row) => present.has(row.uniqueid))
        .map((row) => `${row.targetPartition} ${row.targetRelative}`),
    );
    for (const row of gone) {
      if (row.targetPartition === null) continue;
      const place = this.#placeOfRow(row);
      const mayBeAnothers = claimed.has(`${row.targetPartition} ${row.targetRelative}`);
      if (!mayBeAnothers) this.#figures.messages.removed += removeMailbox(place, this.target);
      if (row.staged !== 0) removeStaged(row.uniqueid, this.#targetRoots(), this.target);
      this.#figures.mailboxes.removed++;
      context.log.info('removed', { mailbox: row.name });
    }
    state.mailboxes.remove(
      barrier(
        gone.map((row) => row.id),
        this.target.opened,
        [],
      ),
    );
  }
}

/** Every root of every partition, once. */
function partitionRoots(conf: CyrusConf): string[] {
  return [...new Set([...conf.partitions.values()].flatMap(mailboxRoots))];
}

function missingRoots({ source: { conf } }: Job, source: SourceTrees): string[] {
  return partitionRoots(conf).filter((path) => source.root(path) === undefined);
}

function targetPaths({ target: { conf } }: Job): string[] {
  return [...partitionRoots(conf), ...databaseDirectories(conf)];
}

/** The source's roots that held mailboxes at the last pass. */
function heldRoots(state: State): string[] {
  return JSON.parse(state.fact('roots') ?? '[]') as string[];
}

/** Whether the pass before this one died or was stopped: then its anchors are still there. */
function isAfterUnfinished(state: State): boolean {
  return state.lastPasses(2)[1]?.complete === 0;
}

export function taskPlace(place: MailboxPlace): TaskPlace {
  return {
    data: place.roots.data,
    archive: place.roots.archive ?? null,
    meta: place.roots.meta,
    relative: place.relative,
  };
}

/** A user's mailboxes one after the other: their seen database is read once, their links are found together. */
function inOrderOfUsers(mailboxes: readonly SourceMailbox[]): SourceMailbox[] {
  return [...mailboxes].sort((a, b) => (a.unit < b.unit ? -1 : a.unit > b.unit ? 1 : a.name < b.name ? -1 : 1));
}

/** What must not be empty at the next pass: an unmounted partition is. Not all that have mailboxes have files of each kind. */
/** The roots whose being empty would mean that mail is missing. */
function rootsWithMail({ roots }: MailboxPlace): string[] {
  return [roots.meta.index, roots.data, ...(roots.archive === undefined ? [] : [roots.archive])];
}

function usedRoots(inventory: Inventory, source: SourceTrees): string[] {
  const roots = new Set(inventory.mailboxes.flatMap(({ place }) => rootsWithMail(place)));
  return [...roots].filter((path) => {
    const root = source.root(path);
    return root !== undefined && !readDirectoryIsEmpty(root);
  });
}
