/**
 * One mailbox in a pass: read the source's indexes, compare with the target's own index, copy what is new, put cache,
 * annotations, header and, last, the index in place, remove what the source has no more.
 *
 * The target's index is the manifest of what lies there. It is in its final form from the first pass on (version the
 * target can live with, GUIDs filled in, the target's cyrus.header), so that the cutover makes anew only what changed.
 * cyrus.expunge never reaches the target: a 2.5+ server would execute it; its records are in the index, expunged.
 */
import { closeSync, type Stats } from 'node:fs';
import { crc32 } from '../base/crc32.js';
import { FormatError } from '../base/errors.js';
import { messageFileName, parseMessageFileName } from '../cyrus/layout/mailbox-place.js';
import { buildCache, type Caches, cacheGeneration } from '../cyrus/mailbox/cache.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { type IndexView, readIndex } from '../cyrus/mailbox/index.js';
import { convertIndex } from '../cyrus/mailbox/index-convert.js';
import { IndexOption } from '../cyrus/mailbox/index-layout.js';
import { patchIndex } from '../cyrus/mailbox/index-patch.js';
import { upgradeIndex } from '../cyrus/mailbox/index-upgrade.js';
import { syncCrcAnnot } from '../cyrus/mailbox/sync-crc.js';
import type { Annotation } from '../cyrus/records/annotations.js';
import { UidSet } from '../cyrus/records/uid-set.js';
import { hashFile } from '../disk/hash-file.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceDir } from '../disk/source.js';
import type { TargetDir } from '../disk/target.js';
import type { Problem } from '../model/problem.js';
import type { SyncCounts, SyncResult, SyncTask } from '../model/sync-task.js';
import { copyAsItStands } from './copy-as-it-stands.js';
import { copyMessage } from './copy-message.js';
import { type CarriedAnnotations, carryAnnotations } from './message-annotations.js';
import type { MessagesToCome } from './read-ahead.js';
import { type MailboxRead, printOf, readFile, readMailbox } from './read-mailbox.js';
import { noteWritten, type SyncContext } from './sync-context.js';
import { targetHeader } from './target-header.js';
import { FoundContents, Wanted } from './wanted.js';

/** What of a conversion is damage that the old server had; the rest is everyday. */
const CONVERSION_DAMAGE: ReadonlySet<string> = new Set(['guid-mismatch', 'size-mismatch', 'repeated-uid']);

/** Messages between two words of progress: a fraction of a second. */
const TELL_EVERY = 500;

/** Reads of a mailbox that kept changing under the copy; then it is done as it was last seen, and looked at again. */
const ROUNDS = 3;

