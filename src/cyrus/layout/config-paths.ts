/**
 * Where user files, quota roots and sieve scripts lie: always hashed, whatever hashimapspool says.
 * @see reference cyrus-names-and-databases.md 3.5
 */
import type { CyrusConf } from '../conf/cyrus-conf.js';
import { decodePart, encodePart, splitDomain, toUserid, type User, userFromUserid } from '../names/mailbox-name.js';
import { isAtLeast } from '../version.js';
import { hashChar } from './dir-hash.js';
import { uniqueidOfDir, uuidDir } from './mailbox-place.js';

/** The form of a user's name in file names: 2.x keeps `carol^smith`, 3.x says `carol.smith`. */
function fileNameOf(user: User, conf: CyrusConf): string {
  return isAtLeast(conf.version, '3.0') ? decodePart(user.localpart) : user.localpart;
}

/** `domain/o/one.example/`, or nothing without a domain. */
function domainPrefix(domain: string | undefined, full: boolean): string {
  return domain === undefined ? '' : `domain/${hashChar(domain, full)}/${domain}/`;
}

/** SQLite's rollback journal of a dav database: where it is left, the database is only whole together with it. */
export const DAV_JOURNAL = 'dav-journal';

/**
 * Path of a user's file, relative to the configdirectory.
 * @param inboxUuid Uniqueid of the INBOX where that is stored by uniqueid (3.6+), else undefined.
 */
export function userFile(conf: CyrusConf, user: User, suffix: string, inboxUuid?: string | undefined): string {
  if (inboxUuid !== undefined)
    return `user/${uuidDir(inboxUuid)}/${suffix === DAV_JOURNAL ? 'dav.db-journal' : `${suffix}.db`}`;
  const full = conf.configHashing === 'full';
  const name = fileNameOf(user, conf);
  return `${domainPrefix(user.domain, full)}user/${hashChar(name, full)}/${name}.${suffix}`;
}

/** `shared.<suffix>` of the server or of a domain (3.x), relative to the configdirectory. */
export function sharedFile(conf: CyrusConf, suffix: string, domain?: string | undefined): string {
  return `${domainPrefix(domain, conf.configHashing === 'full')}shared.${suffix}`;
}

/** The configdirectory, and wherever `*_db_path` puts a database that is more than a cache. */
export function databaseDirectories({ configDirectory, databases }: CyrusConf): string[] {
  const paths = [databases.mailboxes, databases.annotations, databases.quota, databases.userdeny].flatMap(
    ({ path }) => path ?? [],
  );
  return [...new Set([configDirectory, ...paths.map((path) => path.replace(/\/[^/]*$/, ''))])];
}

/** Where the paths of {@link quotaFile} begin: the configdirectory, or that of quota_db_path. */
export function quotaDirectory(conf: CyrusConf): string {
  const path = conf.databases.quota.path;
  return path === undefined ? conf.configDirectory : path.replace(/\/[^/]*$/, '');
}

/**
 * Path of a quota root's file, relative to {@link quotaDirectory}. The internal name is hashed, in all versions, and a
 * domain is one only with virtdomains, in all versions.
 * @see cyrus-imapd 3.6.1 lib/cyrusdb_quotalegacy.c hash_quota, name_to_hashchar
 */
export function quotaFile(conf: CyrusConf, root: string): string {
  const full = conf.configHashing === 'full';
  const { domain, rest } = conf.virtDomains === 'off' ? { rest: root } : splitDomain(root, conf);
  if (domain !== undefined && rest === '') return `${domainPrefix(domain, full)}quota/root`;
  const parts = rest.split('.');
  const hashed = parts.length > 1 ? rest.slice(rest.indexOf('.') + 1) : rest;
  return `${domainPrefix(domain, full)}quota/${hashChar(hashed, full)}/${rest}`;
}

/**
 * Directory of a user's scripts, relative to sievedir.
 * @see cyrus-imapd 3.6.1 imap/user.c user_sieve_path_byname: without virtdomains the domain stays in the name
 */
