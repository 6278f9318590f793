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
export type NameConf = Pick<
  CyrusConf,
  'version' | 'virtDomains' | 'defaultDomain' | 'deletedPrefix' | 'unixHierarchySep'
>;

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

/**
 * The parts of a name. Deleted is what begins with the prefix, has three parts or more and ends in a hexadecimal time;
 * what only looks alike is a shared mailbox here, and {@link checkName} refuses it.
 */
export function splitName(name: InternalName, conf: NameConf): NameParts {
  const { domain, rest } = splitDomain(name, conf);
  let parts: string[] = rest.split('.');
  let deleted: NameParts['deleted'];
  const last = parts.at(-1)!;
  if (isUnderDeleted(parts, conf) && /^[0-9A-Fa-f]{1,8}$/.test(last) && Number.parseInt(last, 16) !== 0) {
    deleted = { timeHex: last };
    parts = parts.slice(1, -1);
  }
  const userLocalpart = parts[0] === 'user' && parts.length >= 2 ? parts[1] : undefined;
  return { domain, deleted, parts, userLocalpart };
}

/** The shape of a deleted name, before its time is looked at. */
export function isUnderDeleted(parts: readonly string[], conf: NameConf): boolean {
  return conf.deletedPrefix !== '' && parts.length > 2 && parts[0] === conf.deletedPrefix;
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

/** `user.ben.Sent` → `user.ben`; undefined above an INBOX or a top-level name. DELETED names have no hierarchy: not for them. */
export function parentOf(name: InternalName): InternalName | undefined {
  const start = name.indexOf('!') + 1;
  const cut = name.lastIndexOf('.');
  if (cut <= start || name.slice(start, cut) === 'user') return undefined;
  return asInternalName(name.slice(0, cut));
}

/** True for members of the DELETED hierarchy. */
export function isDeletedName(name: InternalName, conf: NameConf): boolean {
  return splitName(name, conf).deleted !== undefined;
}

/** When it was deleted, Unix time; undefined for what is no member of the DELETED hierarchy. */
export function deletedAtSec(name: InternalName, conf: NameConf): number | undefined {
  const hex = splitName(name, conf).deleted?.timeHex;
  return hex === undefined ? undefined : Number.parseInt(hex, 16);
}

/**
 * The name in keys of a 3.6+ mailboxes.db and of subscriptions: parts joined by US with literal dots, after domain and GS.
 * A time of deletion is printed anew, and the default domain left out, as {@link canonicalName} does.
 * @see cyrus-imapd 3.6.1 imap/mboxlist.c mbname_dbname, DB_DOMAINSEP_CHAR, DB_HIERSEP_CHAR
 */
export function toDbName(name: InternalName, conf: NameConf): string {
  const { domain, rest } = splitDomain(canonicalName(name, conf), conf);
  return (domain === undefined ? '' : domain + GS) + rest.split('.').map(decodePart).join(US);
}

export function fromDbName(dbname: string, conf: NameConf): InternalName {
  const at = dbname.indexOf(GS);
  const domain = at < 0 ? undefined : dbname.slice(0, at);
  const rest = dbname
    .slice(at + 1)
    .split(US)
    .map(encodePart)
    .join('.');
  return asInternalName(domain === undefined || domain === conf.defaultDomain ? rest : `${domain}!${rest}`);
}

/**
 * What an administrator types, as `mbpath -7` takes it: the server's separator, `@domain`, no alternative namespace,
 * modified UTF-7 as it is. Without virtdomains a mailbox in a domain has no such name; it is given as if it had.
 * @see cyrus-imapd 3.6.1 imap/mboxname.c mbname_extname; 2.4.17 mboxname_toexternal, mboxname_hiersep_toexternal
 */
export function toExternal(name: InternalName, conf: NameConf): string {
  const { domain, rest } = splitDomain(canonicalName(name, conf), conf);
  const text = conf.unixHierarchySep ? rest.split('.').map(decodePart).join('/') : rest;
  return domain === undefined ? text : `${text}@${domain}`;
}

/**
 * The inverse of {@link toExternal}; a name in internal form passes unchanged where the separator is a dot. What the server
 * refuses (`^` with unixhierarchysep from 3.0 on, `/` without) is kept as it is; {@link checkName} tells of the slash.
 */
export function fromExternal(external: string, conf: NameConf): InternalName {
  const at = conf.virtDomains === 'off' ? -1 : external.lastIndexOf('@');
  const domain = at < 0 ? undefined : external.slice(at + 1);
  const text = at < 0 ? external : external.slice(0, at);
  const rest = conf.unixHierarchySep ? text.split('/').map(encodePart).join('.') : text;
  return asInternalName(domain === undefined || domain === conf.defaultDomain ? rest : `${domain}!${rest}`);
}

/** How ACLs (of all versions), and 3.x's file names, call a user: dots are dots. */
export function toUserid(user: User): string {
  return `${decodePart(user.localpart)}${user.domain === undefined ? '' : `@${user.domain}`}`;
}

/**
 * The owner that a login stands for; the inverse of {@link toUserid}. 3.x splits at the last `@` whatever virtdomains says.
 * @see cyrus-imapd 3.6.1 imap/mboxname.c mbname_from_userid
 */
export function userFromUserid(userid: string, conf: NameConf): User {
  const splits = isAtLeast(conf.version, '3.0') || conf.virtDomains !== 'off';
  const at = splits ? userid.lastIndexOf('@') : -1;
  if (at < 0) return { localpart: encodePart(userid) };
  const domain = userid.slice(at + 1);
  const localpart = encodePart(userid.slice(0, at));
  return domain === conf.defaultDomain ? { localpart } : { localpart, domain };
}

/** Literal dots of an internal part. There is no escape for a literal `^`. */
export function decodePart(part: string): string {
  return part.replaceAll('^', '.');
}

export function encodePart(part: string): string {
  return part.replaceAll('.', '^');
}

/**
 * The name that a server makes of one it reads. 3.x parses a deleted mailbox's time as a number and prints it anew: lower
 * case becomes upper case, and what is no number loses prefix and last part. It also drops the default domain.
 * @see cyrus-imapd 3.6.1 imap/mboxname.c mbname_from_intname, mbname_intname
 */
export function canonicalName(name: InternalName, conf: NameConf): InternalName {
  if (!isAtLeast(conf.version, '3.0')) return name;
  const { domain, rest } = splitDomain(name, conf);
  let parts = rest.split('.');
  if (isUnderDeleted(parts, conf)) {
    const time = strtoulBase16(parts.at(-1)!);
    parts = parts.slice(0, -1);
    if (time === 0n) parts = parts.slice(1);
    else parts.push(BigInt.asUintN(32, time).toString(16).toUpperCase());
  }
  return asInternalName((domain === undefined ? '' : `${domain}!`) + parts.join('.'));
}

/** C strtoul(text, NULL, 16) of a 64-bit machine. */
function strtoulBase16(text: string): bigint {
  const found = /^[ \t\n\v\f\r]*([+-]?)(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]+)/.exec(text);
  if (!found) return 0n;
  const value = BigInt(`0x${found[2]}`);
  const most = 0xffff_ffff_ffff_ffffn;
  if (value > most) return most;
  return found[1] === '-' ? BigInt.asUintN(64, -value) : value;
}

