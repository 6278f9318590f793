/** The messages of a mailbox: which of them the target has, and copying the others. */
import { closeSync, type Stats } from 'node:fs';
import { messageFileName } from '../cyrus/layout/mailbox-place.js';
import type { IndexView } from '../cyrus/mailbox/index.js';
import { hashFile } from '../disk/hash-file.js';
import type { SourceDir } from '../disk/source.js';
import { copyMessage } from './copy-message.js';
import type { MessageAnchor } from './links.js';
import type { MailboxWork } from './mailbox-work.js';
import type { MessagesToCome } from './read-ahead.js';

/** Messages between two words of progress: a fraction of a second. */
const TELL_EVERY = 500;

export class MailboxMessages {
  readonly #work: MailboxWork;
  /** UIDs of records that have no file anywhere. */
  readonly missing: number[] = [];
  #data: SourceDir | undefined;
  #archive: SourceDir | undefined;

  constructor(work: MailboxWork) {
    this.#work = work;
  }

  open(): void {
    const { source } = this.#work.context;
    const { data, archive, relative } = this.#work.task.from;
    this.#data = source.root(data)?.dir(relative);
    this.#archive = archive === null ? undefined : source.root(archive)?.dir(relative);
  }

  close(): void {
    this.#data?.close();
    this.#archive?.close();
  }

  copy(manifest: IndexView | undefined): void {
    const { context, task, wanted, counts } = this.#work;
    const { readAhead } = context;
    // not where a pass is held back: what is asked for comes in bursts
    const toCome = manifest || task.checkContent || context.throttle ? undefined : this.#toCome();
    if (toCome) readAhead.beginMailbox();
    for (let n = 0; n < wanted.count; n++) {
      if (this.#isPresent(n, manifest)) {
        counts.present++;
        continue;
      }
      if (toCome) readAhead.before(n, toCome);
      this.#copyOne(n);
      if (toCome) readAhead.after(n);
      if (n % TELL_EVERY === TELL_EVERY - 1) {
        const { copied, bytesCopied } = counts;
        context.onProgress({ id: task.id, copied, bytesCopied });
      }
    }
  }

