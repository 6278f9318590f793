/** What lies beside the messages of a mailbox: its annotations, caches, cyrus.header and cyrus.index, in the target's form. */
import { closeSync } from 'node:fs';
import { crc32 } from '../base/crc32.js';
import { buildCache, type Caches, cacheGeneration } from '../cyrus/mailbox/cache.js';
import { type IndexView, readIndex } from '../cyrus/mailbox/index.js';
import { convertIndex } from '../cyrus/mailbox/index-convert.js';
import { IndexOption } from '../cyrus/mailbox/index-layout.js';
import { patchIndex } from '../cyrus/mailbox/index-patch.js';
import { upgradeIndex } from '../cyrus/mailbox/index-upgrade.js';
import { syncCrcAnnot } from '../cyrus/mailbox/sync-crc.js';
import type { Annotation } from '../cyrus/records/annotations.js';
import { UidSet } from '../cyrus/records/uid-set.js';
import type { MailboxWork } from './mailbox-work.js';
import { type CarriedAnnotations, carryAnnotations } from './message-annotations.js';
import { readFile } from './read-mailbox.js';
import { targetHeader } from './target-header.js';

/** What of a conversion is damage that the old server had; the rest is everyday. */
const CONVERSION_DAMAGE: ReadonlySet<string> = new Set(['guid-mismatch', 'size-mismatch', 'repeated-uid']);

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

export class MailboxMeta {
  readonly #work: MailboxWork;

  constructor(work: MailboxWork) {
    this.#work = work;
  }

