/**
 * A pass over the mailboxes that changed, all else being as the list of the last one says (sweep-list.ts): no other
 * mailbox is read, planned or compared. Each comes of its row in the state, which has all that mailboxes.db said of it.
 * What is out of the ordinary, even of one of them, is left to the whole pass.
 */
import { FormatError } from '../base/errors.js';
import { newestIndexOf } from '../cyrus/mailbox/index-release.js';
import { asInternalName, userOf } from '../cyrus/names/mailbox-name.js';
import type { SourceTrees } from '../disk/trees.js';
import { Fingerprints, type MailboxPrint, PRINT_WORDS, putPrint } from '../inventory/fingerprint.js';
import { SeenEntries } from '../inventory/seen-entries.js';
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
import { type Making, makingOf, seenOf } from './making.js';
import type { PassContext } from './pass-context.js';
import type { PassFigures } from './pass-figures.js';
import { asPass, openTargets, type PassKind, type PassSession } from './pass-session.js';
import type { Listed } from './seen-list.js';
import { mostChanged, type Swept } from './sweep-list.js';
import { annotationForm, indexForm } from './target-version.js';

interface PartialTodo extends Todo {
  /** Where it stands in the list. */
  readonly position: number;
}

/** Mailboxes that a partial pass can do, and what the state is to know of them first. */
interface PartialWork {
  readonly todos: readonly PartialTodo[];
  readonly sightings: readonly (MailboxSummary & Sighted)[];
  readonly seen: SeenEntries;
}

type Sighted = Pick<MailboxRow, 'uniqueid' | 'name' | 'sourceKey' | 'headerPrint' | 'print'>;

/**
 * @param figures As the sweep found things; what is done is counted in.
 * @returns whether there was nothing to do after all, or a whole pass is needed: nothing was done then
 */
export async function runPartialPass(
  job: Job,
  state: State,
  source: SourceTrees,
  swept: Swept,
  figures: PassFigures,
  kind: PassKind,
  context: PassContext,
): Promise<'idle' | 'done' | 'whole'> {
  const work = partialWork(job, state, source, swept, context);
  if (!work) return 'whole';
  if (work.todos.length === 0) {
    state.sweep.renew(readSeenFiles(swept, work));
    return 'idle';
  }
  for (const problem of swept.problems) context.problems.add(problem);
  figures.mailboxes.unchanged -= work.todos.length;
  await asPass(job, state, kind, context, async (session) => {
    await copyChanged(job, state, swept, work, figures, context, session);
    return { figures };
  });
  context.stop.throwIfInterrupted();
  return 'done';
}

/** Seen databases that changed, as they were before they were read. */
function readSeenFiles({ changedSeen }: Swept, { seen }: PartialWork): { position: number; words: Buffer }[] {
  return changedSeen.flatMap(({ position, path }) => {
    const words = seen.words.get(path);
    return words ? [{ position, words: Buffer.from(words.buffer) }] : [];
  });
}

async function copyChanged(
  job: Job,
  state: State,
  swept: Swept,
  work: PartialWork,
  figures: PassFigures,
  context: PassContext,
  { target, pool }: PassSession,
): Promise<void> {
  const { todos, sightings } = work;
  state.sweep.strike([...todos, ...swept.changedSeen].map(({ position }) => position));
  state.mailboxes.keepsSweep = true;
  try {
    state.mailboxes.sight(sightings);
    openTargets(job, target, false);
    const news: { position: number; words: Buffer }[] = [];
    const form = indexForm(job);
    const batches = new Batches<PartialTodo>(state, target, pool, context, figures, {
      taskOf: ({ id }) => partialTask(job, state.mailboxes.get(id)!, swept.third === 'expunge', form, work.seen),
      onDone: ({ position }, { print }) => {
        if (print !== null) news.push({ position, words: wordsOfPrint(print) });
      },
    });
    await batches.run(todos);
    state.sweep.renew([...news, ...readSeenFiles(swept, work)]);
  } finally {
    state.mailboxes.keepsSweep = false;
  }
  if (!context.stop.stopped) for (const root of target.opened) clearAnchors(root);
  figures.complete = !context.stop.stopped;
}

