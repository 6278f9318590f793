/**
 * Where the files of a mailbox lie, for every layout.
 * @see cyrus-imapd 3.6.1 imap/mboxname.c mboxname_hash, mboxname_id_hash, mboxname_metapath; reference 3.2–3.4
 */
import { type CyrusConf, META_KINDS, type MetaKind, type PartitionConf } from '../conf/cyrus-conf.js';
import { asInternalName, canonicalName, decodePart, type InternalName, splitDomain } from '../names/mailbox-name.js';
import { isAtLeast } from '../version.js';
import { hashChar } from './dir-hash.js';

export interface MailboxPlace {
  readonly partition: string;
  /** By name (true) or by uniqueid. */
  readonly legacy: boolean;
  /** Below each root, without a slash in front. */
  readonly relative: string;
  readonly roots: PartitionConf;
  /** Absolute directories, as the server names them. */
  readonly data: string;
  readonly archive: string | null;
  readonly meta: Readonly<Record<MetaKind, string>>;
}

/** The directory of a mailbox stored by name, relative to a partition's root. */
export function mailboxDir(name: InternalName, conf: CyrusConf): string {
  const { domain, rest } = splitDomain(canonicalName(name, conf), conf);
  const full = conf.spoolHashing === 'full';
  const hashed = conf.spoolHashing !== 'none';
  let out = '';
  if (domain !== undefined) out += hashed ? `domain/${hashChar(domain, full)}/${domain}/` : `domain/${domain}/`;
  if (hashed) {
    const parts = rest.split('.');
    const part = parts[1] ?? parts[0]!;
    // 3.x hashes what the user types, `carol.smith`, and stops at its dot; 2.x hashes `carol^smith` (reference 3.1).
    out += `${hashChar(isAtLeast(conf.version, '3.0') ? decodePart(part) : part, full)}/`;
  }
  return out + rest.replaceAll('.', '/');
}

/** What a directory below a partition's root would be, by its path alone. */
export interface NamedDir {
  readonly name: InternalName;
  /** It is where a server of this configuration keeps that name; else it lies in another hash directory, or in none. */
  readonly canonical: boolean;
}

/**
 * The mailbox that a by-name directory stands for, whatever hash directory it is in. Undefined for what no mailbox can
 * be: hash directories and `domain/…` themselves, `stage.` and all else with a dot (a dot in a name is `^` on disk).
 * `domain/x/…` without hashing reads both ways; then it is the domain.
 * @param relative Below the partition's root, without slashes at its ends.
 */
export function mailboxNameOfDir(relative: string, conf: CyrusConf): NamedDir | undefined {
  const steps = relative.split('/');
  const readings: InternalName[] = [];
  const read = (rest: readonly string[], domain?: string) => {
    if (rest.length === 0 || rest.some((part) => part === '' || part.includes('.'))) return;
    readings.push(asInternalName((domain === undefined ? '' : `${domain}!`) + rest.join('.')));
  };
  const hasDomains = isAtLeast(conf.version, '3.0') || conf.virtDomains !== 'off';
  if (hasDomains && steps[0] === 'domain') {
    if (isHashDir(steps[1]) && steps.length > 3) {
      if (isHashDir(steps[3])) read(steps.slice(4), steps[2]);
      read(steps.slice(3), steps[2]);
    }
    if (steps.length > 2 && steps[1] !== '') read(steps.slice(2), steps[1]);
  }
  if (conf.spoolHashing !== 'none' && isHashDir(steps[0])) {
    if (steps.length === 1) return undefined;
    read(steps.slice(1));
  }
  read(steps);
  const canonical = readings.find((name) => mailboxDir(name, conf) === relative);
  const name = canonical ?? readings[0];
  return name === undefined ? undefined : { name, canonical: canonical !== undefined };
}

function isHashDir(step: string | undefined): boolean {
  return step !== undefined && /^[A-Za-z]$/.test(step);
}

/** The uniqueid of a directory of the uuid layout, relative to a root; undefined for any other path. */
export function uniqueidOfDir(relative: string): string | undefined {
  const uniqueid = /^uuid\/[^/]\/[^/]\/([^/]+)$/.exec(relative)?.[1];
  return uniqueid !== undefined && isSafeUniqueid(uniqueid) && uuidDir(uniqueid) === relative ? uniqueid : undefined;
}

/** The directory of a mailbox stored by uniqueid (3.6+), the same below every kind of root. */
export function uuidDir(uniqueid: string): string {
  return `uuid/${uniqueid[0] ?? '_'}/${uniqueid[1] ?? '_'}/${uniqueid}`;
}

/** True for what may be a directory name: hostile databases may say anything. */
export function isSafeUniqueid(uniqueid: string): boolean {
  return /^[0-9A-Za-z_-]{2,128}$/.test(uniqueid);
}

/** @returns undefined where the configuration has no such partition, or a mailbox by uniqueid has none that may be a path. */
export function placeOf(
  conf: CyrusConf,
  mailbox: { name: InternalName; uniqueid?: string | undefined; partition: string; legacy: boolean },
): MailboxPlace | undefined {
  const roots = conf.partitions.get(mailbox.partition);
  if (!roots) return undefined;
  if (!mailbox.legacy && !isSafeUniqueid(mailbox.uniqueid ?? '')) return undefined;
  const relative = mailbox.legacy ? mailboxDir(mailbox.name, conf) : uuidDir(mailbox.uniqueid ?? '');
  return placeBelow(roots, mailbox.legacy, relative);
}

/** The place of one directory, whatever mailbox it is. */
export function placeBelow(roots: PartitionConf, legacy: boolean, relative: string): MailboxPlace {
  return new Place(roots, legacy, relative);
}

/** One is kept for every mailbox of a server: of its ten paths only what they have in common. */
class Place implements MailboxPlace {
  readonly roots: PartitionConf;
  readonly legacy: boolean;
  readonly relative: string;

  constructor(roots: PartitionConf, legacy: boolean, relative: string) {
    this.roots = roots;
    this.legacy = legacy;
    this.relative = relative;
  }

  get partition(): string {
    return this.roots.name;
  }

  get data(): string {
    return `${this.roots.data}/${this.relative}`;
  }

  get archive(): string | null {
    return this.roots.archive === undefined ? null : `${this.roots.archive}/${this.relative}`;
  }

  get meta(): Readonly<Record<MetaKind, string>> {
    const meta = {} as Record<MetaKind, string>;
    for (const kind of META_KINDS) meta[kind] = `${this.roots.meta[kind]}/${this.relative}`;
    return meta;
  }
}

export function messageFileName(uid: number): string {
  return `${uid}.`;
}

/** The UID that a message file is named by, or undefined for any other name. */
export function parseMessageFileName(name: string): number | undefined {
  if (!/^[1-9][0-9]{0,9}\.$/.test(name)) return undefined;
  const uid = Number(name.slice(0, -1));
  return uid <= 0xffffffff ? uid : undefined;
}