  #isPresent(n: number, manifest: IndexView | undefined): boolean {
    const { task, read, target, wanted, contents, isRewritten, isFirst } = this.#work;
    const uid = wanted.uid(n);
    if (task.checkContent && isFirst) return this.#matchesContent(n);
    const at = manifest ? manifest.find(uid) : -1;
    if (!manifest || at < 0 || manifest.isUnlinked(at)) return false;
    const guid = wanted.guidHex(n);
    if (target.rootFor(manifest.isArchived(at)) !== target.rootFor(wanted.isArchived(n))) return false;
    if (guid === '' && manifest.uidvalidity !== read.index.uidvalidity) return this.#matchesContent(n);
    if (guid !== '' && !manifest.guidIsZero(at) && manifest.guidHex(at) !== guid) return false;
    // A record whose size was wrong has the file's size on the target: then the file decides.
    if (manifest.size(at) !== wanted.size(n) && (guid === '' || manifest.guidIsZero(at)))
      return this.#matchesContent(n);
    if (task.full && isFirst) {
      const stat = target.dir(target.rootFor(wanted.isArchived(n))).stat(messageFileName(uid));
      if (stat?.kind !== 'file' || stat.sizeBytes !== manifest.size(at)) return false;
      if (stat.mtimeNs / 1_000_000_000n !== BigInt(wanted.internalDate(n))) return false;
    }
    if (guid === '') {
      if (!manifest.hasGuids) return !isRewritten; // 2.3.9 and older, left in that version
      if (manifest.guidIsZero(at)) return false;
      contents.set(n, Buffer.from(manifest.guidHex(at), 'hex'), manifest.size(at));
    }
    return true;
  }

  /** Reads the target's file, and the source's where no GUID says what it must be. */
  #matchesContent(n: number): boolean {
    const { task, context, target, wanted, contents } = this.#work;
    const name = messageFileName(wanted.uid(n));
    const root = target.rootFor(wanted.isArchived(n));
    const have = hashFile(() => context.target.root(root).reader.openFile(`${task.to.relative}/${name}`));
    if (!have) return false;
    let want = wanted.guidHex(n);
    if (want === '') {
      const dir = this.#dirOf(n, name);
      const original = dir && hashFile(() => dir.openFile(name));
      if (!original) return false;
      want = original.guid.toString('hex');
    }
    if (have.guid.toString('hex') !== want) return false;
    target.dir(root).setTimes(name, wanted.internalDate(n));
    contents.set(n, have.guid, have.sizeBytes);
    this.#keepAnchor(n, name);
    return true;
  }

  #keepAnchor(n: number, name: string): void {
    const dir = this.#dirOf(n, name);
    const nlink = dir?.stat(name)?.nlink ?? 0;
    if (!dir || nlink < 2) return;
    const { fd, stat } = dir.openMessage(name);
    closeSync(fd);
    this.#anchorOf(n).keepAnchor(stat);
  }

  /** Whether a link to an anchor of a pass that died has the content of the source. */
  #isRightLink(n: number, name: string, root: string): boolean {
    const { to } = this.#work.task;
    const have = hashFile(() => this.#work.context.target.root(root).reader.openFile(`${to.relative}/${name}`));
    const dir = this.#dirOf(n, name);
    const want = this.#work.wanted.guidHex(n) || (dir && hashFile(() => dir.openFile(name))?.guid.toString('hex'));
    return have?.guid.toString('hex') === want;
  }

  /** Where the source keeps it: by its ARCHIVED flag, else in the other place (reference 3.4). */
  #dirOf(n: number, name: string): SourceDir | undefined {
    const first = this.#usualDir(n);
    const second = first === this.#data ? this.#archive : this.#data;
    if (first?.stat(name)) return first;
    return second?.stat(name) ? second : first;
  }

  /** What is copied where nothing is there yet. */
  #toCome(): MessagesToCome {
    const wanted = this.#work.wanted;
    return {
      count: wanted.count,
      size: (n) => wanted.size(n),
      name: (n) => messageFileName(wanted.uid(n)),
      dir: (n) => this.#usualDir(n),
    };
  }

  /** For the message that is being copied; asked only of files with other links. */
  readonly #links = {
    n: 0,
    anchor: undefined as MessageAnchor | undefined,
    linkInstead: (stat: Stats): boolean => {
      const { n } = this.#links;
      this.#links.anchor = this.#anchorOf(n);
      if (!this.#links.anchor.linkInstead(stat)) return false;
      const name = messageFileName(this.#work.wanted.uid(n));
      return (
        !this.#work.task.verifyLinks ||
        this.#isRightLink(n, name, this.#work.target.rootFor(this.#work.wanted.isArchived(n)))
      );
    },
    afterCopy: (stat: Stats): boolean => this.#links.anchor!.afterCopy(stat), // asked before that
  };

  #anchorOf(n: number): MessageAnchor {
    const { context, target, wanted } = this.#work;
    const root = target.rootFor(wanted.isArchived(n));
    const name = messageFileName(wanted.uid(n));
    const [guid, date] = [wanted.guidHex(n), wanted.internalDate(n)];
    return context.anchors.for(context.target.root(root), target.dir(root), name, guid, date);
  }

  /** Where its record says that it is. */
  #usualDir(n: number): SourceDir | undefined {
    return this.#archive && this.#work.wanted.isArchived(n) ? this.#archive : this.#data;
  }

  #copyOne(n: number): void {
    const { task, context, target, counts, problems, wanted, contents } = this.#work;
    const uid = wanted.uid(n);
    const name = messageFileName(uid);
    const root = target.rootFor(wanted.isArchived(n));
    const usual = this.#usualDir(n);
    context.throttle?.take(wanted.size(n), 1);
    const to = target.dir(root);
    this.#links.n = n;
    // Without a GUID the inode alone would be the proof; then the content is read as well (design.md, links).
    let copied = usual && copyMessage(usual, to, name, wanted.internalDate(n), !wanted.hasGuid(n), this.#links);
    if (!copied) {
      const other = this.#dirOf(n, name);
      if (other && other !== usual) {
        const guid = wanted.guidHex(n);
        copied = copyMessage(other, to, name, wanted.internalDate(n), true, undefined);
        if (copied && guid !== '' && copied.guid?.toString('hex') !== guid) {
          to.remove(name); // the other place may hold anything; only the same content counts (reference 3.4)
          copied = undefined;
        }
      }
    }
    if (!copied) {
      this.missing.push(uid);
      return;
    }
    target.wrote(root, name);
    if (copied.guid || copied.sizeBytes !== wanted.size(n)) contents.set(n, copied.guid, copied.sizeBytes);
    if (copied.sizeBytes !== wanted.size(n)) {
      problems.push({
        code: 'message-size-differs',
        message: `UID ${uid} has ${copied.sizeBytes} bytes, its index record says ${wanted.size(n)}`,
        advice: 'Compare it with a backup; it was copied as it is.',
        mailbox: task.name,
        stays: true,
      });
    }
    if (copied.linked) {
      counts.linked++;
      counts.bytesLinked += copied.sizeBytes;
    } else {
      counts.copied++;
      counts.bytesCopied += copied.sizeBytes;
    }
  }
}
