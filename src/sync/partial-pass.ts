/**
 * A pass over the mailboxes that changed, all else being as the list of the last one says (sweep-list.ts): no other
 * mailbox is read, planned or compared. Each comes of its row in the state, which has all that mailboxes.db said of it.
 * What is out of the ordinary, even of one of them, is left to the whole pass.
 */
import { FormatError } from '../base/errors.js';
import { newestIndexOf } from '../cyrus/mailbox/index-release.js';
import type { SourceTrees } from '../disk/trees.js';
import { Fingerprints, type MailboxPrint, PRINT_WORDS, putPrint } from '../inventory/fingerprint.js';
import { readSummary } from '../inventory/summary.js';
import type { Job } from '../job/job.js';
import type { MailboxSummary } from '../model/mailbox.js';
import type { IndexVersions, SyncTask } from '../model/sync-task.js';
import { disksOf, probeDisk } from '../plan/disks.js';
import { plainFootprint } from '../plan/footprint.js';
import { SpaceNeeds } from '../plan/space.js';
import type { MailboxRow } from '../state/mailbox-rows.js';
import type { State } from '../state/state.js';
import { Batches, type BatchTask, type TaskMaking, type Todo } from './batches.js';
import { askGuard, NOTHING_LOST } from './guard.js';
import { clearAnchors } from './links.js';
import { placeOfRow, sourcePlaceOfRow, taskPlace } from './mailbox-tasks.js';
import type { PassContext } from './pass-context.js';
import type { PassFigures } from './pass-figures.js';
import { asPass, openTargets, type PassSession } from './pass-session.js';
import type { Swept } from './sweep-list.js';
import { annotationForm, indexForm } from './target-version.js';

interface PartialTodo extends Todo {
  /** Where it stands in the list. */
  readonly position: number;
}

/** Mailboxes that a partial pass can do, and what the state is to know of them first. */
interface PartialWork {
  readonly todos: readonly PartialTodo[];
  readonly seen: readonly (MailboxSummary & Seen)[];
}

type Seen = Pick<MailboxRow, 'uniqueid' | 'name' | 'sourceKey' | 'headerPrint' | 'print'>;

/**
 * @param figures As the sweep found things; what is done is counted in.
 * @returns false where a whole pass is needed: nothing was done then
 */
export async function runPartialPass(
  job: Job,
  state: State,
  source: SourceTrees,
  swept: Swept,
  figures: PassFigures,
  context: PassContext,
): Promise<boolean> {
  const work = partialWork(job, state, source, swept);
  if (!work) return false;
  for (const problem of swept.problems) context.problems.add(problem);
  figures.mailboxes.unchanged -= work.todos.length;
  await asPass(job, state, 'presync', context, async (session) => {
    await copyChanged(job, state, swept, work, figures, context, session);
    return { figures };
  });
  context.stop.throwIfInterrupted();
  return true;
}

async function copyChanged(
  job: Job,
  state: State,
  swept: Swept,
  { todos, seen }: PartialWork,
  figures: PassFigures,
  context: PassContext,
  { target, pool }: PassSession,
): Promise<void> {
  state.sweep.strike(todos.map(({ position }) => position));
  state.mailboxes.keepsSweep = true;
  try {
    state.mailboxes.sight(seen);
    openTargets(job, target, false);
    const news: { position: number; words: Buffer }[] = [];
    const form = indexForm(job);
    const batches = new Batches<PartialTodo>(state, target, pool, context, figures, {
      taskOf: ({ id }) => partialTask(job, state.mailboxes.get(id)!, swept.third === 'expunge', form),
      onDone: ({ position }, { print }) => {
        if (print !== null) news.push({ position, words: wordsOfPrint(print) });
      },
    });
    await batches.run(todos);
    state.sweep.renew(news);
  } finally {
    state.mailboxes.keepsSweep = false;
  }
  if (!context.stop.stopped) for (const root of target.opened) clearAnchors(root);
  figures.complete = !context.stop.stopped;
}

/** @returns undefined where a whole pass is needed */
function partialWork(job: Job, state: State, trees: SourceTrees, swept: Swept): PartialWork | undefined {
  const prints = new Fingerprints(job.source.real, swept.third === 'expunge', swept.changed.length);
  try {
    return workOf(job, state, trees, swept, prints);
  } finally {
    prints.close();
  }
}

