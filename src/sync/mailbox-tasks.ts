/** What of each mailbox is to be done, and all that a worker needs to know to do it. */
import { RefusedError } from '../base/errors.js';
import type { Sliced } from '../base/slices.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { printTypeLetters } from '../cyrus/records/mailbox-type.js';
import { isAtLeast } from '../cyrus/version.js';
import type { SourceTrees } from '../disk/trees.js';
import { AnnotationSizes } from '../inventory/annotation-sizes.js';
import type { Inventory } from '../inventory/inventory.js';
import type { ListedMailbox } from '../inventory/listed-mailbox.js';
import { quotaRootNames, quotaRootOf } from '../inventory/quota-roots.js';
import { SeenEntries } from '../inventory/seen-entries.js';
import { placeOfSourceKey } from '../inventory/source-key.js';
import type { Job } from '../job/job.js';
import type { MailboxSummary } from '../model/mailbox.js';
import type { ProblemList } from '../model/problem.js';
import type { HeaderForm, SyncTask, TaskPlace } from '../model/sync-task.js';
import { copiedPart, type Plan } from '../plan/plan.js';
import { SpaceNeeds } from '../plan/space.js';
import type { MailboxRow, MailboxStanding } from '../state/mailbox-rows.js';
import type { State } from '../state/state.js';
import type { BatchTask } from './batches.js';
import { type MailboxTodo, MailboxTodos } from './mailbox-todos.js';
import { type Making, makingOf, needsSeen, seenOf } from './making.js';
import type { Move } from './moves.js';
import type { SeenFile } from './seen-list.js';
import { annotationForm, indexForm } from './target-version.js';

/** Of an index that can't be read: the worker sees what can be done (copy-as-it-stands.ts). */
const UNREADABLE: Pick<MailboxSummary, 'indexVersion' | 'bytes' | 'files'> = { indexVersion: 99, bytes: 0, files: 0 };

/** Mailboxes between two places to stop. */
const SLICE = 4;

/** What is the same for all mailboxes of a pass. */
export interface TaskOptions {
  readonly full: boolean;
  readonly checksum: boolean;
  readonly holdRemovals: boolean;
  readonly discards: boolean;
  /** The pass before this one died or was stopped: see links.ts. */
  readonly isAfterUnfinished: boolean;
  /** Where they are not simply the source's. */
  readonly quotaRoots?: ReadonlySet<string> | undefined;
}

export interface Comparison {
  readonly todos: MailboxTodos;
  /** As `space` was told of them. */
  readonly moves: readonly Move[];
  readonly unchanged: number;
  /** Their files are missing: takeInventory has said so, the target keeps what it has. */
  readonly failed: number;
  /** What all that takes. */
  readonly space: SpaceNeeds;
}

export class MailboxTasks {
  readonly #job: Job;
  readonly #inventory: Inventory;
  readonly #plan: Plan;
  readonly #options: TaskOptions;
  readonly #quotaRoots: ReadonlySet<string>;
  readonly #seen: SeenEntries;
  readonly #indexForm: ReturnType<typeof indexForm>;
  readonly #sizes: AnnotationSizes | undefined;
  readonly #headerForm: HeaderForm['form'];
  /** Something was made from annotation databases, which have no place in the list of sweep-list.ts. */
  readsAnnotations = false;

  constructor(
    job: Job,
    source: SourceTrees,
    inventory: Inventory,
    plan: Plan,
    options: TaskOptions,
    problems: ProblemList,
  ) {
    const { conf } = job.target;
    this.#job = job;
    this.#inventory = inventory;
    this.#plan = plan;
    this.#options = options;
    this.#quotaRoots = options.quotaRoots ?? quotaRootNames(job, source);
    this.#seen = new SeenEntries(job, source, problems);
    this.#indexForm = indexForm(job);
    this.#sizes = this.#indexForm.indexes.raiseTo > 12 ? new AnnotationSizes(job, source) : undefined;
    this.#headerForm = isAtLeast(conf.version, '3.6') ? 'dlist' : 'text';
  }

