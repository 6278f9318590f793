/**
 * Mailbox names in their three forms: internal (`user.carol^smith.Work`, `one.example!user.ben`), external (what an
 * administrator types) and dbname (keys of a 3.6+ mailboxes.db). All are bytes, one character each.
 * @see cyrus-imapd 3.6.1 imap/mboxname.c; reference cyrus-names-and-databases.md 2
 */
import type { CyrusConf } from '../conf/cyrus-conf.js';
import { isAtLeast } from '../version.js';

declare const internalName: unique symbol;
/** `.` between parts, `^` for a dot within one, `dom!` in front. */
export type InternalName = string & { readonly [internalName]: true };

/** Only a brand: nothing is checked. */
export function asInternalName(bytes: string): InternalName {
  return bytes as InternalName;
}

/** What of a configuration decides about names. */
export type NameConf = Pick<CyrusConf, 'version' | 'virtDomains' | 'defaultDomain' | 'deletedPrefix' | 'unixHierarchySep'>;

export interface NameParts {
  readonly domain?: string | undefined;
  /** Set for the DELETED hierarchy: the last part, hexadecimal Unix time. */
  readonly deleted?: { readonly timeHex: string } | undefined;
  /** Internal parts, without the deleted prefix and time. */
  readonly parts: readonly string[];
  /** The owner's name in internal form (`carol^smith`), where the name is `user.NAME…`. */
  readonly userLocalpart?: string | undefined;
}

export interface User {
  /** Internal form: `carol^smith`. */
  readonly localpart: string;
  readonly domain?: string | undefined;
}

const GS = '\x1d'; // between domain and name, @see 3.6.1 imap/mboxname.h DB_DOMAINSEP_CHAR
const US = '\x1f'; // between parts, DB_HIERSEP_CHAR

/** The domain of a name and the rest; 2.x with virtdomains off has no domains: `!` is an ordinary byte there. */
export function splitDomain(name: string, conf: NameConf): { domain?: string; rest: string } {
  const at = name.indexOf('!');
  if (at < 0 || (!isAtLeast(conf.version, '3.0') && conf.virtDomains === 'off')) return { rest: name };
  const domain = name.slice(0, at);
  const rest = name.slice(at + 1);
  // 3.x drops the default domain when it reads a name (reference 2.3).
  if (isAtLeast(conf.version, '3.0') && domain === conf.defaultDomain) return { rest };
  return { domain, rest };
}

export function splitName(name: InternalName, conf: NameConf): NameParts {
  const { domain, rest } = splitDomain(name, conf);
  let parts: string[] = rest.split('.');
  let deleted: NameParts['deleted'];
  const last = parts.at(-1)!;
  if (parts.length >= 3 && parts[0] === conf.deletedPrefix && /^[0-9A-Fa-f]{1,16}$/.test(last)) {
    deleted = { timeHex: last };
    parts = parts.slice(1, -1);
  }
  const userLocalpart = parts[0] === 'user' && parts.length >= 2 ? parts[1] : undefined;
  return { domain, deleted, parts, userLocalpart };
}

/** Why a name would not stay below its partition, or undefined where it does. */
export function checkName(name: string): string | undefined {
  if (name === '') return 'the name is empty';
  if (name.includes('\0')) return 'the name has a NUL byte';
  if (name.includes('/')) return 'the name has a slash';
  const at = name.indexOf('!');
  const domain = at < 0 ? undefined : name.slice(0, at);
  if (domain !== undefined && (domain === '' || domain === '.' || domain === '..')) return `the domain is "${domain}"`;
  // A part never holds a dot in the internal form, so `..` can only show as an empty part.
  if (name.slice(at + 1).split('.').includes('')) return 'the name has an empty part';
  return undefined;
}

/** Whose mailbox it is, of the DELETED hierarchy too; undefined for shared ones. */
export function userOf(name: InternalName, conf: NameConf): User | undefined {
  const { domain, userLocalpart } = splitName(name, conf);
  return userLocalpart === undefined ? undefined : { localpart: userLocalpart, domain };
}

