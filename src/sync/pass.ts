/**
 * One pass: inventory → guard → moves → batches → removals. Presync and cutover run the same; only what comes after
 * differs. A presync tries to do with less first (idle.ts).
 */
import { cpus } from 'node:os';
import { RefusedError } from '../base/errors.js';
import { partitionRoots } from '../cyrus/conf/partitions.js';
import { databaseDirectories } from '../cyrus/layout/config-paths.js';
import { isDirectory, readDirectoryIsEmpty } from '../disk/empty.js';
import type { TargetRoot } from '../disk/target.js';
import { SourceTrees, TargetTrees } from '../disk/trees.js';
import { type Inventory, takeInventory } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import { checkSpace, makePlan, type Plan } from '../plan/plan.js';
import type { State } from '../state/state.js';
import { Batches } from './batches.js';
import { countLosses, findGone, removeGone } from './gone-mailboxes.js';
import { askGuard, type GuardInput } from './guard.js';
import { countIfIdle, rememberForIdle } from './idle.js';
import { clearAnchors } from './links.js';
import { MailboxTasks, type MailboxTodo } from './mailbox-tasks.js';
import { moveMailboxes } from './moves.js';
import type { PassContext } from './pass-context.js';
import { noFigures, type PassFigures } from './pass-figures.js';
import { requireTargetReads } from './target-version.js';
import { WorkerPool } from './worker-pool.js';

export interface PassOptions {
  readonly kind: 'presync' | 'cutover';
  readonly full: boolean;
  readonly checksum: boolean;
  readonly acceptRemovals: number;
}

export interface PassResult {
  readonly figures: PassFigures;
  readonly inventory: Inventory;
  readonly plan: Plan;
}

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

class Pass {
  readonly #figures = noFigures();

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
    const { job, state, context, options, source, target } = this;
    requireTargetReads(job);
    const missing = missingRoots(job, source);
    if (missing.length > 0) this.#askGuard({ missingRoots: missing });
    const inventory = takeInventory(job, state, source, context.problems);
    requireTargetReads(job, inventory);
    const held = this.#askGuard({ ...countLosses(job, inventory), emptiedRoots: this.#emptiedRoots(inventory) });
    const plan = makePlan(job, state, inventory);
    const isAfterUnfinished = state.lastPasses(2)[1]?.complete === 0;
    const taskOptions = { full: options.full, checksum: options.checksum, holdRemovals: held, isAfterUnfinished };
    const tasks = new MailboxTasks(job, source, inventory, plan, taskOptions, context.problems);
    const { todos, moves, unchanged, failed } = tasks.compare(state);
    const { mailboxes: count } = this.#figures;
    count.total = inventory.mailboxes.length;
    count.unchanged = unchanged;
    count.failed = failed;
    checkSpace(
      job,
      plan,
      todos.filter(({ kind }) => kind === 'created').map(({ mailbox }) => mailbox),
    );
    this.#openTargets(isAfterUnfinished);
    const targetRoots = partitionRoots(job.target.conf);
    moveMailboxes(moves, targetRoots, target, state.mailboxes);
    const { table } = inventory;
    const uncertain = new Set<number>();
    const batches = new Batches<MailboxTodo>(state, target, this.pool, context, this.#figures, {
      taskOf: (todo) => tasks.taskOf(todo, state.mailboxes.get(todo.id)!),
      onDone: ({ mailbox: { at } }, { print }) => {
        if (print === null) uncertain.add(at);
        else table.setPrint(at, print);
      },
    });
    await batches.run(todos);
    if (!context.stop.stopped && !held) {
      const gone = findGone(job, source, inventory);
      for (const { name } of gone) context.log.info('removed', { mailbox: name });
      const removed = gone.length > 0 ? removeGone(job, state, target, targetRoots, gone) : undefined;
      count.removed += removed?.mailboxes ?? 0;
      this.#figures.messages.removed += removed?.messages ?? 0;
    }
    if (!context.stop.stopped) for (const root of target.opened) clearAnchors(root);
    this.#figures.complete = !context.stop.stopped;
    if (this.#figures.complete) {
      state.setFact('roots', JSON.stringify(usedRoots(inventory, source)));
      if (options.full) state.setFact('lastFull', new Date().toISOString());
      const isQuiet = uncertain.size === 0 && !held && !tasks.readsDatabases && inventory.databaseQuiet;
      if (isQuiet && this.#leftNothing(inventory)) rememberForIdle(job, state, source, inventory);
    }
    context.stop.throwIfInterrupted();
    return { figures: this.#figures, inventory, plan };
  }

  /** Whether after this pass nothing is left to be said or done. */
  #leftNothing(inventory: Inventory): boolean {
    const { failed, deferred } = this.#figures.mailboxes;
    return this.context.problems.size + inventory.refused.size + failed + deferred === 0;
  }

  /** @returns true where removals are to be held back. @throws RefusedError */
  #askGuard(seen: Partial<GuardInput>): boolean {
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

  /** Roots that held mailboxes at the last pass and have nothing now. */
  #emptiedRoots(inventory: Inventory): string[] {
    const held = heldRoots(this.state);
    if (held.length === 0) return [];
    // One from which mailboxes.db has moved every mailbox away may be empty: then nothing there is missed.
    const inUse = rootsInUse(inventory);
    return held.filter((path) => {
      const root = inUse.has(path) ? this.source.root(path) : undefined;
      return root !== undefined && readDirectoryIsEmpty(root);
    });
  }

  /** @param keepAnchors After a crash or a stop: see links.ts. */
  #openTargets(keepAnchors: boolean): void {
    for (const path of partitionRoots(this.job.target.conf)) {
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

/** The roots whose being empty would mean that mail is missing: not all that have mailboxes have files of each kind. */
function rootsInUse({ mailboxes }: Inventory): Set<string> {
  const partitions = new Set(mailboxes.map(({ place }) => place.roots));
  return new Set(
    [...partitions].flatMap(({ data, archive, meta }) => [
      meta.index,
      data,
      ...(archive === undefined ? [] : [archive]),
    ]),
  );
}

/** What must not be empty at the next pass: an unmounted partition is. */
function usedRoots(inventory: Inventory, source: SourceTrees): string[] {
  return [...rootsInUse(inventory)].filter((path) => {
    const root = source.root(path);
    return root !== undefined && !readDirectoryIsEmpty(root);
  });
}
