/**
 * What an imapd.conf means to a migration: partitions with the place of each kind of file, how names become paths,
 * which database is of which kind. Each version's own defaults are counted in.
 * @see reference cyrus-names-and-databases.md 1.2, 3.4
 */
import { FormatError } from '../../base/errors.js';
import type { CyrusVersion } from '../version.js';
import { ALIASES, defaultOf } from './conf-defaults.js';
import type { ConfIssue, ParsedConf } from './imapd-conf.js';

export type Hashing = 'none' | 'basic' | 'full';
export const META_KINDS = ['header', 'index', 'cache', 'expunge', 'squat', 'annotations', 'archivecache'] as const;
/** Files of a mailbox that may lie elsewhere than its messages. */
export type MetaKind = (typeof META_KINDS)[number];

export interface PartitionConf {
  readonly name: string;
  readonly data: string;
  /** Only where archive_enabled is on. */
  readonly archive?: string | undefined;
  /** Root of each kind of meta file, resolved; equal to `data` where nothing moves it. */
  readonly meta: Readonly<Record<MetaKind, string>>;
  /** metapartition-NAME as given, whether or not any file is kept there. */
  readonly metaPartition?: string | undefined;
  readonly search: readonly string[];
}

export type DbKind = 'mailboxes' | 'annotations' | 'quota' | 'seen' | 'subscriptions' | 'mboxkey' | 'userdeny' | 'duplicate' | 'conversations';

const DB_OPTIONS: Readonly<Record<DbKind, string>> = {
  mailboxes: 'mboxlist_db',
  annotations: 'annotation_db',
  quota: 'quota_db',
  seen: 'seenstate_db',
  subscriptions: 'subscription_db',
  mboxkey: 'mboxkey_db',
  userdeny: 'userdeny_db',
  duplicate: 'duplicate_db',
  conversations: 'conversations_db',
};

export interface CyrusConf {
  readonly version: CyrusVersion;
  readonly file: string;
  readonly configDirectory: string;
  readonly partitions: ReadonlyMap<string, PartitionConf>;
  readonly defaultPartition?: string | undefined;
  readonly spoolHashing: Hashing;
  /** The configdirectory and sieve are always hashed. */
  readonly configHashing: 'basic' | 'full';
  readonly unixHierarchySep: boolean;
  readonly altNamespace: boolean;
  readonly virtDomains: 'off' | 'userid' | 'on';
  readonly defaultDomain?: string | undefined;
  readonly deletedPrefix: string;
  readonly deleteMode: string;
  readonly expungeMode: string;
  readonly admins: readonly string[];
  readonly usernameToLower: boolean;
  readonly improvedMboxlistSort: boolean;
  readonly archiveEnabled: boolean;
  readonly legacyDirs: boolean;
  readonly sieveDir: string;
  readonly sieveUseHomedir: boolean;
  readonly sieveFolder: string;
  readonly procPath: string;
  readonly lockPath: string;
  readonly conversations: boolean;
  readonly cyrusUser: string;
  readonly cyrusGroup: string;
  /** `path` only where the configuration names one. */
  readonly databases: Readonly<Record<DbKind, { readonly backend: string; readonly path?: string | undefined }>>;
  readonly issues: readonly ConfIssue[];
  /** The value in force: as given, else the version's default. */
  option(name: string): string | undefined;
  isSet(name: string): boolean;
}

/** Overriding one of these for a single service means that the services disagree about where mail is. */
const PLACE_OPTIONS = /_(configdirectory|virtdomains|unixhierarchysep|hashimapspool|fulldirhash|defaultdomain|(meta|archive)?partition-.+)$/;

