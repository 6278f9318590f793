/**
 * All files of the source's configdirectory, each put where it belongs in the cutover's list: a kind of Cyrus's, what
 * lies where the old server no longer looks, or what is not Cyrus's at all. Nothing is in two, nothing in none.
 */
import { RefusedError } from '../base/errors.js';
import { mailboxRoots } from '../cyrus/conf/partitions.js';
import { ConfigKinds, type ConfigWhat } from '../cyrus/layout/config-files.js';
import { parseConfigPath, quotaDirectory, quotaFile, sharedFile, userFile } from '../cyrus/layout/config-paths.js';
import type { User } from '../cyrus/names/mailbox-name.js';
import { databaseFile } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { ConfigReader } from './config-reader.js';
import type { FilesOwner, Migrated } from './migrated.js';

/** A live file of a user, or of what all share. */
export interface OwnedFile {
  readonly path: string;
  readonly suffix: string;
  /** Undefined: `shared.SUFFIX`, of the server or of a domain. */
  readonly user: User | undefined;
  readonly domain: string | undefined;
  /** Where the old server keeps it by uniqueid. */
  readonly byId: FilesOwner | undefined;
}

export interface ConfigCensus {
  /** Paths below the configdirectory by kind, but for those in `owned`; a directory that holds one kind ends in a slash. */
  readonly files: ReadonlyMap<ConfigWhat, readonly string[]>;
  /** Of users and of what all share, by kind. */
  readonly owned: ReadonlyMap<ConfigWhat, readonly OwnedFile[]>;
  /** Of users who do not come along. */
  readonly staying: readonly string[];
  /** Of a kind of Cyrus's, where this server does not look for it. */
  readonly stale: readonly string[];
  /** Of no kind. */
  readonly foreign: readonly string[];
}

export function takeCensus(job: Job, reader: ConfigReader, migrated: Migrated): ConfigCensus {
  const { conf } = job.source;
  const kinds = new ConfigKinds(conf);
  const roots = new Set([...conf.partitions.values()].flatMap((one) => [...mailboxRoots(one), ...one.search]));
  const files = new Map<ConfigWhat, string[]>();
  const owned = new Map<ConfigWhat, OwnedFile[]>();
  const staying: string[] = [];
  const stale: string[] = [];
  const foreign: string[] = [];
  const add = <T>(to: Map<ConfigWhat, T[]>, what: ConfigWhat, one: T) => {
    const list = to.get(what);
    if (list) list.push(one);
    else to.set(what, [one]);
  };

  const file = (path: string) => {
    // `proc` and its like may be links to a directory elsewhere
    const what = (kinds.of(path) ?? kinds.below(path))?.what as ConfigWhat | undefined;
    if (what === undefined) foreign.push(path);
    else if (what === 'quota') {
      if (isLiveQuota(job, path)) add(files, what, path);
      else stale.push(path);
    } else if (what.startsWith('user/')) {
      const found = ownedFile(job, migrated, path);
      if (found === 'stays') staying.push(path);
      else if (found) add(owned, what, found);
      else stale.push(path);
    } else if (isUnusedDatabase(job, path)) stale.push(path);
    else add(files, what, path);
  };
  const visit = (directory: string) => {
    for (const { name, kind } of reader.list(directory)) {
      const path = directory === '' ? name : `${directory}/${name}`;
      if (kind !== 'directory') {
        if (kind === 'link' && /^(?:user|quota|domain)(?:\/|$)/.test(path))
          refuseLink(`${conf.configDirectory}/${path}`);
        file(path);
        continue;
      }
      if (roots.has(`${conf.configDirectory}/${path}`)) continue;
      const whole = kinds.below(path)?.what as ConfigWhat | undefined;
      if (whole === undefined) visit(path);
      else add(files, whole, `${path}/`);
    }
  };
  visit('');
  return { files, owned, staying, stale, foreign };
}

/** Nothing is read through a link; and without these files nobody would find their mail read. */
function refuseLink(path: string): never {
  throw new RefusedError(
    `${path} is a symbolic link`,
    'below a directory of the source none is followed',
    'Mount what it leads to in its place (mount --bind), then run this again.',
    { code: 'config-link' },
  );
}

function isLiveQuota(job: Job, path: string): boolean {
  const { conf } = job.source;
  if (conf.databases.quota.backend !== 'quotalegacy') {
    const { dir, name } = databaseFile(conf, 'quota', 'quotas.db');
    return `${conf.configDirectory}/${path}` === `${dir}/${name}`;
  }
  const found = parseConfigPath(path);
  return (
    found?.kind === 'quota' && quotaDirectory(conf) === conf.configDirectory && quotaFile(conf, found.root) === path
  );
}

const DATABASES = [
  ['mailboxes', 'mailboxes.db'],
  ['annotations', 'annotations.db'],
  ['userdeny', 'user_deny.db'],
  ['duplicate', 'deliver.db'],
] as const;

/** One that lies in its usual place although `*_db_path` names another. */
function isUnusedDatabase({ source: { conf } }: Job, path: string): boolean {
  return DATABASES.some(([kind, name]) => name === path && conf.databases[kind].path !== undefined && !isAt(kind));
  function isAt(kind: (typeof DATABASES)[number][0]): boolean {
    return conf.databases[kind].path === `${conf.configDirectory}/${path}`;
  }
}

/** Undefined where the old server does not look there; `stays` of a user who does not come along. */
function ownedFile(job: Job, migrated: Migrated, path: string): OwnedFile | 'stays' | undefined {
  const { conf } = job.source;
  const shared = /^(?:domain\/[^/]+\/([^/]+)\/)?shared\.([^/.]+)$/.exec(path);
  if (shared) {
    const [, domain, suffix = ''] = shared;
    const isLive = sharedFile(conf, suffix, domain) === path;
    return isLive ? { path, suffix, user: undefined, domain, byId: undefined } : undefined;
  }
  const found = parseConfigPath(path);
  if (found?.kind === 'user') {
    const { user, suffix } = found;
    if (!migrated.takesUser(user)) return 'stays';
    const isLive = userFile(conf, user, suffix, migrated.sourceInboxUuid(user)) === path && !migrated.isGone(user);
    return isLive ? { path, suffix, user, domain: user.domain, byId: undefined } : undefined;
  }
  if (found?.kind !== 'user-by-id') return undefined;
  if (migrated.staysById(found.uniqueid)) return 'stays';
  if (userFile(conf, { localpart: '' }, found.suffix, found.uniqueid) !== path) return undefined;
  const byId = migrated.ownerById(found.uniqueid);
  return byId && { path, suffix: found.suffix, user: byId.user, domain: byId.user.domain, byId };
}