export function syncMailbox(task: SyncTask, context: SyncContext): SyncResult {
  const counts: SyncCounts = { copied: 0, removed: 0, linked: 0, present: 0, bytesCopied: 0, bytesLinked: 0 };
  const problems: Problem[] = [];
  const written: string[] = [];
  const result = (outcome: SyncResult['outcome'], print: string | null, raced: boolean): SyncResult => ({
    id: task.id,
    outcome,
    print,
    counts,
    raced,
    problems,
    written,
  });
  let raced = false;
  try {
    for (let round = 0; ; round++) {
      const read = readMailbox(task, context.source, context.printsOf(task));
      if (read === 'moving') return result('deferred', null, true);
      const last = round + 1 >= ROUNDS;
      const copier = new MailboxCopy(task, context, read, counts, problems, written, round === 0);
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

const NO_ANNOTATIONS = { listed: [], hidden: [] };

/** What annotations of messages add to a mailbox's usage. @see cyrus-imapd 3.6.1 imap/mailbox.c mailbox_annot_update_counts */
function countedBytes(view: IndexView, annotations: readonly Annotation[]): number {
  let bytes = 0;
  for (const { target, value, deleted } of annotations) {
    const i = view.find(Number(target));
    if (!deleted && (target === '0' || (i >= 0 && !view.isExpunged(i)))) bytes += value.length;
  }
  return bytes;
}

class MailboxCopy {
  readonly #task: SyncTask;
  readonly #context: SyncContext;
  readonly #read: MailboxRead;
  readonly #counts: SyncCounts;
  readonly #problems: Problem[];
  readonly #written: string[];
  readonly #wanted: Wanted;
  /** Whether the target gets an index in another form (2.2, 2.3). */
  readonly #isRewritten: boolean;
  /** The first look of this pass; a second one goes by what the first put in place. */
  readonly #isFirst: boolean;
  readonly #missing: number[] = [];
  /** Of files whose record has no GUID, or another size. */
  readonly #contents: FoundContents;
  #sourceDirs: { data: SourceDir | undefined; archive: SourceDir | undefined } = {
    data: undefined,
    archive: undefined,
  };
  readonly #targetDirs = new Map<string, TargetDir>();
  /** The target's, where it was read. */
  #headerThere: Buffer | undefined;

  constructor(
    task: SyncTask,
    context: SyncContext,
    read: MailboxRead,
    counts: SyncCounts,
    problems: Problem[],
    written: string[],
    isFirst: boolean,
  ) {
    this.#task = task;
    this.#context = context;
    this.#read = read;
    this.#counts = counts;
    this.#problems = problems;
    this.#written = written;
    this.#isFirst = isFirst;
    this.#isRewritten = read.index.minorVersion < task.indexes.oldest;
    // An index that stays in 2.3's version has no place for expunged messages, and a newer server would execute the file.
    this.#wanted = new Wanted(read.index, this.#isRewritten ? read.expunge : undefined);
    this.#contents = new FoundContents(this.#wanted);
  }

  run(): 'done' | 'regressed' | 'held' {
    const { from } = this.#task;
    const { source } = this.#context;
    try {
      this.#sourceDirs = {
        data: source.root(from.data)?.dir(from.relative),
        archive: from.archive === null ? undefined : source.root(from.archive)?.dir(from.relative),
      };
      const manifest = this.#targetDir(this.#task.to.meta.index).isNew ? undefined : this.#readManifest();
      const own = manifest && !this.#isAnothers() ? manifest : undefined;
      if (own && this.#hasRegressed(own)) return 'regressed';
      const gone = manifest ? this.#goneUids(manifest) : [];
      this.#copyMessages(own);
      if (gone.length > 0 && this.#task.holdRemovals) {
        this.#counts.removed = 0;
        return 'held';
      }
      this.#writeMeta();
      this.#removeMessages(gone, manifest);
      if (this.#task.full || this.#task.checkContent) this.#removeStrays();
      return 'done';
    } finally {
      this.#sourceDirs.data?.close();
      this.#sourceDirs.archive?.close();
      for (const dir of this.#targetDirs.values()) dir.close();
      this.#targetDirs.clear();
    }
  }

  /** What of it is not on the target, once the index has been seen to stand still: no race then. */
  reportNotCopied(): void {
    const { index, expunge } = this.#read;
    if (!this.#isRewritten && expunge && index.minorVersion < 12) {
      const expunged: number[] = [];
      for (let i = 0; i < expunge.count; i++) if (index.find(expunge.uid(i)) < 0) expunged.push(expunge.uid(i));
      if (expunged.length > 0)
        this.#problems.push({
          code: 'expunged-not-copied',
          message: `expunged messages that the old server still has are not on the target: UID ${UidSet.of(expunged.sort((a, b) => a - b))}`,
          advice: 'With upgrade_indexes = "needed" they come along; an index of 2.3 has no place for them.',
          mailbox: this.#task.name,
          stays: true,
        });
    }
    if (this.#missing.length === 0) return;
    const uids = UidSet.of(this.#missing).toString();
    this.#problems.push({
      code: 'message-file-missing',
      message: `its index lists messages that have no file: UID ${uids}`,
      advice: 'Look for them in backups; on the target they stand in the index as on the source.',
      mailbox: this.#task.name,
      stays: true,
    });
  }

  #targetDir(root: string): TargetDir {
    let dir = this.#targetDirs.get(root);
    if (!dir) {
      dir = this.#context.target.root(root).makeDir(this.#task.to.relative);
      this.#targetDirs.set(root, dir);
      this.#wrote(root);
    }
    return dir;
  }

  #wrote(root: string, name = ''): void {
    noteWritten(this.#written, this.#context, this.#task, root, name);
  }

  #readManifest(): IndexView | undefined {
    const { to } = this.#task;
    const path = `${to.meta.index}/${to.relative}/cyrus.index`;
    const bytes = this.#context.target.root(to.meta.index).reader.read(`${to.relative}/cyrus.index`);
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
    const { to, header } = this.#task;
    const bytes = this.#context.target.root(to.meta.header).reader.read(`${to.relative}/cyrus.header`);
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
    const { index } = this.#read;
    if (index.lastUid >= manifest.lastUid) return false;
    this.#problems.push({
      code: 'index-regressed',
      message: `its index ends at UID ${index.lastUid} (UIDVALIDITY ${index.uidvalidity}), the target's at ${manifest.lastUid} (UIDVALIDITY ${manifest.uidvalidity})`,
      advice:
        'Was it restored or reconstructed? Where the source is right, delete this mailbox directory on the target and run presync again.',
      mailbox: this.#task.name,
    });
    return true;
  }

  /** The target root that the file of a record lies below. */
  #rootFor(isArchived: boolean): string {
    const { to } = this.#task;
    return isArchived && to.archive !== null ? to.archive : to.data;
  }

  /** UIDs that the target has a file for and the source no more, or that lie in another place now. */
  #goneUids(manifest: IndexView): { uid: number; root: string }[] {
    const gone: { uid: number; root: string }[] = [];
    for (let i = 0; i < manifest.count; i++) {
      if (manifest.isUnlinked(i)) continue;
      const uid = manifest.uid(i);
      const n = this.#wanted.find(uid);
      const root = this.#rootFor(manifest.isArchived(i));
      if (n < 0 || root !== this.#rootFor(this.#wanted.isArchived(n))) gone.push({ uid, root });
    }
    return gone;
  }

  #isPresent(n: number, manifest: IndexView | undefined): boolean {
    const wanted = this.#wanted;
    const uid = wanted.uid(n);
    if (this.#task.checkContent && this.#isFirst) return this.#matchesContent(n);
    const at = manifest ? manifest.find(uid) : -1;
    if (!manifest || at < 0 || manifest.isUnlinked(at)) return false;
    const guid = wanted.guidHex(n);
    if (this.#rootFor(manifest.isArchived(at)) !== this.#rootFor(wanted.isArchived(n))) return false;
    if (guid === '' && manifest.uidvalidity !== this.#read.index.uidvalidity) return this.#matchesContent(n);
    if (guid !== '' && !manifest.guidIsZero(at) && manifest.guidHex(at) !== guid) return false;
    // A record whose size was wrong has the file's size on the target: then the file decides.
    if (manifest.size(at) !== wanted.size(n) && (guid === '' || manifest.guidIsZero(at)))
      return this.#matchesContent(n);
    if (this.#task.full && this.#isFirst) {
      const stat = this.#targetDir(this.#rootFor(wanted.isArchived(n))).stat(messageFileName(uid));
      if (stat?.kind !== 'file' || stat.sizeBytes !== manifest.size(at)) return false;
      if (stat.mtimeNs / 1_000_000_000n !== BigInt(wanted.internalDate(n))) return false;
    }
    if (guid === '') {
      if (!manifest.hasGuids) return !this.#isRewritten; // 2.3.9 and older, left in that version
      if (manifest.guidIsZero(at)) return false;
      this.#contents.set(n, Buffer.from(manifest.guidHex(at), 'hex'), manifest.size(at));
    }
    return true;
  }

  /** Reads the target's file, and the source's where no GUID says what it must be. */
  #matchesContent(n: number): boolean {
    const name = messageFileName(this.#wanted.uid(n));
    const { to } = this.#task;
    const root = this.#rootFor(this.#wanted.isArchived(n));
    const have = hashFile(() => this.#context.target.root(root).reader.openFile(`${to.relative}/${name}`));
    if (!have) return false;
    let want = this.#wanted.guidHex(n);
    if (want === '') {
      const dir = this.#dirOf(n, name);
      const original = dir && hashFile(() => dir.openFile(name));
      if (!original) return false;
      want = original.guid.toString('hex');
    }
    if (have.guid.toString('hex') !== want) return false;
    this.#targetDir(root).setTimes(name, this.#wanted.internalDate(n));
    this.#contents.set(n, have.guid, have.sizeBytes);
    this.#keepAnchor(n, name);
    return true;
  }

  #keepAnchor(n: number, name: string): void {
    const dir = this.#dirOf(n, name);
    const nlink = dir?.stat(name)?.nlink ?? 0;
    if (!dir || nlink < 2) return;
    const { fd, stat } = dir.openMessage(name);
    closeSync(fd);
    this.#anchorsOf(n).keepAnchor(stat);
  }

  /** Whether a link to an anchor of a pass that died has the content of the source. */
  #isRightLink(n: number, name: string, root: string): boolean {
    const { to } = this.#task;
    const have = hashFile(() => this.#context.target.root(root).reader.openFile(`${to.relative}/${name}`));
    const dir = this.#dirOf(n, name);
    const want = this.#wanted.guidHex(n) || (dir && hashFile(() => dir.openFile(name))?.guid.toString('hex'));
    return have?.guid.toString('hex') === want;
  }

  /** Where the source keeps it: by its ARCHIVED flag, else in the other place (reference 3.4). */
  #dirOf(n: number, name: string): SourceDir | undefined {
    const { data, archive } = this.#sourceDirs;
    const [first, second] = this.#wanted.isArchived(n) && archive ? [archive, data] : [data, archive];
    if (first?.stat(name)) return first;
    return second?.stat(name) ? second : first;
  }

  /** What is copied where nothing is there yet. */
  #toCome(): MessagesToCome {
    const wanted = this.#wanted;
    return {
      count: wanted.count,
      size: (n) => wanted.size(n),
      name: (n) => messageFileName(wanted.uid(n)),
      dir: (n) => this.#usualDir(n),
    };
  }

  #copyMessages(manifest: IndexView | undefined): void {
    const { readAhead } = this.#context;
    const toCome = manifest || this.#task.checkContent ? undefined : this.#toCome();
    if (toCome) readAhead.beginMailbox();
    for (let n = 0; n < this.#wanted.count; n++) {
      if (this.#isPresent(n, manifest)) {
        this.#counts.present++;
        continue;
      }
      if (toCome) readAhead.before(n, toCome);
      this.#copyOne(n);
      if (toCome) readAhead.after(n);
      if (n % TELL_EVERY === TELL_EVERY - 1) {
        const { copied, bytesCopied } = this.#counts;
        this.#context.onProgress({ id: this.#task.id, copied, bytesCopied });
      }
    }
  }

  /** For the message that is being copied; asked only of files with other links. */
  readonly #links = {
    n: 0,
    linkInstead: (stat: Stats): boolean => {
      const { n } = this.#links;
      if (!this.#anchorsOf(n).linkInstead(stat)) return false;
      const name = messageFileName(this.#wanted.uid(n));
      return !this.#task.verifyLinks || this.#isRightLink(n, name, this.#rootFor(this.#wanted.isArchived(n)));
    },
    afterCopy: (stat: Stats): void => this.#anchorsOf(this.#links.n).afterCopy(stat),
  };

  #anchorsOf(n: number) {
    const wanted = this.#wanted;
    const root = this.#rootFor(wanted.isArchived(n));
    const [target, name] = [this.#context.target.root(root), messageFileName(wanted.uid(n))];
    return this.#context.anchors.for(target, this.#targetDir(root), name, wanted.guidHex(n), wanted.internalDate(n));
  }

  /** Where its record says that it is. */
  #usualDir(n: number): SourceDir | undefined {
    const { data, archive } = this.#sourceDirs;
    return this.#wanted.isArchived(n) && archive ? archive : data;
  }

  #copyOne(n: number): void {
    const wanted = this.#wanted;
    const uid = wanted.uid(n);
    const name = messageFileName(uid);
    const root = this.#rootFor(wanted.isArchived(n));
    const usual = this.#usualDir(n);
    this.#context.throttle?.take(wanted.size(n), 1);
    const to = this.#targetDir(root);
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
      this.#missing.push(uid);
      return;
    }
    this.#wrote(root, name);
    if (copied.guid || copied.sizeBytes !== wanted.size(n)) this.#contents.set(n, copied.guid, copied.sizeBytes);
    if (copied.sizeBytes !== wanted.size(n)) {
      this.#problems.push({
        code: 'message-size-differs',
        message: `UID ${uid} has ${copied.sizeBytes} bytes, its index record says ${wanted.size(n)}`,
        advice: 'Compare it with a backup; it was copied as it is.',
        mailbox: this.#task.name,
        stays: true,
      });
    }
    if (copied.linked) {
      this.#counts.linked++;
      this.#counts.bytesLinked += copied.sizeBytes;
    } else {
      this.#counts.copied++;
      this.#counts.bytesCopied += copied.sizeBytes;
    }
  }

  #put(root: string, name: string, bytes: Uint8Array): void {
    this.#context.throttle?.take(bytes.length, 0);
    this.#targetDir(root).put(name, bytes);
    this.#wrote(root, name);
  }

  /** Annotations, caches, header, and last the index, each by temporary name and rename. */
  #writeMeta(): void {
    const { to, header: form } = this.#task;
    const { header, annotations } = this.#read;
    const { recordedId } = this.#task;
    if (recordedId !== undefined && header.uniqueid !== undefined && header.uniqueid !== recordedId) {
      this.#problems.push({
        code: 'uniqueid-differs',
        message: `cyrus.header says uniqueid ${header.uniqueid}, mailboxes.db ${recordedId}; the target has ${form.uniqueid} in both`,
        advice: 'Nothing to do: it is mended on the target.',
        mailbox: this.#task.name,
        stays: true,
      });
    }
    const carried = annotations && this.#carried(annotations);
    if (annotations) this.#put(to.meta.annotations, 'cyrus.annotations', carried?.bytes ?? annotations);
    const headerFile = targetHeader(form, header.flags);
    const bytes = this.#isRewritten ? this.#converted(headerFile, this.#readCaches()) : this.#patched(headerFile);
    // few deliveries change it; each file that is replaced is flushed by the file system there and then
    const isThere = this.#headerThere?.equals(headerFile) === true && !this.#task.full && !this.#task.checkContent;
    if (!isThere) this.#put(to.meta.header, 'cyrus.header', headerFile);
    this.#put(to.meta.index, 'cyrus.index', this.#raised(bytes, annotations ? carried : NO_ANNOTATIONS));
  }

  #carried(bytes: Buffer): CarriedAnnotations | undefined {
    const { from, annotations } = this.#task;
    const file = `${from.meta.annotations}/${from.relative}/cyrus.annotations`;
    return carryAnnotations(bytes, file, annotations, this.#context.nowSec());
  }

  /** Both caches of the source, where their generation is that of the index. */
  #readCaches(): Caches {
    const { meta } = this.#task.from;
    const { index } = this.#read;
    const fitting = (root: string) => {
      const cache = readFile(this.#context.source, root, this.#task.from.relative, 'cyrus.cache');
      return cache && cacheGeneration(cache) === index.generation ? cache : undefined;
    };
    const spool = fitting(meta.cache);
    const oneFile = meta.cache === meta.archivecache;
    return { spool, archive: this.#hasArchived() ? (oneFile ? spool : fitting(meta.archivecache)) : undefined };
  }

  #hasArchived(): boolean {
    const { index } = this.#read;
    for (let i = 0; i < index.count; i++) if (index.isArchived(i)) return true;
    return false;
  }

  /** A cache that stays as it is, in pieces: it may be longer than all else of a mailbox. */
  #copyCache(fromRoot: string, toRoot: string): void {
    const { relative } = this.#task.from;
    const fd = this.#context.source.root(fromRoot)?.tryOpenFile(`${relative}/cyrus.cache`);
    if (fd === undefined) return;
    try {
      const isOfIndex = (begin: Buffer) => cacheGeneration(begin) === this.#read.index.generation;
      const bytes = this.#targetDir(toRoot).copyFrom('cyrus.cache', fd, isOfIndex);
      if (bytes === undefined) return;
      this.#context.throttle?.take(bytes, 0);
      this.#wrote(toRoot, 'cyrus.cache');
    } finally {
      closeSync(fd);
    }
  }

  #patched(headerFile: Buffer): Buffer {
    const { from, to } = this.#task;
    const { header, index } = this.#read;
    const sourceOneFile = from.meta.cache === from.meta.archivecache;
    const targetOneFile = to.meta.cache === to.meta.archivecache;
    let cacheOf: ((i: number) => { offset: number; crc: number } | null) | undefined;
    const hasArchived = this.#hasArchived();
    if (!hasArchived || sourceOneFile === targetOneFile) {
      this.#copyCache(from.meta.cache, to.meta.cache);
      if (hasArchived && !targetOneFile) this.#copyCache(from.meta.archivecache, to.meta.archivecache);
    } else if (targetOneFile) {
      const merged = buildCache(index, this.#readCaches(), index.generation);
      this.#put(to.meta.cache, 'cyrus.cache', merged.cache);
      cacheOf = merged.placeOf;
    } else {
      const caches = this.#readCaches();
      const spool = buildCache(index, caches, index.generation, (i) => !index.isArchived(i));
      const archive = buildCache(index, caches, index.generation, (i) => index.isArchived(i));
      this.#put(to.meta.cache, 'cyrus.cache', spool.cache);
      this.#put(to.meta.archivecache, 'cyrus.cache', archive.cache);
      cacheOf = (i) => (index.isArchived(i) ? archive : spool).placeOf(i);
    }
    return patchIndex(index, {
      inPlace: true, // after it no more than UIDs is asked of what was read
      headerFileCrc: crc32(headerFile),
      zeros: { uidvalidity: this.#context.nowSec() },
      // asked for each record, and sync_crc is counted anew: only where some were found
      guidOf: this.#contents.fillsGaps ? (uid) => this.#contents.guidOf(uid) : undefined,
      userFlags: header.flags,
      cacheOf,
      // the flag says where the file lies: reconstruct would take it off ("Marking file as not archived")
      isArchived: this.#task.archives ? undefined : () => false,
    });
  }

  /**
   * In the version that the job asks for, and with what 3.0 and older count otherwise as the target's server does; so
   * too where the owner's annotations have become fewer.
   * @param carried Undefined where the annotations can't be read.
   */
  #raised(bytes: Buffer, carried: Pick<CarriedAnnotations, 'listed' | 'hidden'> | undefined): Buffer {
    const { raiseTo, countsAnnotations } = this.#task.indexes;
    const { index } = this.#read;
    const isRaised = bytes.readUInt32BE(8) < raiseTo;
    const raised = isRaised ? upgradeIndex(readIndex(bytes, index.file), raiseTo, this.#context.nowSec()) : bytes;
    if (!carried || raised.readUInt32BE(8) < 13) return raised;
    const { listed, hidden } = carried;
    if (hidden.length === 0 && (index.minorVersion > 13 || !countsAnnotations)) return raised;
    const view = readIndex(raised, index.file);
    const isCountedAnew = isRaised && index.minorVersion < 13;
    const fewer = Math.max(0, view.quotaAnnotUsed - countedBytes(view, hidden));
    return patchIndex(view, {
      inPlace: true, // made a moment ago, by ourselves
      syncCrcAnnot: syncCrcAnnot(view, listed),
      quotaAnnotUsed: isCountedAnew ? this.#task.annotationBytes + countedBytes(view, listed) : fewer,
    });
  }

  #converted(headerFile: Buffer, caches: Caches): Buffer {
    const { to } = this.#task;
    const { header, index, expunge } = this.#read;
    const ownerSeen = (index.options & IndexOption.sharedSeen) !== 0 ? this.#task.anyoneSeen : this.#task.ownerSeen;
    if (caches.spool) this.#put(to.meta.cache, 'cyrus.cache', caches.spool);
    const seen = ownerSeen && UidSet.parse(ownerSeen.uids, 'seen');
    const { index: bytes, problems } = convertIndex({
      index,
      expunge,
      userFlags: header.flags,
      guidOf: (uid) => this.#contents.guidOf(uid),
      sizeOf: (uid) => this.#contents.sizeOf(uid),
      cache: caches.spool,
      cacheGeneration: index.generation,
      ownerSeen:
        ownerSeen && seen
          ? {
              lastUid: ownerSeen.lastUid,
              lastChangeSec: ownerSeen.lastChangeSec,
              contains: (uid) => seen.contains(uid),
            }
          : undefined,
      headerFileCrc: crc32(headerFile),
      nowSec: this.#context.nowSec(),
    });
    for (const { code, uids } of problems) {
      if (!CONVERSION_DAMAGE.has(code)) continue;
      this.#problems.push({
        code: `index-${code}`,
        message: `${code.replaceAll('-', ' ')}, UIDs ${UidSet.of(uids)}: the file's own is on the target`,
        advice: 'Compare the message with a backup.',
        mailbox: this.#task.name,
        stays: true,
      });
    }
    return bytes;
  }

  #removeMessages(gone: readonly { uid: number; root: string }[], manifest: IndexView | undefined): void {
    if (!manifest) return;
    for (const { uid, root } of gone) if (this.#targetDir(root).remove(messageFileName(uid))) this.#counts.removed++;
  }

  /** After a crash: message files that no record names would come back as mail at the next reconstruct. */
  #removeStrays(): void {
    const { to } = this.#task;
    for (const root of new Set([to.data, ...(to.archive === null ? [] : [to.archive])])) {
      const dir = this.#context.target.root(root).dir(to.relative);
      if (!dir) continue;
      for (const name of dir.list()) {
        const uid = parseMessageFileName(name);
        const n = uid === undefined ? -1 : this.#wanted.find(uid);
        const isStray =
          uid === undefined
            ? name.endsWith('.cyrsync-new')
            : n < 0 || this.#rootFor(this.#wanted.isArchived(n)) !== root;
        if (isStray && dir.remove(name) && uid !== undefined) this.#counts.removed++;
      }
      dir.close();
    }
  }
}