function workOf(
  job: Job,
  state: State,
  trees: SourceTrees,
  swept: Swept,
  prints: Fingerprints,
): PartialWork | undefined {
  const { indexes } = indexForm(job);
  const todos: PartialTodo[] = [];
  const seen: (MailboxSummary & Seen)[] = [];
  let messagesGone = 0;
  const space = new SpaceNeeds(disksOf(job.target, probeDisk), job.options.placement.reserve);
  for (const { position, row: id } of swept.changed) {
    const row = state.mailboxes.get(id);
    if (!row || !isOrdinary(row)) return undefined;
    const place = sourcePlaceOfRow(job, row);
    const print = place && prints.of(place.roots.meta, place.relative);
    // In 2.x only cyrus.header knows which mailbox it is.
    if (!place || !print || !isSameMailbox(row, print)) return undefined;
    const summary = summaryOf(() => readSummary(place, job.source.conf.version, trees));
    if (!summary || !isCopiedAsItIs(summary.indexVersion, indexes, job)) return undefined;
    messagesGone += Math.max(0, row.syncedFiles - summary.files);
    const { uniqueid, name, sourceKey } = row;
    seen.push({ ...summary, uniqueid, name, sourceKey, headerPrint: print.header, print: print.all });
    const files = Math.max(0, summary.files - row.syncedFiles);
    const bytes = Math.max(0, summary.bytes - row.bytes);
    todos.push({ id, position, kind: 'changed', bytes, files });
    space.copy({ ...plainFootprint(bytes, files), mailboxes: 0 }, 1, row.targetPartition!);
  }
  if (space.refusal()) return undefined;
  const before = state.mailboxes.totals();
  const answer = askGuard({
    ...NOTHING_LOST,
    mailboxesBefore: before.mailboxes,
    messagesBefore: before.messages,
    messagesGone,
    accepted: 0,
    limits: job.options.guard,
  });
  return answer.kind === 'go' ? { todos, seen } : undefined;
}

/** Copied before, whole, and at rest where the plan wants it. */
function isOrdinary(row: MailboxRow): boolean {
  return row.making !== null && row.targetPartition !== null && row.staged === 0 && row.inFlight === 0;
}

function isSameMailbox(row: MailboxRow, print: MailboxPrint): boolean {
  if (!print.hasIndex || !print.hasHeader) return false;
  return print.header === row.headerPrint || makingOf(row).recordedId !== undefined;
}

/** Whether its index is one that the target gets as it is: a converted one is made of databases as well. */
function isCopiedAsItIs(version: number, { oldest, raiseTo }: IndexVersions, job: Job): boolean {
  return version >= oldest && version <= newestIndexOf(job.target.conf.version) && !(raiseTo > 12 && version < 13);
}

function summaryOf(read: () => MailboxSummary): MailboxSummary | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FormatError || (error instanceof Error && 'code' in error)) return undefined; // the whole pass says it
    throw error;
  }
}

function makingOf(row: MailboxRow): TaskMaking {
  return JSON.parse(row.making!) as TaskMaking;
}

function partialTask(job: Job, row: MailboxRow, hasExpunge: boolean, form: ReturnType<typeof indexForm>): BatchTask {
  const { header, recordedId } = makingOf(row);
  const task: SyncTask = {
    id: row.id,
    name: row.name,
    from: taskPlace(sourcePlaceOfRow(job, row)!),
    to: placeOfRow(job, row),
    hasExpunge,
    checkContent: false,
    full: false,
    header,
    recordedId,
    ownerSeen: undefined,
    anyoneSeen: undefined,
    form: row.form!,
    ...form,
    annotations: annotationForm(job, row.name),
    annotationBytes: 0,
    holdRemovals: false,
    verifyLinks: false,
  };
  return { task, row, partition: row.targetPartition! };
}

/** A fingerprint as the list has it. */
function wordsOfPrint(print: string): Buffer {
  const words = new Int32Array(PRINT_WORDS);
  putPrint(print, words, 0);
  return Buffer.from(words.buffer);
}
