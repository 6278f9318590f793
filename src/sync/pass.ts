/**
 * One pass: inventory → guard → moves → batches → removals. Presync and cutover run the same; only what comes after
 * differs. A presync tries to do with less first (presync.ts).
 */
import { RefusedError } from '../base/errors.js';
import { partitionRoots } from '../cyrus/conf/partitions.js';
import { readDirectoryIsEmpty } from '../disk/empty.js';
import type { SourceTrees } from '../disk/trees.js';
import { type Inventory, inventorySlices } from '../inventory/inventory.js';
import { openWave } from '../inventory/wave.js';
import type { Job } from '../job/job.js';
import type { Problem } from '../model/problem.js';
import { forgetDetails, type Plan, planSlices } from '../plan/plan.js';
import { inputOf } from '../plan/plan-input.js';
import { newProblems } from '../plan/problems.js';
import type { State } from '../state/state.js';
import { adoptCopies } from './adopt-copies.js';
import { Batches } from './batches.js';
import { countLosses, findGone, removeGone } from './gone-mailboxes.js';
import { askGuard, type GuardInput, NOTHING_LOST } from './guard.js';
import { clearAnchors } from './links.js';
import { MailboxTasks } from './mailbox-tasks.js';
import type { MailboxTodo } from './mailbox-todos.js';
import { moveMailboxes } from './moves.js';
import { type PassContext, prepare } from './pass-context.js';
import { noFigures, type PassFigures } from './pass-figures.js';
import { asPass, openTargets, type PassKind, type PassSession } from './pass-session.js';
import { SweepList } from './save-sweep-list.js';
import { missingRoots, rootsWithMail } from './source-roots.js';
import { requireTargetUnused } from './target-in-use.js';
import { requireTargetMounted } from './target-mounted.js';
import { requireTargetReads } from './target-version.js';
import { rememberDenials, requireFreePlaces, requireWaveReady } from './wave-guard.js';

export interface PassOptions {
  readonly kind: PassKind;
  readonly full: boolean;
  readonly checksum: boolean;
  readonly acceptRemovals: number;
}

export interface PassResult {
  readonly figures: PassFigures;
  readonly inventory: Inventory;
  readonly plan: Plan;
  /** By numbers of the table: 1 for those that were copied, or tried to. */
  readonly copied: Uint8Array;
  /** Mailboxes that the target's disk did not take: full, or read-only. */
  readonly notWritten: number;
}

export async function runPass(job: Job, state: State, options: PassOptions, context: PassContext): Promise<PassResult> {
  return asPass(job, state, options.kind, context, (session) => new Pass(job, state, options, context, session).run());
}

class Pass {
  readonly #figures = noFigures();

  constructor(
    readonly job: Job,
    readonly state: State,
    readonly options: PassOptions,
    readonly context: PassContext,
    readonly session: PassSession,
  ) {}