export function sieveDir(conf: CyrusConf, user: User, inboxUuid?: string | undefined): string {
  if (inboxUuid !== undefined) return uuidDir(inboxUuid);
  const full = conf.configHashing === 'full';
  if (conf.virtDomains === 'off') {
    const userid = isAtLeast(conf.version, '3.0') ? toUserid(user) : user.localpart;
    return `${hashChar(userid, full)}/${userid}`;
  }
  const name = fileNameOf(user, conf);
  return `${domainPrefix(user.domain, full)}${hashChar(name, full)}/${name}`;
}

export function globalSieveDir(conf: CyrusConf, domain?: string | undefined): string {
  return `${domainPrefix(domain, conf.configHashing === 'full')}global`;
}

/** What a file below the configdirectory is, by its path alone. The bucket it lies in may be the wrong one. */
export type ConfigFile =
  /** `suffix` is `NEW` of a file that is being written, whatever it will be. */
  | { readonly kind: 'user'; readonly user: User; readonly suffix: string; readonly path: string }
  | { readonly kind: 'user-by-id'; readonly uniqueid: string; readonly suffix: string; readonly path: string }
  /** `unfinished`: the name ends in `.NEW`, as that of a file being written does (or a mailbox called NEW has a root). */
  | { readonly kind: 'quota'; readonly root: string; readonly path: string; readonly unfinished: boolean };

/**
 * Names a file from its path relative to the configdirectory; undefined for all that is no user file and no quota
 * root. The user's localpart comes back in internal form, dots as `^`, so that both forms of a name are one user.
 */
export function parseConfigPath(path: string): ConfigFile | undefined {
  const parts = path.split('/');
  let domain: string | undefined;
  if (parts[0] === 'domain' && parts.length > 3) domain = parts.splice(0, 3)[2];
  const [top, bucket, third] = parts;
  const last = parts.at(-1)!;
  if (top === 'user' && bucket === 'uuid' && parts.length === 6) {
    const [, name, unfinished] = /^(.+)\.db(\.NEW)?$/.exec(last) ?? [];
    const suffix = last === 'dav.db-journal' ? DAV_JOURNAL : unfinished ? 'NEW' : name;
    return suffix === undefined ? undefined : { kind: 'user-by-id', uniqueid: parts[4]!, suffix, path };
  }
  if (top === 'user' && parts.length === 3) {
    const found = /^(.+)\.([^.]+)$/.exec(last);
    if (!found) return undefined;
    return { kind: 'user', user: { localpart: encodePart(found[1]!), domain }, suffix: found[2]!, path };
  }
  if (top === 'quota') {
    const prefix = domain === undefined ? '' : `${domain}!`;
    if (domain !== undefined && parts.length === 2 && bucket === 'root')
      return { kind: 'quota', root: prefix, path, unfinished: false };
    if (parts.length === 3) return { kind: 'quota', root: prefix + third!, path, unfinished: third!.endsWith('.NEW') };
  }
  return undefined;
}

/** What a directory below sievedir is, by its path alone. The bucket it lies in may be the wrong one. */
export type SieveDirectory =
  | { readonly kind: 'user'; readonly user: User; readonly path: string }
  | { readonly kind: 'user-by-id'; readonly uniqueid: string; readonly path: string }
  | { readonly kind: 'global'; readonly domain?: string | undefined; readonly path: string };

/** Names a directory from its path relative to sievedir; undefined for all that holds no scripts itself. */
export function parseSieveDirPath(path: string, conf: CyrusConf): SieveDirectory | undefined {
  const uniqueid = uniqueidOfDir(path);
  if (uniqueid !== undefined) return { kind: 'user-by-id', uniqueid, path };
  const parts = path.split('/');
  let domain: string | undefined;
  if (parts[0] === 'domain' && parts.length > 3) domain = parts.splice(0, 3)[2];
  if (parts.length === 1 && parts[0] === 'global') return { kind: 'global', domain, path };
  const [bucket, name] = parts;
  if (parts.length !== 2 || !/^[A-Za-z]$/.test(bucket!) || name === '') return undefined;
  const user = domain === undefined && conf.virtDomains === 'off' ? userFromUserid(name!, conf) : undefined;
  return { kind: 'user', user: user ?? { localpart: encodePart(name!), domain }, path };
}
