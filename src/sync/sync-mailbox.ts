/**
 * One mailbox in a pass: read the source's indexes, compare with the target's own index, copy what is new, put cache,
 * annotations, header and, last, the index in place, remove what the source has no more.
 *
 * The target's index is the manifest of what lies there. It is in its final form from the first pass on (version the
 * target can live with, GUIDs filled in, the target's cyrus.header), so that the cutover makes anew only what changed.
 * cyrus.expunge never reaches the target: a 2.5+ server would execute it; its records are in the index, expunged.
 */
import { FormatError } from '../base/errors.js';
import { messageFileName, parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { type IndexView, readIndex } from '../cyrus/mailbox/index.js';
import { UidSet } from '../cyrus/records/uid-set.js';
import { errnoOf } from '../disk/os-path.js';
import type { Problem } from '../model/problem.js';
import type { SyncCounts, SyncResult, SyncTask } from '../model/sync-task.js';
import { copyAsItStands } from './copy-as-it-stands.js';
import { MailboxMessages } from './mailbox-messages.js';
import { MailboxMeta } from './mailbox-meta.js';
import { type MailboxWork, mailboxWork } from './mailbox-work.js';
import { printOf, readMailbox } from './read-mailbox.js';
import type { SyncContext } from './sync-context.js';

/** Reads of a mailbox that kept changing under the copy; then it is done as it was last seen, and looked at again. */
const ROUNDS = 3;
/** Full, over its quota, read-only: what meets one mailbox meets all on that file system, and none of them is at fault. */
const DISK_FAILURES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

export function syncMailbox(task: SyncTask, context: SyncContext): SyncResult {
  const counts: SyncCounts = { copied: 0, removed: 0, linked: 0, present: 0, bytesCopied: 0, bytesLinked: 0 };
  const problems: Problem[] = [];
  const written: string[] = [];
  const result = (
    outcome: SyncResult['outcome'],
    print: string | null,
    raced: boolean,
    diskFailure?: string,
  ): SyncResult => ({ id: task.id, outcome, print, counts, raced, problems, diskFailure, written });
  let raced = false;
  try {
    for (let round = 0; ; round++) {
      const read = readMailbox(task, context.source, context.printsOf(task));
      if (read === 'moving') return result('deferred', null, true);
      const last = round + 1 >= ROUNDS;
      const copier = new MailboxCopy(mailboxWork(task, context, read, { counts, problems, written }, round === 0));
      const outcome = copier.run();
      if (outcome === 'regressed' || outcome === 'held')
        return result(outcome === 'held' ? 'held' : 'failed', null, raced);
      const after = printOf(task, context.printsOf(task));
      if (after.equals(read.print)) {
        copier.reportNotCopied();
        return result('done', after.isRacy(Date.now()) ? null : after.all, raced);
      }
      raced = true;
      if (last) return result('done', null, raced);
    }
  } catch (error) {
    if (error instanceof Error && DISK_FAILURES.has(errnoOf(error) ?? ''))
      return result('failed', null, raced, error.message);
    const path = error instanceof FormatError ? error.file : undefined;
    if (error instanceof FormatError) {
      problems.push({
        code: 'index-damaged',
        message: `${error.message}; ${copyAsItStands(task, context, counts, written)}`,
        advice: 'Run reconstruct for it on the old server and presync again; after the cutover, on the new one.',
        mailbox: task.name,
        path,
      });
    } else if (errnoOf(error) !== undefined) {
      const link = errnoOf(error) === 'ELOOP';
      problems.push({
        code: link ? 'link-refused' : 'mailbox-failed',
        message: (error as Error).message,
        advice: link
          ? 'A symbolic link stands where Cyrus has a directory or file; put the thing itself there.'
          : 'Mend what the message names and run this again.',
        mailbox: task.name,
      });
    } else throw error;
    return result('failed', null, raced);
  }
}

class MailboxCopy {
  readonly #work: MailboxWork;
  readonly #messages: MailboxMessages;
  /** The target's, where it was read. */
  #headerThere: Buffer | undefined;

  constructor(work: MailboxWork) {
    this.#work = work;
    this.#messages = new MailboxMessages(work);
  }

  run(): 'done' | 'regressed' | 'held' {
    const { task, counts, target } = this.#work;
    try {
      this.#messages.open();
      const manifest = target.dir(task.to.meta.index).isNew ? undefined : this.#readManifest();
      const own = manifest && !this.#isAnothers() ? manifest : undefined;
      if (own && this.#hasRegressed(own)) return 'regressed';
      const gone = manifest ? this.#goneUids(manifest) : [];
      this.#messages.copy(own);
      if (gone.length > 0 && task.holdRemovals) {
        counts.removed = 0;
        return 'held';
      }
      new MailboxMeta(this.#work).write(this.#headerThere);
      this.#removeMessages(gone, manifest);
      if (task.full || task.checkContent) this.#removeStrays();
      return 'done';
    } finally {
      this.#messages.close();
      target.close();
    }
  }

  /** What of it is not on the target, once the index has been seen to stand still: no race then. */
  reportNotCopied(): void {
    const { index, expunge } = this.#work.read;
    if (!this.#work.isRewritten && expunge && index.minorVersion < 12) {
      const expunged: number[] = [];
      for (let i = 0; i < expunge.count; i++) if (index.find(expunge.uid(i)) < 0) expunged.push(expunge.uid(i));
      if (expunged.length > 0)
        this.#work.problems.push({
          code: 'expunged-not-copied',
          message: `expunged messages that the old server still has are not on the target: UID ${UidSet.of(expunged.sort((a, b) => a - b))}`,
          advice: 'With upgrade_indexes = "needed" they come along; an index of 2.3 has no place for them.',
          mailbox: this.#work.task.name,
          stays: true,
        });
    }
    const { missing } = this.#messages;
    if (missing.length === 0) return;
    const uids = UidSet.of(missing).toString();
    this.#work.problems.push({
      code: 'message-file-missing',
      message: `its index lists messages that have no file: UID ${uids}`,
      advice: 'Look for them in backups; on the target they stand in the index as on the source.',
      mailbox: this.#work.task.name,
      stays: true,
    });
  }

  #readManifest(): IndexView | undefined {
    const { to } = this.#work.task;
    const path = `${to.meta.index}/${to.relative}/cyrus.index`;
    const bytes = this.#work.context.target.root(to.meta.index).reader.read(`${to.relative}/cyrus.index`);
    if (!bytes) return undefined;
    try {
      return readIndex(bytes, path);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return undefined; // ours, cut off by a crash: everything is compared by content anyway
    }
  }

  /** A mailbox that was deleted and made anew has its name, and so its place by name, from another: none of its mail. */
  #isAnothers(): boolean {
    const { to, header } = this.#work.task;
    const bytes = this.#work.context.target.root(to.meta.header).reader.read(`${to.relative}/cyrus.header`);
    this.#headerThere = bytes;
    if (!bytes) return false;
    try {
      const { uniqueid } = readMailboxHeader(bytes, `${to.meta.header}/${to.relative}/cyrus.header`);
      return uniqueid !== undefined && uniqueid !== header.uniqueid;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return false; // ours, cut off by a crash
    }
  }

  /** last_uid never falls: an index that has less is not the one we know (a reconstruct that died, a restored copy). */
  #hasRegressed(manifest: IndexView): boolean {
    const { index } = this.#work.read;
    if (index.lastUid >= manifest.lastUid || this.#work.task.discards) return false;
    this.#work.problems.push({
      code: 'index-regressed',
      message: `its index ends at UID ${index.lastUid} (UIDVALIDITY ${index.uidvalidity}), the target's at ${manifest.lastUid} (UIDVALIDITY ${manifest.uidvalidity})`,
      advice:
        'Was it restored or reconstructed, or did mail come on the target? Where the source is right, delete this mailbox directory on the target and run presync again.',
      mailbox: this.#work.task.name,
      path: `${this.#work.task.to.meta.index}/${this.#work.task.to.relative}`,
    });
    return true;
  }

  /** UIDs that the target has a file for and the source no more, or that lie in another place now. */
  #goneUids(manifest: IndexView): { uid: number; root: string }[] {
    const gone: { uid: number; root: string }[] = [];
    for (let i = 0; i < manifest.count; i++) {
      if (manifest.isUnlinked(i)) continue;
      const uid = manifest.uid(i);
      const n = this.#work.wanted.find(uid);
      const root = this.#work.target.rootFor(manifest.isArchived(i));
      if (n < 0 || root !== this.#work.target.rootFor(this.#work.wanted.isArchived(n))) gone.push({ uid, root });
    }
    return gone;
  }

  #removeMessages(gone: readonly { uid: number; root: string }[], manifest: IndexView | undefined): void {
    if (!manifest) return;
    for (const { uid, root } of gone)
      if (this.#work.target.dir(root).remove(messageFileName(uid))) this.#work.counts.removed++;
  }

  /** After a crash: message files that no record names would come back as mail at the next reconstruct. */
  #removeStrays(): void {
    const { to } = this.#work.task;
    for (const root of new Set([to.data, ...(to.archive === null ? [] : [to.archive])])) {
      const dir = this.#work.context.target.root(root).dir(to.relative);
      if (!dir) continue;
      for (const name of dir.list()) {
        const uid = parseMessageFileName(name);
        const n = uid === undefined ? -1 : this.#work.wanted.find(uid);
        const isStray =
          uid === undefined
            ? name.endsWith('.cyrsync-new')
            : n < 0 || this.#work.target.rootFor(this.#work.wanted.isArchived(n)) !== root;
        if (isStray && dir.remove(name) && uid !== undefined) this.#work.counts.removed++;
      }
      dir.close();
    }
  }
}