  async run(): Promise<PassResult> {
    const { job, state, context, options } = this;
    const { source, target, pool } = this.session;
    requireTargetReads(job);
    requireTargetMounted(job, state);
    const missing = missingRoots(job, source);
    if (missing.length > 0) this.#askGuard({ missingRoots: missing });
    const inventory = await prepare(inventorySlices(job, state, source, context.problems), context);
    requireTargetReads(job, inventory);
    const wave = inventory.selection.isWave ? openWave(job, state, inventory, source, context.problems) : undefined;
    if (wave) requireWaveReady(job, wave, inventory);
    else if (options.kind !== 'cutover') requireTargetUnused(job, state, inventory);
    if (wave && options.kind !== 'cutover') rememberDenials(job, state, source, inventory);
    const held = this.#askGuard({ ...countLosses(job, inventory), emptiedRoots: this.#emptiedRoots(inventory) });
    const adopted = wave ? 0 : await prepare(adoptCopies(job, state, inventory), context);
    if (adopted > 0)
      context.log.warn('the state knew of no copy on the target, where some are: they are taken up', {
        mailboxes: adopted,
      });
    const plan = forgetDetails(
      await prepare(planSlices(job, state, inputOf(inventory, state), { trees: source }), context),
    );
    for (const problem of newProblems(plan, state)) context.problems.add(problem);
    const isAfterUnfinished = state.lastPasses(2)[1]?.complete === 0;
    const discards = state.fact('reopened') !== undefined;
    const taskOptions = {
      full: options.full || discards,
      checksum: options.checksum,
      holdRemovals: held,
      discards,
      isAfterUnfinished,
      quotaRoots: wave && new Set(wave.quotaRoots.keys()),
    };
    const tasks = new MailboxTasks(job, source, inventory, plan, taskOptions, context.problems);
    const { todos, moves, unchanged, failed, space } = await prepare(tasks.compare(state), context);
    const { mailboxes: count } = this.#figures;
    count.total = inventory.mailboxes.length;
    count.unchanged = unchanged;
    count.failed = failed;
    space.check();
    if (wave) {
      const created = [...todos].filter(({ kind }) => kind === 'created').map(({ mailbox }) => mailbox);
      requireFreePlaces(
        job,
        created.map((mailbox) => ({ uniqueid: mailbox.uniqueid, name: mailbox.name, place: plan.placeOf(mailbox) })),
      );
    }
    openTargets(job, target, isAfterUnfinished);
    const ordered = space.moveOrder().map((n) => moves[n]!);
    await moveMailboxes(ordered, partitionRoots(job.target.conf), target, state.mailboxes, () => context.stop.stopped);
    const { table } = inventory;
    const copied = new Uint8Array(inventory.mailboxes.length);
    for (const { mailbox } of todos) copied[mailbox.at] = 1;
    // What could not be done, or changed meanwhile, is looked at again.
    const uncertain = copied.slice();
    const batches = new Batches<MailboxTodo>(state, target, pool, context, this.#figures, {
      taskOf: (todo) => tasks.taskOf(todo, state.mailboxes.get(todo.id)!),
      onDone: ({ mailbox: { at } }, { print }) => {
        if (print === null) return;
        uncertain[at] = 0;
        table.setPrint(at, print);
      },
    });
    await batches.run(todos);
    await pool.close(); // what comes now takes memory as well
    if (!context.stop.stopped && !held) this.#removeGone(inventory);
    if (!context.stop.stopped) for (const root of target.opened) clearAnchors(root);
    this.#figures.complete = !context.stop.stopped;
    if (this.#figures.complete) {
      state.setFact('roots', JSON.stringify(usedRoots(job, inventory, source)));
      if (discards && this.#figures.mailboxes.deferred === 0) state.setFact('reopened', undefined);
      if (options.full) state.setFact('lastFull', new Date().toISOString());
      if (options.checksum) state.setFact('lastChecksum', new Date().toISOString());
      // Who is left out for disuse may be at work again, and none of his files is in the list.
      const seenFiles = held || tasks.readsAnnotations || inventory.selection.hasUnused ? undefined : tasks.seenFiles();
      if (seenFiles) {
        const again = this.#saidAgain(todos);
        SweepList.of(job, state, source, inventory, failed, again, seenFiles)?.save(positionsOf(uncertain));
      }
    }
    context.stop.throwIfInterrupted();
    return { figures: this.#figures, inventory, plan, copied, notWritten: batches.notWritten };
  }

  #removeGone(inventory: Inventory): void {
    const { job, state, context } = this;
    const { source, target } = this.session;
    const gone = findGone(job, source, inventory);
    if (gone.length === 0) return;
    for (const { name } of gone) context.log.info('removed', { mailbox: name });
    const removed = removeGone(job, state, target, partitionRoots(job.target.conf), gone);
    this.#figures.mailboxes.removed += removed.mailboxes;
    this.#figures.messages.removed += removed.messages;
  }

  /** What the next whole pass would say too: not what is the business of mailboxes that were copied. */
  #saidAgain(todos: Iterable<MailboxTodo>): Problem[] {
    const problems = this.context.problems.all.filter(({ stays }) => !stays);
    const named = new Set(problems.flatMap(({ mailbox }) => mailbox ?? []));
    const done = new Set<string>();
    if (named.size > 0) for (const { mailbox } of todos) if (named.has(mailbox.name)) done.add(mailbox.name);
    return problems.filter(({ mailbox }) => !done.has(mailbox ?? ''));
  }

  /** @returns true where removals are to be held back. @throws RefusedError */
  #askGuard(seen: Partial<GuardInput>): boolean {
    const answer = askGuard({
      ...NOTHING_LOST,
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

  /** Roots that hold nothing, and held mailboxes at the last pass or should by mailboxes.db. */
  #emptiedRoots(inventory: Inventory): string[] {
    // One from which mailboxes.db has moved every mailbox away may be empty: then nothing there is missed.
    const inUse = rootsInUse(inventory, this.job);
    const held = rootsWithMail(this.state).filter((path) => {
      const root = inUse.has(path) ? this.session.source.root(path) : undefined;
      return root !== undefined && readDirectoryIsEmpty(root);
    });
    return [...new Set([...inventory.emptied, ...held])];
  }
}

function positionsOf(flags: Uint8Array): Set<number> {
  const positions = new Set<number>();
  for (let at = flags.indexOf(1); at >= 0; at = flags.indexOf(1, at + 1)) positions.add(at);
  return positions;
}

/** The roots whose being empty would mean that mail is missing: not all that have mailboxes have files of each kind. */
function rootsInUse({ mailboxes }: Inventory, { source }: Job): Set<string> {
  const names = new Set<string>();
  for (const { partition } of mailboxes) names.add(partition);
  const partitions = [...source.conf.partitions.values()].filter(({ name }) => names.has(name));
  return new Set(
    partitions.flatMap(({ data, archive, meta }) => [meta.index, data, ...(archive === undefined ? [] : [archive])]),
  );
}

/** What must not be empty at the next pass: an unmounted partition is. */
function usedRoots(job: Job, inventory: Inventory, source: SourceTrees): string[] {
  return [...rootsInUse(inventory, job)].filter((path) => {
    const root = source.root(path);
    return root !== undefined && !readDirectoryIsEmpty(root);
  });
}
