/**
 * The configdirectory and the scripts: files of users and quota roots each have one path where the server looks,
 * computed from the name; what lies elsewhere is left. A user without INBOX may log in all the same (administrators,
 * readers of shared mailboxes, `anyone`), so the files of an unknown user in the right place are live unless
 * mailboxes.db says that the user is gone. Everything else below the configdirectory is the server's own.
 */
import {
  type ConfigFile,
  parseConfigPath,
  parseSieveDirPath,
  quotaDirectory,
  quotaFile,
  sieveDir,
  userFile,
} from '../cyrus/layout/config-paths.js';
import { asInternalName, inboxOf, isInbox, toExternal, toUserid, type User } from '../cyrus/names/mailbox-name.js';
import type { SourceEntry, SourceRoot } from '../disk/source.js';
import type { Counts, LiveClass } from '../model/account.js';
import type { Facts } from './classify.js';
import { filePart, otherPart, plainFinding } from './finding.js';
import type { LiveMailbox } from './live-mailboxes.js';
import { isUnfinished, UNFINISHED } from './place.js';
import { addFile, entriesOf, join, oddKind, type WalkContext } from './walk-context.js';

export function walkConfig(context: WalkContext): void {
  const { conf } = context.job.source;
  const root = context.trees.root(conf.configDirectory);
  const quotaPath = quotaDirectory(conf);
  const ownQuota = quotaPath !== conf.configDirectory;
  if (root) {
    const counts = context.ledger.root('config', conf.configDirectory);
    new ConfigWalk(context, root, counts, ownQuota ? ['user'] : ['user', 'quota']).visit('');
  }
  const quota = ownQuota ? context.trees.root(quotaPath) : undefined;
  if (quota) {
    const walk = new ConfigWalk(context, quota, context.ledger.root('quota', quotaPath), ['quota']);
    for (const top of ['quota', 'domain']) walk.visit(top);
  }
  const sieve = conf.sieveUseHomedir || conf.sieveDir === '' ? undefined : context.trees.root(conf.sieveDir);
  if (sieve && context.roots.canonical.get(conf.sieveDir) === conf.sieveDir)
    new SieveWalk(context, sieve, context.ledger.root('sieve', conf.sieveDir)).visit('');
}

/** Where the server looks for what belongs to a user. */
export function homeOf(
  { live, job }: WalkContext,
  user: User,
): { inbox: LiveMailbox | undefined; byId: string | undefined; isGone: boolean } {
  const name = inboxOf(user);
  const inbox = live.byName.get(name);
  const hasMailbox = inbox !== undefined || (live.byOwner.get(name)?.some((mailbox) => !mailbox.deleted) ?? false);
  const isAdmin = job.source.conf.admins.includes(toUserid(user));
  return {
    inbox,
    byId: inbox && !inbox.place.legacy ? inbox.uniqueid : undefined,
    isGone: !hasMailbox && !isAdmin && live.records.get(name) === 'tombstone',
  };
}

/** The user whose INBOX, live or deleted, has this uniqueid. */
export function inboxById({ live, job }: WalkContext, uniqueid: string): LiveMailbox | undefined {
  const mailbox = live.byUniqueid.get(uniqueid);
  if (!mailbox) return undefined;
  return mailbox.deleted || isInbox(mailbox.name, job.source.conf) ? mailbox : undefined;
}

class ConfigWalk {
  readonly #context: WalkContext;
  readonly #root: SourceRoot;
  readonly #counts: Counts;
  readonly #trees: readonly ('user' | 'quota')[];

  /** @param trees Which of the two kinds lie below this root; all else is the server's. */
  constructor(context: WalkContext, root: SourceRoot, counts: Counts, trees: readonly ('user' | 'quota')[]) {
    this.#context = context;
    this.#root = root;
    this.#counts = counts;
    this.#trees = trees;
  }

