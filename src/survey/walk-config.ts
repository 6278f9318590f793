/**
 * The configdirectory: files of users and quota roots each have one path where the server looks, computed from the name;
 * what lies elsewhere is left. A user without INBOX may log in all the same (administrators,
 * readers of shared mailboxes, `anyone`), so the files of an unknown user in the right place are live unless
 * mailboxes.db says that the user is gone. Everything else below the configdirectory is the server's own.
 *
 * Nothing of it is remembered: the files are written in place, so only a stat of each tells its length (where lengths are
 * asked for), and the directories themselves are few.
 */

import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { ConfigKinds } from '../cyrus/layout/config-files.js';
import { type ConfigFile, parseConfigPath, quotaDirectory, quotaFile, userFile } from '../cyrus/layout/config-paths.js';
import {
  asInternalName,
  inboxOf,
  isInbox,
  toExternal,
  toUserid,
  type User,
  userOf,
} from '../cyrus/names/mailbox-name.js';
import type { SourceRoot } from '../disk/source.js';
import type { Counts, LiveClass } from '../model/account.js';
import type { ConfigFileFacts, Facts } from './classify.js';
import { filePart, otherPart, plainFinding } from './finding.js';
import type { LiveMailbox } from './live-mailboxes.js';
import { UNFINISHED } from './place.js';
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
}

/** Where the server looks for what belongs to a user. */
export function homeOf(
  { live, job }: WalkContext,
  user: User,
): { inbox: LiveMailbox | undefined; byId: string | undefined; isGone: boolean } {
  const name = inboxOf(user);
  const inbox = live.named(name);
  const hasMailbox = inbox !== undefined || [...live.ofOwner(name)].some((mailbox) => !mailbox.deleted);
  const isAdmin = job.source.conf.admins.includes(toUserid(user));
  return {
    inbox,
    byId: inbox && !inbox.place.legacy ? inbox.uniqueid : undefined,
    isGone: !hasMailbox && !isAdmin && live.records.get(name) === 'tombstone',
  };
}

/** @param computed Where the server looks, below the root; undefined: nowhere any more. */
export function misplaced(
  root: SourceRoot,
  kind: ConfigFileFacts['kind'],
  of: string,
  computed: string | undefined,
  why: ConfigFileFacts['why'],
): Facts {
  return {
    kind,
    of,
    computed: computed === undefined ? undefined : `${root.path}/${computed}`,
    computedExists: computed !== undefined && root.stat(computed) !== undefined,
    why,
  };
}

function inboxUser({ name }: LiveMailbox, conf: CyrusConf): string {
  const user = userOf(name, conf);
  return user ? toUserid(user) : toExternal(name, conf);
}

/** The INBOX, live or deleted, that has this uniqueid. */
export function inboxById({ live, job }: WalkContext, uniqueid: string): LiveMailbox | undefined {
  const mailbox = live.withUniqueid(uniqueid);
  if (!mailbox) return undefined;
  return mailbox.deleted || isInbox(mailbox.name, job.source.conf) ? mailbox : undefined;
}

class ConfigWalk {
  readonly #context: WalkContext;
  readonly #root: SourceRoot;
  readonly #counts: Counts;
  readonly #trees: readonly ('user' | 'quota')[];
  readonly #kinds: ConfigKinds;

  /** @param trees Which of the two kinds lie below this root; all else is the server's. */
  constructor(context: WalkContext, root: SourceRoot, counts: Counts, trees: readonly ('user' | 'quota')[]) {
    this.#context = context;
    this.#root = root;
    this.#counts = counts;
    this.#trees = trees;
    this.#kinds = new ConfigKinds(context.job.source.conf);
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
        const facts = tree === undefined ? this.#serverFile(at) : this.#factsOf(at, parseConfigPath(at));
        const bytes = facts || this.#context.account ? (this.#root.stat(at)?.sizeBytes ?? 0) : 0;
        addFile(this.#counts, bytes);
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

  /** Undefined for what the cutover's list has a row for. */
  #serverFile(relative: string): Facts | undefined {
    return (this.#kinds.of(relative) ?? this.#kinds.below(relative))
      ? undefined
      : { kind: 'foreign', what: 'nothing that Cyrus keeps in its configdirectory' };
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
    if (!this.#kinds.of(relative)) return { kind: 'foreign', what: `Cyrus keeps no .${suffix} of a user` };
    const { byId, isGone } = homeOf(this.#context, user);
    const computed = userFile(this.#context.job.source.conf, user, suffix, byId);
    if (isGone) return misplaced(this.#root, 'user-file', toUserid(user), undefined, 'gone');
    if (computed === relative) return undefined;
    return misplaced(this.#root, 'user-file', toUserid(user), computed, byId === undefined ? 'bucket' : 'by-uniqueid');
  }

  #userFileById(relative: string, uniqueid: string, suffix: string): Facts | undefined {
    if (suffix === 'NEW') return UNFINISHED;
    const { conf } = this.#context.job.source;
    const inbox = inboxById(this.#context, uniqueid);
    if (!inbox) return misplaced(this.#root, 'user-file', `of uniqueid ${uniqueid}`, undefined, 'gone');
    const computed = userFile(conf, { localpart: '' }, suffix, uniqueid);
    return computed === relative
      ? undefined
      : misplaced(this.#root, 'user-file', inboxUser(inbox, conf), computed, 'bucket');
  }

  #quotaFile(relative: string, root: string, isUnfinishedName: boolean): Facts | undefined {
    const { conf } = this.#context.job.source;
    if (isUnfinishedName && !this.#context.live.named(root)) return UNFINISHED;
    const of = toExternal(asInternalName(root), conf);
    if (conf.databases.quota.backend !== 'quotalegacy')
      return misplaced(this.#root, 'quota-file', of, undefined, 'backend');
    const computed = quotaFile(conf, root);
    return computed === relative ? undefined : misplaced(this.#root, 'quota-file', of, computed, 'bucket');
  }
}

const LIVE: Readonly<Record<'user' | 'quota' | 'none', LiveClass>> = {
  user: 'user-file',
  quota: 'quota-root',
  none: 'server',
};
