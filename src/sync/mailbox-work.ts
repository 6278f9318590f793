/** One mailbox in one round of its copy: what those who copy its messages and who write its files share. */

import type { TargetDir } from '../disk/target.js';
import type { Problem } from '../model/problem.js';
import type { SyncCounts, SyncTask } from '../model/sync-task.js';
import type { MailboxRead } from './read-mailbox.js';
import { noteWritten, type SyncContext } from './sync-context.js';
import { FoundContents, Wanted } from './wanted.js';

/** Its directories on the target, made and opened as they are needed. */
export class MailboxTarget {
  readonly #task: SyncTask;
  readonly #context: SyncContext;
  readonly #written: string[];
  readonly #dirs = new Map<string, TargetDir>();

  /** @param written What the barrier must go by where it has no `syncfs` goes here. */
  constructor(task: SyncTask, context: SyncContext, written: string[]) {
    this.#task = task;
    this.#context = context;
    this.#written = written;
  }

  dir(root: string): TargetDir {
    let dir = this.#dirs.get(root);
    if (!dir) {
      dir = this.#context.target.root(root).makeDir(this.#task.to.relative);
      this.#dirs.set(root, dir);
      this.wrote(root);
    }
    return dir;
  }

  /** The root that the file of a record lies below. */
  rootFor(isArchived: boolean): string {
    const { to } = this.#task;
    return isArchived && to.archive !== null ? to.archive : to.data;
  }

  put(root: string, name: string, bytes: Uint8Array): void {
    this.#context.throttle?.take(bytes.length, 0);
    this.dir(root).put(name, bytes);
    this.wrote(root, name);
  }

  /** @param name None: the directory itself. */
  wrote(root: string, name = ''): void {
    noteWritten(this.#written, this.#context, this.#task, root, name);
  }

  close(): void {
    for (const dir of this.#dirs.values()) dir.close();
    this.#dirs.clear();
  }
}

export interface MailboxWork {
  readonly task: SyncTask;
  readonly context: SyncContext;
  readonly read: MailboxRead;
  readonly target: MailboxTarget;
  readonly counts: SyncCounts;
  readonly problems: Problem[];
  readonly wanted: Wanted;
  /** Of files whose record has no GUID, or another size. */
  readonly contents: FoundContents;
  /** Whether the target gets an index in another form (2.2, 2.3). */
  readonly isRewritten: boolean;
  /** The first look of this pass; a second one goes by what the first put in place. */
  readonly isFirst: boolean;
}

export function mailboxWork(
  task: SyncTask,
  context: SyncContext,
  read: MailboxRead,
  result: { readonly counts: SyncCounts; readonly problems: Problem[]; readonly written: string[] },
  isFirst: boolean,
): MailboxWork {
  const { counts, problems, written } = result;
  const isRewritten = read.index.minorVersion < task.indexes.oldest;
  // An index that stays in 2.3's version has no place for expunged messages, and a newer server would execute the file.
  const wanted = new Wanted(read.index, isRewritten ? read.expunge : undefined);
  const contents = new FoundContents(wanted);
  const target = new MailboxTarget(task, context, written);
  return { task, context, read, target, counts, problems, wanted, contents, isRewritten, isFirst };
}