  /** All mailboxes of the inventory against what the state says of them. */
  *compare(state: State): Sliced<Comparison> {
    const { full, checksum } = this.#options;
    const todos = new MailboxTodos(this.#inventory);
    const moving: ListedMailbox[] = [];
    const space = new SpaceNeeds(this.#plan.disks, this.#job.options.placement.reserve, this.#plan.saved);
    let unchanged = 0;
    let failed = 0;
    let done = 0;
    const of = this.#inventory.mailboxes.length;
    const byUniqueid = new Map(this.#inventory.mailboxes.map((mailbox) => [mailbox.uniqueid, mailbox]));
    for (const row of state.mailboxes.standings()) {
      if (done++ % SLICE === 0) yield { what: 'comparing mailboxes', done: Math.min(done, of), of };
      const mailbox = byUniqueid.get(row.uniqueid);
      if (!mailbox) continue;
      const summary = mailbox.summary ?? (mailbox.hasFiles ? UNREADABLE : undefined);
      if (!summary) {
        failed++;
        continue;
      }
      const place = this.#plan.placeOf(mailbox);
      const isNew = row.targetPartition === null;
      const isMoving = row.staged !== 0 || (!isNew && !isAt(row, place));
      if (isMoving) moving.push(mailbox);
      const footprint = this.#plan.footprintOf(mailbox);
      const copied = isNew ? 0 : copiedPart(this.#inventory.table.syncedFiles[mailbox.at]!, summary.files);
      if (isMoving && !isNew) space.move(footprint, copied, row.targetPartition!, place.partition);
      const { form } = this.#makingOf(mailbox, place, summary);
      const same = row.upToDate === 1 && row.form === form && row.inFlight === 0;
      if (same && !isMoving && !full && !checksum) {
        unchanged++;
        continue;
      }
      space.copy(footprint, 1 - copied, place.partition);
      const kind = isNew ? 'created' : isMoving ? 'moved' : same ? 'unchanged' : 'changed';
      const synced = same ? 0 : Math.max(0, this.#inventory.table.syncedFiles[mailbox.at]!);
      const files = Math.max(0, summary.files - synced);
      const checkContent = row.inFlight === 1 || row.staged !== 0;
      const bytes = summary.files === 0 ? 0 : Math.round((summary.bytes * files) / summary.files);
      todos.add({ kind, bytes, files, mailbox, checkContent });
    }
    const moves = moving.map((mailbox): Move => {
      const row = state.mailboxes.get(this.#inventory.table.rowIds[mailbox.at]!)!;
      const place = this.#plan.placeOf(mailbox);
      return { row, from: placeOfRow(this.#job, row), to: taskPlace(place), toPartition: place.partition };
    });
    todos.putInOrder();
    return { todos, moves, unchanged, failed, space };
  }

  taskOf({ mailbox, checkContent }: MailboxTodo, row: MailboxRow): BatchTask {
    const place = this.#plan.placeOf(mailbox);
    const { full, checksum, holdRemovals, discards, isAfterUnfinished } = this.#options;
    const { form, ...making } = this.#makingOf(mailbox, place, mailbox.summary ?? UNREADABLE);
    const task: SyncTask = {
      id: row.id,
      name: mailbox.name,
      from: taskPlace(mailbox.place),
      to: taskPlace(place),
      hasExpunge: this.#inventory.hasExpunge,
      checkContent: checkContent || checksum,
      full,
      ...making,
      recordedId: mailbox.entry.uniqueid,
      form,
      ...this.#indexForm,
      annotations: annotationForm(this.#job, mailbox.name),
      holdRemovals,
      discards,
      verifyLinks: isAfterUnfinished,
    };
    return { task, row, partition: place.partition };
  }

  #makingOf(mailbox: ListedMailbox, place: MailboxPlace, { indexVersion }: { indexVersion: number }): Making {
    const { entry, name, uniqueid } = mailbox;
    const { conf } = this.#job.target;
    const header: HeaderForm = {
      form: this.#headerForm,
      name,
      types: printTypeLetters({ ...entry, legacy: place.legacy }, conf.version),
      uniqueid,
      quotaRoot: quotaRootOf(name, this.#quotaRoots, this.#job.source.conf),
      acl: entry.acl,
    };
    const { indexes } = this.#indexForm;
    const sourceId = entry.uniqueid ?? uniqueid;
    const needsSizes = this.#sizes !== undefined && indexVersion < 13;
    this.readsAnnotations ||= needsSizes;
    const annotationBytes = needsSizes ? this.#sizes!.of(name, sourceId) : 0;
    const seen = seenOf(this.#seen, indexVersion, indexes, mailbox.user, sourceId);
    return makingOf(header, seen, indexes, annotationBytes);
  }

  /** The seen databases that indexes are made of, with the mailboxes of each; undefined where that can't be told. */
  seenFiles(): readonly SeenFile[] | undefined {
    if (this.#seen.hasDamaged) return undefined;
    const { mailboxes, table } = this.#inventory;
    const { indexes } = this.#indexForm;
    const made = mailboxes.filter(({ summary }) => summary && needsSeen(summary.indexVersion, indexes));
    if (made.length === 0) return [];
    const files = new Map<string, { position: number; row: number }[]>([[this.#seen.pathOfAnyone, []]]);
    for (const { at, user } of made) {
      if (!user) continue;
      const path = this.#seen.pathOf(user);
      const found = files.get(path) ?? [];
      files.set(path, found);
      found.push({ position: at, row: table.rowIds[at]! });
    }
    return Array.from(files, ([path, dependents]) => ({ path, words: this.#seen.words.get(path) ?? null, dependents }));
  }
}

function isAt(row: MailboxStanding, place: MailboxPlace): boolean {
  return row.targetPartition === place.partition && row.targetRelative === place.relative;
}

/** Where a mailbox lies on the target, by its row. @throws RefusedError for a partition that imapd.conf lost */
export function placeOfRow(
  job: Job,
  { name, targetPartition, targetRelative }: Pick<MailboxRow, 'name' | 'targetPartition' | 'targetRelative'>,
): TaskPlace {
  const roots = job.target.conf.partitions.get(targetPartition!);
  if (!roots)
    throw new RefusedError(
      `The target has no partition "${targetPartition}" any more`,
      `${name} lies on it`,
      'Put the partition back into the new imapd.conf.',
    );
  return taskPlace({ roots, relative: targetRelative! });
}

/** Where it lies on the source; undefined for a partition that imapd.conf lost. */
export function sourcePlaceOfRow(job: Job, { sourceKey }: Pick<MailboxRow, 'sourceKey'>): MailboxPlace | undefined {
  return placeOfSourceKey(sourceKey, job.source.conf);
}

export function taskPlace({ roots, relative }: Pick<MailboxPlace, 'roots' | 'relative'>): TaskPlace {
  return { data: roots.data, archive: roots.archive ?? null, meta: roots.meta, relative };
}
