/**
 * Files of users and quota roots, and scripts: each has one path where the server looks, computed from its name; what
 * lies elsewhere is left. A user without INBOX may log in all the same (administrators, readers of shared mailboxes,
 * `anyone`), so the files of an unknown user in the right place are live unless mailboxes.db says that the user is gone.
 * Everything else below the configdirectory is the server's own.
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
import { errnoOf } from '../disk/os-path.js';
import type { SourceDir, SourceEntry, SourceRoot } from '../disk/source.js';
import type { Facts } from './classify.js';
import { plainFinding } from './finding.js';
import type { LiveMailbox } from './live-mailboxes.js';
import type { WalkContext } from './walk-partition.js';

export function walkConfig(context: WalkContext): void {
  const { conf } = context.job.source;
  const root = context.trees.root(conf.configDirectory);
  if (root) {
    for (const top of ['user', 'domain']) new ConfigWalk(context, root, 'user').visit(top);
  }
  const quota = context.trees.root(quotaDirectory(conf));
  if (quota) {
    for (const top of ['quota', 'domain']) new ConfigWalk(context, quota, 'quota').visit(top);
  }
  const sieve = conf.sieveUseHomedir || conf.sieveDir === '' ? undefined : context.trees.root(conf.sieveDir);
  if (sieve) new SieveWalk(context, sieve).visit('');
}

/** Where the server looks for what belongs to a user. */
function homeOf(
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
function inboxById({ live, job }: WalkContext, uniqueid: string): LiveMailbox | undefined {
  const mailbox = live.byUniqueid.get(uniqueid);
  if (!mailbox) return undefined;
  return mailbox.deleted || isInbox(mailbox.name, job.source.conf) ? mailbox : undefined;
}

function entriesOf(context: WalkContext, root: SourceRoot, relative: string): SourceEntry[] {
  let dir: SourceDir | undefined;
  try {
    dir = root.dir(relative);
    return dir?.list() ?? [];
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    const what = `it can not be read: ${(error as Error).message}`;
    context.found(plainFinding({ kind: 'foreign', what }, [`${root.path}/${relative}`]));
    return [];
  } finally {
    dir?.close();
  }
}

const UNFINISHED: Facts = { kind: 'debris', what: 'unfinished-write' };

class ConfigWalk {
  readonly #context: WalkContext;
  readonly #root: SourceRoot;
  /** What is looked for; `domain/` holds both, below two directories that may not be the same. */
  readonly #kind: 'user' | 'quota';

  constructor(context: WalkContext, root: SourceRoot, kind: 'user' | 'quota') {
    this.#context = context;
    this.#root = root;
    this.#kind = kind;
  }

  visit(relative: string): void {
    for (const { name, kind } of entriesOf(this.#context, this.#root, relative)) {
      const at = `${relative}/${name}`;
      const path = `${this.#root.path}/${at}`;
      if (kind === 'directory') {
        // `domain/H/DOMAIN/` holds files of the server beside the two trees.
        const parts = at.split('/');
        if (parts[0] === 'domain' && parts.length === 4 && name !== this.#kind) continue;
        if (!this.#context.stops.has(path)) this.visit(at);
      } else if (relative.startsWith('domain/') && relative.split('/').length < 4) {
        // a file of the server for the domain
      } else if (kind === 'file') {
        const facts = this.#factsOf(at, parseConfigPath(at));
        const stat = facts && this.#root.stat(at);
        if (facts && stat) this.#context.found(plainFinding(facts, [path], { bytes: stat.sizeBytes }));
      } else {
        const what = kind === 'link' ? 'a symbolic link, which is not followed' : 'neither file nor directory';
        this.#context.found(plainFinding({ kind: 'foreign', what }, [path]));
      }
    }
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

  #quotaFile(relative: string, root: string, isUnfinished: boolean): Facts | undefined {
    const { conf } = this.#context.job.source;
    if (isUnfinished && !this.#context.live.byName.has(root)) return UNFINISHED;
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

class SieveWalk {
  readonly #context: WalkContext;
  readonly #root: SourceRoot;

  constructor(context: WalkContext, root: SourceRoot) {
    this.#context = context;
    this.#root = root;
  }

  visit(relative: string): void {
    const entries = entriesOf(this.#context, this.#root, relative);
    const below = (name: string) => (relative === '' ? name : `${relative}/${name}`);
    const place = relative === '' ? undefined : this.#placeOf(relative);
    const files = entries.filter(({ kind }) => kind !== 'directory');
    for (const { name, kind } of files) {
      if (kind === 'file' && name.endsWith('.NEW')) this.#file(below(name), UNFINISHED);
      else if (!place) this.#file(below(name), { kind: 'foreign', what: 'no scripts are kept here' });
    }
    const scripts = files.filter(({ name }) => !name.endsWith('.NEW'));
    if (place && !place.isLive) this.#stale(relative, place, scripts, entries.length === 0);
    for (const { name, kind } of entries) {
      if (kind === 'directory' && !this.#context.stops.has(`${this.#root.path}/${below(name)}`))
        this.visit(below(name));
    }
  }

  #placeOf(
    relative: string,
  ): { isLive: boolean; of: string; computed: string | undefined; why: 'bucket' | 'by-uniqueid' | 'gone' } | undefined {
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
    place: { of: string; computed: string | undefined; why: 'bucket' | 'by-uniqueid' | 'gone' },
    scripts: readonly SourceEntry[],
    isEmpty: boolean,
  ): void {
    const path = `${this.#root.path}/${relative}`;
    if (isEmpty) {
      this.#context.found(plainFinding({ kind: 'empty' }, [path], { areDirectories: true, files: 0 }));
      return;
    }
    if (scripts.length === 0) return;
    const { of, computed, why } = place;
    let bytes = 0;
    for (const { name } of scripts) bytes += this.#root.stat(`${relative}/${name}`)?.sizeBytes ?? 0;
    this.#context.found(
      plainFinding(
        {
          kind: 'user-file',
          of,
          computed: computed === undefined ? undefined : `${this.#root.path}/${computed}`,
          computedExists: computed !== undefined && this.#root.stat(computed) !== undefined,
          why,
        },
        [path],
        { areDirectories: true, files: scripts.length, bytes },
      ),
    );
  }

  #file(relative: string, facts: Facts): void {
    const stat = this.#root.stat(relative);
    if (stat) this.#context.found(plainFinding(facts, [`${this.#root.path}/${relative}`], { bytes: stat.sizeBytes }));
  }
}