/**
 * Why a name must be refused, in words; undefined: it may be used (with `conf`, where that is given). The cases: nothing at
 * all; bytes that end a path or a record; an empty part; a domain or user that climbs out of its directory; names that the
 * server reads as another name; the separators of a 3.6+ mailboxes.db. What Cyrus would only not let a client create is not
 * refused: it may exist since an older version.
 */
export function checkName(name: string, conf?: NameConf): string | undefined {
  if (name === '') return 'the name is empty';
  if (name.includes('\0')) return 'the name has a NUL byte';
  if (name.includes('/')) return 'the name has a slash';
  if (/[\t\n\r]/.test(name)) return 'the name has a tab or line end, which ends a record in the databases';
  const at = name.indexOf('!');
  const domain = at < 0 ? undefined : name.slice(0, at);
  if (domain !== undefined && (domain === '' || domain === '.' || domain === '..')) return `the domain is "${domain}"`;
  const rest = name.slice(at + 1);
  const parts = rest.split('.');
  // A part never holds a dot in the internal form, so `..` can only show as an empty part.
  if (parts.includes('')) return 'the name has an empty part';
  if (rest === 'user') return '"user" alone is no mailbox';
  // User files and sieve directories by name carry the decoded localpart (3.x): `user.^^` would be the directory above.
  if (parts[0] === 'user' && /^\^\^?$/.test(parts[1] ?? '')) return 'the user is called . or ..';
  if (conf === undefined) return undefined;
  if (isAtLeast(conf.version, '3.0') && isUnderDeleted(parts, conf)) {
    const canonical = canonicalName(asInternalName(rest), conf);
    if (canonical !== rest) return `Cyrus ${conf.version} would take it for ${canonical}`;
  }
  if (isAtLeast(conf.version, '3.6') && /[\x1d\x1f]/.test(name)) {
    return 'the name has a byte that separates parts in mailboxes.db';
  }
  return undefined;
}

/**
 * Why no login reaches this mailbox on the server of `conf`, or undefined where one does. Shared and deleted mailboxes are
 * nobody's to log in to.
 * @see cyrus-imapd 3.6.1 imap/mboxname.c mbname_from_userid, imap/global.c canonify_userid
 */
export function unreachableLogin(
  name: InternalName,
  conf: NameConf & Pick<CyrusConf, 'usernameToLower'>,
): string | undefined {
  const { domain, deleted, userLocalpart } = splitName(name, conf);
  if (userLocalpart === undefined || deleted) return undefined;
  const modern = isAtLeast(conf.version, '3.0');
  if (userLocalpart.includes('@') && (modern || conf.virtDomains !== 'off')) {
    return `the user name has an @ within: Cyrus ${conf.version} takes what follows it for a domain at login`;
  }
  if (userLocalpart.includes('^') && !modern && !conf.unixHierarchySep) {
    return 'the user name has a dot, which separates mailboxes without unixhierarchysep';
  }
  if (domain !== undefined && conf.virtDomains === 'off') return 'the mailbox lies in a domain, and virtdomains is off';
  if (conf.usernameToLower && /[A-Z]/.test(userLocalpart + (domain ?? ''))) {
    return 'the user name has capital letters, and username_tolower makes logins lower case';
  }
  return undefined;
}
