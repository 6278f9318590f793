/**
 * Where user files, quota roots and sieve scripts lie: always hashed, whatever hashimapspool says.
 * @see reference cyrus-names-and-databases.md 3.5
 */
import type { CyrusConf } from '../conf/cyrus-conf.js';
import { type User, splitDomain } from '../names/mailbox-name.js';
import { isAtLeast } from '../version.js';
import { hashChar } from './dir-hash.js';
import { uuidDir } from './mailbox-place.js';

/** The form of a user's name in file names: 2.x keeps `carol^smith`, 3.x says `carol.smith`. */
function fileNameOf(user: User, conf: CyrusConf): string {
  return isAtLeast(conf.version, '3.0') ? user.localpart.replaceAll('^', '.') : user.localpart;
}

/** `domain/o/one.example/`, or nothing without a domain. */
function domainPrefix(domain: string | undefined, full: boolean): string {
  return domain === undefined ? '' : `domain/${hashChar(domain, full)}/${domain}/`;
}

/**
 * Path of a user's file, relative to the configdirectory.
 * @param inboxUuid Uniqueid of the INBOX where that is stored by uniqueid (3.6+), else undefined.
 */
export function userFile(conf: CyrusConf, user: User, suffix: string, inboxUuid?: string | undefined): string {
  if (inboxUuid !== undefined) return `user/${uuidDir(inboxUuid)}/${suffix}.db`;
  const full = conf.configHashing === 'full';
  const name = fileNameOf(user, conf);
  return `${domainPrefix(user.domain, full)}user/${hashChar(name, full)}/${name}.${suffix}`;
}

/** Path of a quota root's file, relative to the configdirectory. The internal name is hashed, in all versions. */
export function quotaFile(conf: CyrusConf, root: string): string {
  const full = conf.configHashing === 'full';
  const { domain, rest } = splitDomain(root, conf);
  if (domain !== undefined && rest === '') return `${domainPrefix(domain, full)}quota/root`;
  const parts = rest.split('.');
  const hashed = parts.length > 1 ? rest.slice(rest.indexOf('.') + 1) : rest;
  return `${domainPrefix(domain, full)}quota/${hashChar(hashed, full)}/${rest}`;
}

/** Directory of a user's scripts, relative to sievedir. */
export function sieveDir(conf: CyrusConf, user: User, inboxUuid?: string | undefined): string {
  if (inboxUuid !== undefined) return uuidDir(inboxUuid);
  const full = conf.configHashing === 'full';
  const name = fileNameOf(user, conf);
  return `${domainPrefix(user.domain, full)}${hashChar(name, full)}/${name}`;
}

export function globalSieveDir(conf: CyrusConf, domain?: string | undefined): string {
  return `${domainPrefix(domain, conf.configHashing === 'full')}global`;
}

/** What a file below the configdirectory is, by its path alone. The bucket it lies in may be the wrong one. */
export type ConfigFile =
  | { readonly kind: 'user'; readonly user: User; readonly suffix: string; readonly path: string }
  | { readonly kind: 'user-by-id'; readonly uniqueid: string; readonly suffix: string; readonly path: string }
  | { readonly kind: 'quota'; readonly root: string; readonly path: string };

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
    const suffix = /^(.+)\.db$/.exec(last)?.[1];
    return suffix === undefined ? undefined : { kind: 'user-by-id', uniqueid: parts[4]!, suffix, path };
  }
  if (top === 'user' && parts.length === 3) {
    const found = /^(.+)\.([^.]+)$/.exec(last);
    if (!found) return undefined;
    return { kind: 'user', user: { localpart: found[1]!.replaceAll('.', '^'), domain }, suffix: found[2]!, path };
  }
  if (top === 'quota') {
    const prefix = domain === undefined ? '' : `${domain}!`;
    if (domain !== undefined && parts.length === 2 && bucket === 'root') return { kind: 'quota', root: prefix, path };
    if (parts.length === 3) return { kind: 'quota', root: prefix + third!, path };
  }
  return undefined;
}