  visit(relative: string): void {
    const entries = entriesOf(this.#context, this.#root, relative);
    if (!entries) return;
    this.#counts.directories++;
    const tree = this.#treeOf(relative);
    for (const { name, kind } of entries) {
      const at = join(relative, name);
      const path = join(this.#root.path, at);
      if (kind === 'directory') {
        if (!this.#context.roots.isRoot(path, this.#root.stat(at))) this.visit(at);
      } else if (kind === 'file') {
        const bytes = this.#root.stat(at)?.sizeBytes ?? 0;
        addFile(this.#counts, bytes);
        const facts = tree === undefined ? undefined : this.#factsOf(at, parseConfigPath(at));
        if (facts) this.#context.found(plainFinding(facts, [filePart(path, bytes)]));
        else this.#context.ledger.add(LIVE[tree ?? 'none'], { files: 1, bytes });
      } else if (tree !== undefined) {
        this.#context.found(plainFinding(oddKind(kind), [otherPart(path)]));
      }
    }
  }

  /** `user/…`, `domain/H/DOMAIN/user/…`; undefined for what is the server's. */
  #treeOf(relative: string): 'user' | 'quota' | undefined {
    const parts = relative.split('/');
    const top = parts[0] === 'domain' ? parts[3] : parts[0];
    return this.#trees.find((tree) => tree === top);
  }

  /** Undefined for what is in use. */
  #factsOf(relative: string, file: ConfigFile | undefined): Facts | undefined {
    if (!file) return { kind: 'foreign', what: 'nothing that Cyrus keeps for a user or quota root' };
    switch (file.kind) {
      case 'user':
        return this.#userFile(relative, file.user, file.suffix);
      case 'user-by-id':
        return this.#userFileById(relative, file.uniqueid, file.suffix);
      case 'quota':
        return this.#quotaFile(relative, file.root, file.unfinished);
      default:
        return file satisfies never;
    }
  }

  #userFile(relative: string, user: User, suffix: string): Facts | undefined {
    if (suffix === 'NEW') return UNFINISHED;
    const { byId, isGone } = homeOf(this.#context, user);
    const computed = userFile(this.#context.job.source.conf, user, suffix, byId);
    if (isGone) return this.#stale('user-file', toUserid(user), undefined, 'gone');
    if (computed === relative) return undefined;
    return this.#stale('user-file', toUserid(user), computed, byId === undefined ? 'bucket' : 'by-uniqueid');
  }

  #userFileById(relative: string, uniqueid: string, suffix: string): Facts | undefined {
    const { conf } = this.#context.job.source;
    const inbox = inboxById(this.#context, uniqueid);
    if (!inbox) return this.#stale('user-file', `of uniqueid ${uniqueid}`, undefined, 'gone');
    const computed = userFile(conf, { localpart: '' }, suffix, uniqueid);
    return computed === relative
      ? undefined
      : this.#stale('user-file', toExternal(inbox.name, conf), computed, 'bucket');
  }

  #quotaFile(relative: string, root: string, isUnfinishedName: boolean): Facts | undefined {
    const { conf } = this.#context.job.source;
    if (isUnfinishedName && !this.#context.live.byName.has(root)) return UNFINISHED;
    const of = toExternal(asInternalName(root), conf);
    if (conf.databases.quota.backend !== 'quotalegacy') return this.#stale('quota-file', of, undefined, 'backend');
    const computed = quotaFile(conf, root);
    return computed === relative ? undefined : this.#stale('quota-file', of, computed, 'bucket');
  }

  #stale(
    kind: 'user-file' | 'quota-file',
    of: string,
    computed: string | undefined,
    why: 'bucket' | 'by-uniqueid' | 'gone' | 'backend',
  ): Facts {
    return {
      kind,
      of,
      computed: computed === undefined ? undefined : `${this.#root.path}/${computed}`,
      computedExists: computed !== undefined && this.#root.stat(computed) !== undefined,
      why,
    };
  }
}

const LIVE: Readonly<Record<'user' | 'quota' | 'none', LiveClass>> = {
  user: 'user-file',
  quota: 'quota-root',
  none: 'server',
};

type SievePlace = {
  readonly isLive: boolean;
  readonly of: string;
  readonly computed: string | undefined;
  readonly why: 'bucket' | 'by-uniqueid' | 'gone';
};

class SieveWalk {
  readonly #context: WalkContext;
  readonly #root: SourceRoot;
  readonly #counts: Counts;

  constructor(context: WalkContext, root: SourceRoot, counts: Counts) {
    this.#context = context;
    this.#root = root;
    this.#counts = counts;
  }

  visit(relative: string): void {
    const entries = entriesOf(this.#context, this.#root, relative);
    if (!entries) return;
    this.#counts.directories++;
    const place = relative === '' ? undefined : this.#placeOf(relative);
    const scripts: { name: string; kind: SourceEntry['kind']; bytes: number }[] = [];
    for (const { name, kind } of entries) {
      if (kind === 'directory') continue;
      const at = join(relative, name);
      const bytes = kind === 'file' ? (this.#root.stat(at)?.sizeBytes ?? 0) : 0;
      if (kind === 'file') addFile(this.#counts, bytes);
      const part = kind === 'file' ? filePart(join(this.#root.path, at), bytes) : otherPart(join(this.#root.path, at));
      if (kind === 'file' && isUnfinished(name)) this.#context.found(plainFinding(UNFINISHED, [part]));
      else if (!place) this.#context.found(plainFinding({ kind: 'foreign', what: 'no scripts are kept here' }, [part]));
      else scripts.push({ name, kind, bytes });
    }
    if (place?.isLive) {
      for (const { kind, bytes } of scripts)
        if (kind === 'file') this.#context.ledger.add('sieve', { files: 1, bytes });
    } else if (place) this.#stale(relative, place, scripts, entries.length === 0);
    for (const { name, kind } of entries) {
      const at = join(relative, name);
      if (kind === 'directory' && !this.#context.roots.isRoot(join(this.#root.path, at), this.#root.stat(at)))
        this.visit(at);
    }
  }

  #placeOf(relative: string): SievePlace | undefined {
    const { conf } = this.#context.job.source;
    const found = parseSieveDirPath(relative, conf);
    if (!found) return undefined;
    switch (found.kind) {
      case 'global':
        return { isLive: true, of: 'global', computed: undefined, why: 'bucket' };
      case 'user-by-id': {
        const inbox = inboxById(this.#context, found.uniqueid);
        return { isLive: inbox !== undefined, of: `of uniqueid ${found.uniqueid}`, computed: undefined, why: 'gone' };
      }
      case 'user': {
        const { byId, isGone } = homeOf(this.#context, found.user);
        const computed = sieveDir(conf, found.user, byId);
        const why = isGone ? 'gone' : byId !== undefined ? 'by-uniqueid' : 'bucket';
        return {
          isLive: computed === relative && !isGone,
          of: toUserid(found.user),
          computed: isGone ? undefined : computed,
          why,
        };
      }
      default:
        return found satisfies never;
    }
  }

  #stale(
    relative: string,
    { of, computed, why }: SievePlace,
    scripts: readonly { kind: SourceEntry['kind']; bytes: number }[],
    isEmpty: boolean,
  ): void {
    const files = scripts.filter(({ kind }) => kind === 'file');
    const part = {
      path: `${this.#root.path}/${relative}`,
      files: files.length,
      messages: 0,
      bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
      directories: 1,
    };
    if (isEmpty) this.#context.found(plainFinding({ kind: 'empty' }, [part]));
    if (scripts.length === 0) return;
    const facts: Facts = {
      kind: 'user-file',
      of,
      computed: computed === undefined ? undefined : `${this.#root.path}/${computed}`,
      computedExists: computed !== undefined && this.#root.stat(computed) !== undefined,
      why,
    };
    this.#context.found(plainFinding(facts, [part]));
  }
}