/** @throws FormatError where there is no configdirectory, no partition, or a switch has no legal word. */
export function interpretConf(parsed: ParsedConf, version: CyrusVersion, file: string): CyrusConf {
  const given = new Map<string, string>();
  const issues: ConfIssue[] = [...parsed.issues];
  for (const { key, value, file: where, line } of parsed.entries) {
    given.set(key, value);
    if (PLACE_OPTIONS.test(key)) {
      const message = `${key} holds for one service only; cyrsync goes by the plain option`;
      issues.push({ code: 'service-override', message, file: where, line, fatalForServer: false });
    }
  }
  for (const [old, now] of Object.entries(ALIASES)) {
    if (given.has(old) && !given.has(now)) given.set(now, given.get(old)!);
  }
  const configDirectory = stripSlash(given.get('configdirectory') ?? '');
  if (configDirectory === '') throw new FormatError(file, 0, 'an option configdirectory', 'none');
  for (const [key, value] of given) {
    if (value.toLowerCase().startsWith('{configdirectory}')) given.set(key, configDirectory + value.slice(17));
  }
  const option = (name: string) => given.get(name) ?? defaultOf(name, version);
  const on = (name: string) => isOn(option(name), name, file);
  const archiveEnabled = on('archive_enabled');
  const partitions = readPartitions(given, archiveEnabled);
  if (partitions.size === 0) throw new FormatError(file, 0, 'an option partition-NAME', 'none');
  const full = on('fulldirhash');
  const virt = option('virtdomains') ?? 'off';
  const databases = {} as Record<DbKind, { backend: string; path?: string | undefined }>;
  for (const [kind, name] of Object.entries(DB_OPTIONS) as [DbKind, string][]) {
    databases[kind] = { backend: option(name) ?? 'twoskip', path: given.get(`${name}_path`) };
  }
  return {
    version,
    file,
    configDirectory,
    partitions,
    defaultPartition: option('defaultpartition')?.toLowerCase(),
    spoolHashing: on('hashimapspool') ? (full ? 'full' : 'basic') : 'none',
    configHashing: full ? 'full' : 'basic',
    unixHierarchySep: on('unixhierarchysep'),
    altNamespace: on('altnamespace'),
    virtDomains: virt === 'userid' ? 'userid' : isOn(virt, 'virtdomains', file) ? 'on' : 'off',
    defaultDomain: option('defaultdomain'),
    deletedPrefix: option('deletedprefix') ?? 'DELETED',
    deleteMode: option('delete_mode') ?? 'immediate',
    expungeMode: option('expunge_mode') ?? 'immediate',
    admins: (option('admins') ?? '').split(/\s+/).filter((name) => name !== ''),
    usernameToLower: on('username_tolower'),
    improvedMboxlistSort: on('improved_mboxlist_sort'),
    archiveEnabled,
    legacyDirs: on('mailbox_legacy_dirs'),
    sieveDir: stripSlash(option('sievedir') ?? '/usr/sieve'),
    sieveUseHomedir: on('sieveusehomedir'),
    sieveFolder: option('sieve_folder') ?? '#sieve',
    procPath: stripSlash(option('proc_path') ?? `${configDirectory}/proc`),
    lockPath: stripSlash(option('mboxname_lockpath') ?? `${configDirectory}/lock`),
    conversations: on('conversations'),
    cyrusUser: option('cyrus_user') ?? 'cyrus',
    cyrusGroup: option('cyrus_group') ?? 'mail',
    databases,
    issues,
    option,
    isSet: (name) => given.has(name),
  };
}

function readPartitions(given: ReadonlyMap<string, string>, archiveEnabled: boolean): Map<string, PartitionConf> {
  const moved = new Set((given.get('metapartition_files') ?? '').split(/\s+/));
  const partitions = new Map<string, PartitionConf>();
  for (const [key, value] of given) {
    const name = /^partition-(.+)$/.exec(key)?.[1];
    if (name === undefined) continue;
    const data = stripSlash(value);
    const archive = archiveEnabled ? optionalPath(given.get(`archivepartition-${name}`)) : undefined;
    const metaPartition = optionalPath(given.get(`metapartition-${name}`));
    const meta = {} as Record<MetaKind, string>;
    for (const kind of META_KINDS) {
      // Annotations go by the key of the index (reference 3.4).
      const metadir = optionalPath(given.get(`metadir-${kind === 'annotations' ? 'index' : kind}-${name}`));
      const ownRoot = metadir ?? (moved.has(kind) ? metaPartition : undefined);
      meta[kind] = ownRoot ?? (kind === 'archivecache' ? archive : undefined) ?? data;
    }
    const search = [...given].filter(([k]) => k.endsWith(`searchpartition-${name}`)).map(([, v]) => stripSlash(v));
    partitions.set(name, { name, data, archive, meta, metaPartition, search });
  }
  return partitions;
}

function optionalPath(value: string | undefined): string | undefined {
  return value === undefined ? undefined : stripSlash(value);
}

function stripSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}

/** @see cyrus-imapd 3.6.1 lib/libconfig.c: only the first one or two bytes count, lower case. */
function isOn(value: string | undefined, name: string, file: string): boolean {
  if (value === undefined || /^(0|n|of|f)/.test(value)) return false;
  if (/^(1|y|on|t)/.test(value)) return true;
  throw new FormatError(file, 0, `yes or no for ${name}`, value);
}