  /**
   * Annotations, caches, header, and last the index, each by temporary name and rename.
   * @param headerThere The target's cyrus.header, where it was read.
   */
  write(headerThere: Buffer | undefined): void {
    const { task, target } = this.#work;
    const { to, header: form, recordedId } = task;
    const { header, annotations } = this.#work.read;
    if (recordedId !== undefined && header.uniqueid !== undefined && header.uniqueid !== recordedId) {
      this.#work.problems.push({
        code: 'uniqueid-differs',
        message: `cyrus.header says uniqueid ${header.uniqueid}, mailboxes.db ${recordedId}; the target has ${form.uniqueid} in both`,
        advice: 'Nothing to do: it is mended on the target.',
        mailbox: task.name,
        stays: true,
      });
    }
    const carried = annotations && this.#carried(annotations);
    if (annotations) target.put(to.meta.annotations, 'cyrus.annotations', carried?.bytes ?? annotations);
    const headerFile = targetHeader(form, header.flags);
    const bytes = this.#work.isRewritten ? this.#converted(headerFile, this.#readCaches()) : this.#patched(headerFile);
    // few deliveries change it; each file that is replaced is flushed by the file system there and then
    const isThere = headerThere?.equals(headerFile) === true && !task.full && !task.checkContent;
    if (!isThere) target.put(to.meta.header, 'cyrus.header', headerFile);
    target.put(to.meta.index, 'cyrus.index', this.#raised(bytes, annotations ? carried : NO_ANNOTATIONS));
  }

  #carried(bytes: Buffer): CarriedAnnotations | undefined {
    const { from, annotations } = this.#work.task;
    const file = `${from.meta.annotations}/${from.relative}/cyrus.annotations`;
    return carryAnnotations(bytes, file, annotations, this.#work.context.nowSec());
  }

  /** Both caches of the source, where their generation is that of the index. */
  #readCaches(): Caches {
    const { meta } = this.#work.task.from;
    const { index } = this.#work.read;
    const fitting = (root: string) => {
      const cache = readFile(this.#work.context.source, root, this.#work.task.from.relative, 'cyrus.cache');
      return cache && cacheGeneration(cache) === index.generation ? cache : undefined;
    };
    const spool = fitting(meta.cache);
    const oneFile = meta.cache === meta.archivecache;
    return { spool, archive: this.#hasArchived() ? (oneFile ? spool : fitting(meta.archivecache)) : undefined };
  }

  #hasArchived(): boolean {
    const { index } = this.#work.read;
    for (let i = 0; i < index.count; i++) if (index.isArchived(i)) return true;
    return false;
  }

  /** A cache that stays as it is, in pieces: it may be longer than all else of a mailbox. */
  #copyCache(fromRoot: string, toRoot: string): void {
    const { relative } = this.#work.task.from;
    const fd = this.#work.context.source.root(fromRoot)?.tryOpenFile(`${relative}/cyrus.cache`);
    if (fd === undefined) return;
    try {
      const isOfIndex = (begin: Buffer) => cacheGeneration(begin) === this.#work.read.index.generation;
      const bytes = this.#work.target.dir(toRoot).copyFrom('cyrus.cache', fd, isOfIndex);
      if (bytes === undefined) return;
      this.#work.context.throttle?.take(bytes, 0);
      this.#work.target.wrote(toRoot, 'cyrus.cache');
    } finally {
      closeSync(fd);
    }
  }

  #patched(headerFile: Buffer): Buffer {
    const { from, to } = this.#work.task;
    const { header, index } = this.#work.read;
    const sourceOneFile = from.meta.cache === from.meta.archivecache;
    const targetOneFile = to.meta.cache === to.meta.archivecache;
    let cacheOf: ((i: number) => { offset: number; crc: number } | null) | undefined;
    const hasArchived = this.#hasArchived();
    if (!hasArchived || sourceOneFile === targetOneFile) {
      this.#copyCache(from.meta.cache, to.meta.cache);
      if (hasArchived && !targetOneFile) this.#copyCache(from.meta.archivecache, to.meta.archivecache);
    } else if (targetOneFile) {
      const merged = buildCache(index, this.#readCaches(), index.generation);
      this.#work.target.put(to.meta.cache, 'cyrus.cache', merged.cache);
      cacheOf = merged.placeOf;
    } else {
      const caches = this.#readCaches();
      const spool = buildCache(index, caches, index.generation, (i) => !index.isArchived(i));
      const archive = buildCache(index, caches, index.generation, (i) => index.isArchived(i));
      this.#work.target.put(to.meta.cache, 'cyrus.cache', spool.cache);
      this.#work.target.put(to.meta.archivecache, 'cyrus.cache', archive.cache);
      cacheOf = (i) => (index.isArchived(i) ? archive : spool).placeOf(i);
    }
    return patchIndex(index, {
      inPlace: true, // nothing that it changes is asked of what was read after it
      headerFileCrc: crc32(headerFile),
      zeros: { uidvalidity: this.#work.context.nowSec() },
      // asked for each record, and sync_crc is counted anew: only where some were found
      guidOf: this.#work.contents.fillsGaps ? (uid) => this.#work.contents.guidOf(uid) : undefined,
      userFlags: header.flags,
      cacheOf,
      // the flag says where the file lies: reconstruct would take it off ("Marking file as not archived")
      isArchived: this.#work.task.archives ? undefined : () => false,
    });
  }

  /**
   * In the version that the job asks for, and with what 3.0 and older count otherwise as the target's server does; so
   * too where the owner's annotations have become fewer.
   * @param carried Undefined where the annotations can't be read.
   */
  #raised(bytes: Buffer, carried: Pick<CarriedAnnotations, 'listed' | 'hidden'> | undefined): Buffer {
    const { raiseTo, countsAnnotations } = this.#work.task.indexes;
    const { index } = this.#work.read;
    const isRaised = bytes.readUInt32BE(8) < raiseTo;
    const raised = isRaised ? upgradeIndex(readIndex(bytes, index.file), raiseTo, this.#work.context.nowSec()) : bytes;
    if (!carried || raised.readUInt32BE(8) < 13) return raised;
    const { listed, hidden } = carried;
    if (hidden.length === 0 && (index.minorVersion > 13 || !countsAnnotations)) return raised;
    const view = readIndex(raised, index.file);
    const isCountedAnew = isRaised && index.minorVersion < 13;
    const fewer = Math.max(0, view.quotaAnnotUsed - countedBytes(view, hidden));
    return patchIndex(view, {
      inPlace: true, // made a moment ago, by ourselves
      syncCrcAnnot: syncCrcAnnot(view, listed),
      quotaAnnotUsed: isCountedAnew ? this.#work.task.annotationBytes + countedBytes(view, listed) : fewer,
    });
  }

  #converted(headerFile: Buffer, caches: Caches): Buffer {
    const { to } = this.#work.task;
    const { header, index, expunge } = this.#work.read;
    const ownerSeen =
      (index.options & IndexOption.sharedSeen) !== 0 ? this.#work.task.anyoneSeen : this.#work.task.ownerSeen;
    if (caches.spool) this.#work.target.put(to.meta.cache, 'cyrus.cache', caches.spool);
    const seen = ownerSeen && UidSet.parse(ownerSeen.uids, 'seen');
    const { index: bytes, problems } = convertIndex({
      index,
      expunge,
      userFlags: header.flags,
      guidOf: (uid) => this.#work.contents.guidOf(uid),
      sizeOf: (uid) => this.#work.contents.sizeOf(uid),
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
      nowSec: this.#work.context.nowSec(),
    });
    for (const { code, uids } of problems) {
      if (!CONVERSION_DAMAGE.has(code)) continue;
      this.#work.problems.push({
        code: `index-${code}`,
        message: `${code.replaceAll('-', ' ')}, UIDs ${UidSet.of(uids)}: the file's own is on the target`,
        advice: 'Compare the message with a backup.',
        mailbox: this.#work.task.name,
        stays: true,
      });
    }
    return bytes;
  }
}
