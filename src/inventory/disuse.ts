/**
 * Whether a user has been at work since a given time, by what Cyrus leaves on disk. Conservative: any sign that is
 * newer counts, whoever gave it; what can't be read counts as used, and so does what others may have read unseen.
 *
 * | kind | sign |
 * | --- | --- |
 * | append | last append of an index, newest INTERNALDATE and save date of its records |
 * | seen | last SELECT of the owner in an index (2.4+); entries of the user's seen database, and of those whose ACL lets them read |
 * | login | last POP login in an index; mtime of the user's seen and dav databases |
 * | change | a mailbox made or deleted; mtime of scripts and of the subscriptions |
 *
 * No release records IMAP logins as such. What `cyr_expire`, `quota` or `squatter` write is no sign of anyone.
 */
import { CyrsyncError, FormatError } from '../base/errors.js';
import { sieveDir, userFile } from '../cyrus/layout/config-paths.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { type IndexHeader, readIndex, readIndexHeader } from '../cyrus/mailbox/index.js';
import { LONGEST_HEADER_BYTES } from '../cyrus/mailbox/index-layout.js';
import { deletedAtSec, toUserid, type User, userFromUserid } from '../cyrus/names/mailbox-name.js';
import { aclPairs } from '../cyrus/records/acl.js';
import type { MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { parseSeen } from '../cyrus/records/seen.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { USE_KINDS } from '../job/job-file.js';
import { placeOfEntry } from './listed-mailbox.js';
import { readSourceDatabase } from './read-mailboxes-db.js';

export type UseKind = (typeof USE_KINDS)[number];

export interface UseSign {
  readonly kind: UseKind;
  readonly atSec: number;
  /** Where it was seen. */
  readonly what: string;
}

export type Use =
  /** `newest` of each kind that was found, the newest first. */
  | { readonly kind: 'unused'; readonly signs: readonly UseSign[] }
  | { readonly kind: 'used'; readonly sign: UseSign }
  /** Nothing newer was seen, and yet it can't be called unused. */
  | { readonly kind: 'doubtful'; readonly why: string };

export interface DisuseRule {
  readonly limitSec: number;
  readonly kinds: ReadonlySet<UseKind>;
}

/**
 * @param entries The user's mailboxes, DELETED ones too.
 * @param inboxIdOf Uniqueid of a user's INBOX where it is stored by that.
 */
export function useOf(
  job: Job,
  trees: SourceTrees,
  user: User,
  entries: readonly MailboxEntry[],
  inboxIdOf: (user: User) => string | undefined,
  rule: DisuseRule,
): Use {
  const look = new Look(job, trees, user, entries, inboxIdOf, rule);
  try {
    look.mailboxes();
    look.ownFiles();
    look.readers();
    look.records(); // the dearest comes last, and mostly not at all
  } catch (error) {
    if (error instanceof StaysIn) return error.use;
    throw error;
  }
  return { kind: 'unused', signs: look.signs() };
}

/** Ends the look: the user stays in. */
class StaysIn extends Error {
  constructor(readonly use: Exclude<Use, { kind: 'unused' }>) {
    super(use.kind);
  }
}

class Look {
  readonly #newest = new Map<UseKind, UseSign>();

  constructor(
    readonly job: Job,
    readonly trees: SourceTrees,
    readonly user: User,
    readonly entries: readonly MailboxEntry[],
    readonly inboxIdOf: (user: User) => string | undefined,
    readonly rule: DisuseRule,
  ) {}

  signs(): UseSign[] {
    return [...this.#newest.values()].sort((a, b) => b.atSec - a.atSec);
  }

  /** @throws StaysIn where it is newer than the limit. */
  #see(kind: UseKind, atSec: number, what: string): void {
    if (atSec <= 0 || !this.rule.kinds.has(kind)) return;
    const sign = { kind, atSec, what };
    if (atSec >= this.rule.limitSec) throw new StaysIn({ kind: 'used', sign });
    if (atSec > (this.#newest.get(kind)?.atSec ?? 0)) this.#newest.set(kind, sign);
  }

  #doubt(why: string): never {
    throw new StaysIn({ kind: 'doubtful', why });
  }

  /** By the headers of their indexes. */
  mailboxes(): void {
    for (const entry of this.entries) {
      const deletedAt = deletedAtSec(entry.name, this.job.source.conf);
      if (deletedAt !== undefined) this.#see('change', deletedAt, `${entry.name} was deleted`);
      const { bytes, path } = this.#file('index', entry, LONGEST_HEADER_BYTES);
      const header: IndexHeader = this.#parse(() => readIndexHeader(bytes, path), entry);
      this.#see('append', header.lastAppend, `last append to ${entry.name}`);
      this.#see('seen', header.recentTime, `last SELECT of ${entry.name}`);
      this.#see('login', header.pop3LastLogin, `last POP login to ${entry.name}`);
      // The UIDVALIDITY of all releases is the time at which the mailbox was made, or a later one.
      this.#see('change', header.uidvalidity, `${entry.name} was made`);
    }
  }

  ownFiles(): void {
    const { conf } = this.job.source;
    const byId = this.inboxIdOf(this.user);
    const config = this.trees.root(conf.configDirectory);
    const mtimeOf = (suffix: string): number => seconds(config?.stat(userFile(conf, this.user, suffix, byId))?.mtimeNs);
    for (const suffix of ['seen', 'dav']) this.#see('login', mtimeOf(suffix), `its ${suffix} database was written`);
    this.#see('change', mtimeOf('sub'), 'its subscriptions were written');
    for (const { atSec } of this.#seenBy(this.user)) this.#see('seen', atSec, 'its seen database');
    if (conf.sieveUseHomedir || !this.rule.kinds.has('change')) return;
    const scripts = this.trees.root(conf.sieveDir);
    const relative = sieveDir(conf, this.user, byId);
    const dir = scripts?.dir(relative);
    if (!dir) return;
    this.#see('change', seconds(scripts?.stat(relative)?.mtimeNs), 'its scripts were changed');
    try {
      for (const { name } of dir.list()) this.#see('change', seconds(dir.stat(name)?.mtimeNs), `its script ${name}`);
    } finally {
      dir.close();
    }
  }

  /** Others whom the ACL lets read: a mailbox of many is in use though its owner never logs in. */
  readers(): void {
    if (!this.rule.kinds.has('seen')) return;
    const { conf } = this.job.source;
    const own = toUserid(this.user);
    const read = new Map<string, Set<string>>();
    for (const entry of this.entries) {
      const { name } = entry;
      for (const [who, rights] of aclPairs(entry.acl)) {
        if (who === own || who.startsWith('-') || !rights.includes('r') || conf.admins.includes(who)) continue;
        if (/^(anyone|anonymous|group:.*)$/.test(who)) this.#doubt(`${who} may read ${name}, which leaves no sign`);
        const ids = read.get(who) ?? new Set();
        ids.add(entry.uniqueid ?? this.#headerId(entry));
        read.set(who, ids);
      }
    }
    for (const [who, ids] of read)
      for (const { id, atSec } of this.#seenBy(userFromUserid(who, conf)))
        if (ids.has(id)) this.#see('seen', atSec, `${who} looked into it`);
  }

  /** By each record of the indexes: a header may be older than what it stands for. */
  records(): void {
    if (!this.rule.kinds.has('append')) return;
    for (const entry of this.entries) {
      const { bytes, path } = this.#file('index', entry);
      const index = this.#parse(() => readIndex(bytes, path), entry);
      for (let i = 0; i < index.count; i++) {
        const newest = Math.max(index.internalDate(i), index.saveDate(i));
        this.#see('append', newest, `INTERNALDATE of UID ${index.uid(i)} of ${entry.name}`);
      }
    }
  }

  /** @throws StaysIn where there is none. */
  #file(kind: 'index' | 'header', entry: MailboxEntry, length?: number): { bytes: Buffer; path: string } {
    const { conf } = this.job.source;
    const place = placeOfEntry(conf, entry);
    const root = place && this.trees.root(place.roots.meta[kind]);
    const file = place && `${place.relative}/cyrus.${kind}`;
    try {
      const bytes = file && (length === undefined ? root?.read(file) : root?.readStart(file, length));
      if (place && bytes) return { bytes, path: `${place.meta[kind]}/cyrus.${kind}` };
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
    return this.#doubt(`${entry.name} has no cyrus.${kind}`);
  }

  #parse<T>(read: () => T, { name }: MailboxEntry): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return this.#doubt(`${name} can't be read`);
    }
  }

  /** Of 2.x, where mailboxes.db has no uniqueids. */
  #headerId(entry: MailboxEntry): string {
    const { bytes, path } = this.#file('header', entry);
    const { uniqueid } = this.#parse(() => readMailboxHeader(bytes, path), entry);
    return uniqueid ?? this.#doubt(`${entry.name} has no uniqueid by which to find out who read it`);
  }

  /** @throws StaysIn where it can't be read */
  #seenBy(user: User): { id: string; atSec: number }[] {
    if (!this.rule.kinds.has('seen')) return [];
    const { conf } = this.job.source;
    const file = userFile(conf, user, 'seen', this.inboxIdOf(user));
    try {
      const entries = readSourceDatabase(this.trees.root(conf.configDirectory), file, conf.version) ?? [];
      return entries.map(({ key, value }) => {
        const { lastReadSec, lastChangeSec } = parseSeen(value, file);
        return { id: key, atSec: Math.max(lastReadSec, lastChangeSec) };
      });
    } catch (error) {
      const isRead = error instanceof FormatError || error instanceof CyrsyncError || errnoOf(error) !== undefined;
      if (!isRead) throw error;
      return this.#doubt(`the seen database of ${toUserid(user)} can't be read`);
    }
  }
}

function seconds(ns: bigint | undefined): number {
  return Number((ns ?? 0n) / 1_000_000_000n);
}