export function inboxOf(user: User): InternalName {
  return asInternalName(`${user.domain === undefined ? '' : `${user.domain}!`}user.${user.localpart}`);
}

export function isInbox(name: InternalName, conf: NameConf): boolean {
  const { deleted, parts, userLocalpart } = splitName(name, conf);
  return !deleted && userLocalpart !== undefined && parts.length === 2;
}

/** `user.ben.Sent` → `user.ben`; undefined at the top. */
export function parentOf(name: InternalName): InternalName | undefined {
  const at = name.lastIndexOf('.');
  return at > name.indexOf('!') ? asInternalName(name.slice(0, at)) : undefined;
}

/** True for members of the DELETED hierarchy. */
export function isDeletedName(name: InternalName, conf: NameConf): boolean {
  return splitName(name, conf).deleted !== undefined;
}

/** @see cyrus-imapd 3.6.1 imap/mboxname.c mboxname_to_dbname */
export function toDbName(name: InternalName, conf: NameConf): string {
  const { domain, rest } = splitDomain(name, conf);
  const parts = rest.split('.').map((part) => part.replaceAll('^', '.'));
  return (domain === undefined ? '' : domain + GS) + parts.join(US);
}

export function fromDbName(dbname: string, conf: NameConf): InternalName {
  const at = dbname.indexOf(GS);
  const domain = at < 0 ? undefined : dbname.slice(0, at);
  const rest = dbname.slice(at + 1).split(US).map((part) => part.replaceAll('.', '^')).join('.');
  return asInternalName(domain === undefined || domain === conf.defaultDomain ? rest : `${domain}!${rest}`);
}

/**
 * What an administrator types, as `mbpath -7` takes it: the server's separator, `@domain`, no alternative namespace,
 * modified UTF-7 as it is.
 */
export function toExternal(name: InternalName, conf: NameConf): string {
  const { domain, rest } = splitDomain(name, conf);
  const parts = rest.split('.');
  const text = conf.unixHierarchySep ? parts.map((part) => part.replaceAll('^', '.')).join('/') : parts.join('.');
  return domain === undefined ? text : `${text}@${domain}`;
}

/** The inverse of {@link toExternal}; a name in internal form passes unchanged where the separator is a dot. */
export function fromExternal(external: string, conf: NameConf): InternalName {
  const at = conf.virtDomains === 'off' ? -1 : external.lastIndexOf('@');
  const domain = at < 0 ? undefined : external.slice(at + 1);
  const text = at < 0 ? external : external.slice(0, at);
  const rest = conf.unixHierarchySep
    ? text.split('/').map((part) => part.replaceAll('.', '^')).join('.')
    : text;
  return asInternalName(domain === undefined || domain === conf.defaultDomain ? rest : `${domain}!${rest}`);
}

/** How ACLs, and 3.x's file names, call a user: dots are dots. */
export function toUserid(user: User): string {
  const localpart = user.localpart.replaceAll('^', '.');
  return user.domain === undefined ? localpart : `${localpart}@${user.domain}`;
}

/**
 * Why no login reaches this mailbox on a 3.x server, or undefined where one does.
 * @see reference cyrus-names-and-databases.md 2.3 and `username_tolower`
 */
export function unreachableLogin(name: InternalName, conf: NameConf & Pick<CyrusConf, 'usernameToLower'>): string | undefined {
  const user = userOf(name, conf);
  if (!user) return undefined;
  if (user.localpart.includes('@')) {
    return 'the user name has an @ within: Cyrus 3.x takes what follows it for a domain at login';
  }
  if (conf.usernameToLower && /[A-Z]/.test(user.localpart)) {
    return 'the user name has capital letters, and username_tolower makes logins lower case';
  }
  if (isAtLeast(conf.version, '3.0') && user.domain !== undefined && conf.virtDomains === 'off') {
    return 'the mailbox lies in a domain, and virtdomains is off';
  }
  return undefined;
}