/** @returns undefined where a whole pass is needed */
function partialWork(
  job: Job,
  state: State,
  trees: SourceTrees,
  swept: Swept,
  { problems }: PassContext,
): PartialWork | undefined {
  const prints = new Fingerprints(job.source.real, swept.third === 'expunge', swept.changed.length);
  try {
    const seen = new SeenEntries(job, trees, problems);
    const work = workOf(job, state, trees, swept, prints, seen);
    return seen.hasDamaged ? undefined : work;
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
  seen: SeenEntries,
): PartialWork | undefined {
  const { indexes } = indexForm(job);
  const todos: PartialTodo[] = [];
  const sightings: (MailboxSummary & Sighted)[] = [];
  const most = mostChanged(swept.total);
  let messagesGone = 0;
  const space = new SpaceNeeds(disksOf(job.target, probeDisk), job.options.placement.reserve);
  for (const { position, row: id, isChanged } of candidates(swept)) {
    const row = state.mailboxes.get(id);
    if (!row || !isOrdinary(row)) return undefined;
    if (!isChanged && makingOfRow(job, row, row.indexVersion, indexes, seen).form === row.form) continue;
    if (todos.length >= most) return undefined;
    const place = sourcePlaceOfRow(job, row);
    const print = place && prints.of(place.roots.meta, place.relative);
    // In 2.x only cyrus.header knows which mailbox it is.
    if (!place || !print || !isSameMailbox(row, print)) return undefined;
    const summary = summaryOf(() => readSummary(place, job.source.conf.version, trees));
    if (!summary || !isKnownForm(summary.indexVersion, indexes, job)) return undefined;
    messagesGone += Math.max(0, row.syncedFiles - summary.files);
    const { uniqueid, name, sourceKey } = row;
    sightings.push({ ...summary, uniqueid, name, sourceKey, headerPrint: print.header, print: print.all });
    const files = Math.max(0, summary.files - row.syncedFiles);
    const bytes = Math.max(0, summary.bytes - row.bytes);
    todos.push({ id, position, kind: 'changed', bytes, files });
    space.copy({ ...plainFootprint(bytes, files), mailboxes: 0 }, 1, row.targetPartition!);
  }
  if (space.refusal()) return undefined;
  return messagesGone === 0 || mayLose(messagesGone, job, state) ? { todos, sightings, seen } : undefined;
}

/** To be asked only where some are gone: it takes a look at every row. */
function mayLose(messagesGone: number, job: Job, state: State): boolean {
  const before = state.mailboxes.totals();
  const answer = askGuard({
    ...NOTHING_LOST,
    mailboxesBefore: before.mailboxes,
    messagesBefore: before.messages,
    messagesGone,
    accepted: 0,
    limits: job.options.guard,
  });
  return answer.kind === 'go';
}

/** Mailboxes that changed, then others whose index on the target is made of a seen database that did. */
function* candidates({ changed, changedSeen }: Swept): Iterable<Listed & { readonly isChanged: boolean }> {
  for (const listed of changed) yield { ...listed, isChanged: true };
  const known = new Set(changed.map(({ position }) => position));
  for (const { dependents } of changedSeen)
    for (const listed of dependents) if (!known.has(listed.position)) yield { ...listed, isChanged: false };
}

/** Copied before, whole, and at rest where the plan wants it. */
function isOrdinary(row: MailboxRow): boolean {
  return row.making !== null && row.targetPartition !== null && row.staged === 0 && row.inFlight === 0;
}

function isSameMailbox(row: MailboxRow, print: MailboxPrint): boolean {
  if (!print.hasIndex || !print.hasHeader) return false;
  return print.header === row.headerPrint || keptMaking(row).recordedId !== undefined;
}

/** Whether the target's index is made of the source's and the seen databases, and not of annotation databases too. */
function isKnownForm(version: number, { raiseTo }: IndexVersions, job: Job): boolean {
  return version <= newestIndexOf(job.target.conf.version) && !(raiseTo > 12 && version < 13);
}

function summaryOf(read: () => MailboxSummary): MailboxSummary | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FormatError || (error instanceof Error && 'code' in error)) return undefined; // the whole pass says it
    throw error;
  }
}

function keptMaking(row: MailboxRow): TaskMaking {
  return JSON.parse(row.making!) as TaskMaking;
}

/** As the whole pass would have it: header and row say all that mailboxes.db did. */
function makingOfRow(
  job: Job,
  row: MailboxRow,
  indexVersion: number,
  indexes: IndexVersions,
  seen: SeenEntries,
): Making & { recordedId: string | undefined } {
  const { header, recordedId } = keptMaking(row);
  const user = userOf(asInternalName(row.name), job.source.conf);
  const states = seenOf(seen, indexVersion, indexes, user, recordedId ?? row.uniqueid);
  return { ...makingOf(header, states, indexes, 0), recordedId };
}

function partialTask(
  job: Job,
  row: MailboxRow,
  hasExpunge: boolean,
  form: ReturnType<typeof indexForm>,
  seen: SeenEntries,
): BatchTask {
  const task: SyncTask = {
    id: row.id,
    name: row.name,
    from: taskPlace(sourcePlaceOfRow(job, row)!),
    to: placeOfRow(job, row),
    hasExpunge,
    checkContent: false,
    full: false,
    ...makingOfRow(job, row, row.indexVersion, form.indexes, seen),
    ...form,
    annotations: annotationForm(job, row.name),
    holdRemovals: false,
    discards: false,
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
