/**
 * An imapd.conf as one version of Cyrus understands it: every option that decides over names, paths and
 * databases, its default counted in.
 */
import { FormatError } from '../../base/errors.js';
import { type CyrusVersion, isAtLeast } from '../version.js';
import type { ConfEntry, ConfIssue, ParsedConf } from './imapd-conf.js';
import { aliasesOf, defaultOf, isOption, optionSpec, preferredName } from './option-table.js';
import { checkValue, splitWords } from './option-value.js';
import { describeOverlap, type PartitionOverlap, partitionOverlaps } from './partition-overlap.js';
import { META_KINDS, type MetaKind, type PartitionConf, readPartitions, withoutSlash } from './partitions.js';

export { META_KINDS, type MetaKind, type PartitionConf };

export type Hashing = 'none' | 'basic' | 'full';

/** The databases with a backend option, and that option; of two names the first that the version knows. */
const DATABASES = {
  mailboxes: ['mboxlist_db'],
  annotations: ['annotation_db'],
  quota: ['quota_db'],
  seen: ['seenstate_db'],
  subscriptions: ['subscription_db'],
  mboxkey: ['mboxkey_db'],
  userdeny: ['userdeny_db'],
  duplicate: ['duplicate_db'],
  conversations: ['conversations_db'],
  statuscache: ['statuscache_db'],
  tls: ['tls_sessions_db', 'tlscache_db'],
  pts: ['ptscache_db'],
  zoneinfo: ['zoneinfo_db'],
  sortcache: ['sortcache_db'],
  searchindexed: ['search_indexed_db'],
  synccache: ['sync_cache_db'],
} as const;
export type DbKind = keyof typeof DATABASES;

export interface DatabaseConf {
  /** The configured word; `none` where the version has no such database. */
  readonly backend: string;
  /** Only where `*_db_path` is set; else the usual place below configdirectory. */
  readonly path?: string | undefined;
}

export interface CyrusConf {
  readonly version: CyrusVersion;
  readonly file: string;
  readonly configDirectory: string;
  readonly partitions: ReadonlyMap<string, PartitionConf>;
  /** Lower case; may name no partition (that is an issue). */
  readonly defaultPartition?: string | undefined;
  /** Hash directories below partitions. */
  readonly spoolHashing: Hashing;
  /** Hash directories of user files, quota and sieve: these are always hashed. */
  readonly configHashing: 'basic' | 'full';
  readonly unixHierarchySep: boolean;
  readonly altNamespace: boolean;
  readonly virtDomains: 'off' | 'userid' | 'on';
  readonly defaultDomain?: string | undefined;
  readonly userPrefix: string;
  readonly sharedPrefix: string;
  /** Top-level name of deleted mailboxes; empty where the version has no such thing (2.2). */
  readonly deletedPrefix: string;
  readonly deleteMode: 'immediate' | 'delayed';
  /** A word of the version; `immediate` where it has no such option (2.2). */
  readonly expungeMode: string;
  readonly admins: readonly string[];
  readonly usernameToLower: boolean;
  readonly improvedMboxlistSort: boolean;
  readonly archiveEnabled: boolean;
  /** mailbox_legacy_dirs (3.6+): acts on new mailboxes only. */
  readonly legacyDirs: boolean;
  readonly sieveDir: string;
  readonly sieveUseHomedir: boolean;
  /** Name of the mailbox for scripts (3.6+), else empty. */
  readonly sieveFolder: string;
  readonly procPath: string;
  readonly lockPath: string;
  readonly conversations: boolean;
  /** Where the server notes for its replication what changes: absolute paths; none where it does not. */
  readonly syncLogs: readonly string[];
  readonly cyrusUser: string;
  readonly cyrusGroup: string;
  readonly databases: Readonly<Record<DbKind, DatabaseConf>>;
  readonly issues: readonly ConfIssue[];
  /** Each is an issue, too. */
  readonly overlaps: readonly PartitionOverlap[];
  /** Every key as given, in lower case. */
  readonly keys: readonly string[];
  /** The value in force in its normal form (switches `1`, `0`): given, else the version's default, else undefined. */
  option(name: string): string | undefined;
  /** Given, under this name or an old one. */
  isSet(name: string): boolean;
}

/** Options that must be the same for every service, or the server would not find its own mailboxes. */
const FOR_ALL_SERVICES = [
  'configdirectory',
  'virtdomains',
  'unixhierarchysep',
  'hashimapspool',
  'fulldirhash',
  'altnamespace',
  'defaultdomain',
  'metapartition_files',
  'archive_enabled',
  'mailbox_legacy_dirs',
  'deletedprefix',
  'improved_mboxlist_sort',
  'sievedir',
  '(?:mboxlist|annotation|seenstate|subscription|quota)_db(?:_path)?',
];
const SERVICE_OVERRIDE = new RegExp(`^.+_(${FOR_ALL_SERVICES.join('|')}|(?:meta|archive)?partition-.+)$`);

/**
 * What `parsed` means to a server of `version`. Of most options a value that the server would refuse is an issue, and the
 * default counts.
 * @throws FormatError without configdirectory, without any partition, or where a switch or virtdomains has no legal word:
 * these decide where mail lies, so nothing is assumed.
 */
export function interpretConf(parsed: ParsedConf, version: CyrusVersion, file: string): CyrusConf {
  const entries = new Map<string, ConfEntry>(parsed.entries.map((entry) => [entry.key, entry]));
  const issues: ConfIssue[] = [...parsed.issues];
  const issue = (entry: ConfEntry | undefined, code: string, message: string, fatalForServer = false) =>
    issues.push({ code, message, file: entry?.file ?? file, line: entry?.line ?? 0, fatalForServer });

  const given = entries.get('configdirectory')?.value;
  if (given === undefined) throw new FormatError(file, 0, 'the option configdirectory', 'none');
  const configDirectory = withoutSlash(given);

  const values = new Map<string, string>();
  for (const entry of entries.values()) {
    const { key } = entry;
    const spec = optionSpec(key, version);
    if (spec) {
      const checked = checkValue(spec, entry.value, version);
      if ('refused' in checked) {
        if (spec.type === 'switch' || key === 'virtdomains') {
          throw new FormatError(entry.file, 0, `a legal value of ${key} in line ${entry.line}`, entry.value);
        }
        issue(entry, 'invalid-value', `${key}: ${entry.value} ${checked.refused}.`, true);
        // A word too many leaves the others in force; of all else the default counts.
        if (spec.type === 'words') values.set(key, entry.value);
      } else
        values.set(key, spec.type === 'string' ? inConfigDirectory(checked.value, configDirectory) : checked.value);
    } else if (isOption(key)) {
      issue(
        entry,
        'unknown-option',
        `Cyrus ${version} as released does not know ${key}; it is taken to have no effect.`,
      );
    } else if (SERVICE_OVERRIDE.test(key)) {
      issue(entry, 'service-override', `${key} overrides an option for one service only; it is not followed here.`);
    } else {
      const isKept = /partition-|^metadir-|^sasl_/.test(key);
      values.set(key, isKept ? entry.value : inConfigDirectory(entry.value, configDirectory));
    }
  }
  for (const key of [...values.keys()]) {
    const preferred = preferredName(key, version);
    if (preferred !== undefined && !entries.has(preferred)) values.set(preferred, values.get(key) ?? '');
  }

  const option = (name: string) => values.get(name) ?? defaultOf(name, version);
  const isSet = (name: string) => [name, ...aliasesOf(name, version)].some((one) => entries.has(one));
  const isOn = (name: string) => option(name)?.startsWith('1') ?? false;
  const text = (name: string, otherwise = '') => option(name) ?? otherwise;

  const archiveEnabled = isOn('archive_enabled');
  const { partitions, issues: unused } = readPartitions(entries, {
    version,
    archiveEnabled,
    metapartitionFiles: splitWords(text('metapartition_files')),
  });
  issues.push(...unused);
  if (partitions.size === 0) throw new FormatError(file, 0, 'a partition (partition-NAME)', 'none');

  const overlaps = partitionOverlaps(entries.values());
  for (const overlap of overlaps) {
    const later = overlap.first.line > overlap.second.line ? overlap.first : overlap.second;
    issue(later, 'partitions-overlap', `${describeOverlap(overlap)}.`);
  }

  const defaultPartition = option('defaultpartition')?.toLowerCase();
  if (defaultPartition !== undefined && /[^a-z0-9]/.test(defaultPartition)) {
    const message = `defaultpartition is ${defaultPartition}: only letters and digits are allowed there.`;
    issue(entries.get('defaultpartition'), 'default-partition-name', message, true);
  }
  if (defaultPartition !== undefined && !partitions.has(defaultPartition)) {
    issue(
      entries.get('defaultpartition'),
      'default-partition-missing',
      `defaultpartition is ${defaultPartition}, but there is no partition-${defaultPartition}.`,
      true,
    );
  }
  const sieveUseHomedir = isOn('sieveusehomedir');
  if (sieveUseHomedir) {
    issue(
      entries.get('sieveusehomedir'),
      'sieve-in-home',
      'Sieve scripts lie in the home directories of the users (sieveusehomedir), where they are not looked for.',
    );
  }

  const full = isOn('fulldirhash');
  return {
    version,
    file,
    configDirectory,
    partitions,
    defaultPartition,
    spoolHashing: isOn('hashimapspool') ? (full ? 'full' : 'basic') : 'none',
    configHashing: full ? 'full' : 'basic',
    unixHierarchySep: isOn('unixhierarchysep'),
    altNamespace: isOn('altnamespace'),
    virtDomains: text('virtdomains') as CyrusConf['virtDomains'],
    defaultDomain: option('defaultdomain'),
    userPrefix: text('userprefix'),
    sharedPrefix: text('sharedprefix'),
    deletedPrefix: text('deletedprefix'),
    deleteMode: text('delete_mode', 'immediate') as CyrusConf['deleteMode'],
    expungeMode: text('expunge_mode', 'immediate'),
    admins: splitWords(text('admins')),
    usernameToLower: isOn('username_tolower'),
    improvedMboxlistSort: isOn('improved_mboxlist_sort'),
    archiveEnabled,
    legacyDirs: isOn('mailbox_legacy_dirs'),
    sieveDir: withoutSlash(text('sievedir')),
    sieveUseHomedir,
    sieveFolder: text('sieve_folder'),
    procPath: withoutSlash(text('proc_path', `${configDirectory}/proc`)),
    lockPath: withoutSlash(text('mboxname_lockpath', `${configDirectory}/lock`)),
    conversations: isOn('conversations'),
    syncLogs: isOn('sync_log') ? syncLogs(text('sync_log_channels'), configDirectory) : [],
    cyrusUser: text('cyrus_user', 'cyrus'),
    cyrusGroup: text('cyrus_group', 'mail'),
    databases: readDatabases(option, isAtLeast(version, '2.4')),
    issues,
    overlaps,
    keys: [...entries.keys()],
    option,
    isSet,
  };
}

function readDatabases(option: CyrusConf['option'], hasPaths: boolean): Record<DbKind, DatabaseConf> {
  const read = (names: readonly string[]): DatabaseConf => {
    const known = names.find((name) => option(name) !== undefined);
    if (known === undefined) return { backend: 'none' };
    return { backend: option(known) ?? 'none', path: hasPaths ? option(`${known}_path`) : undefined };
  };
  const all = Object.entries(DATABASES).map(([kind, names]) => [kind, read(names)] as const);
  return Object.fromEntries(all) as Record<DbKind, DatabaseConf>;
}

/** @see cyrus-imapd 2.4.17 and 3.6.1 imap/sync_log.c sync_log_fname: `""` among the channels is the one without a name */
function syncLogs(channels: string, configDirectory: string): string[] {
  const words = splitWords(channels);
  return (words.length === 0 ? ['""'] : words).map((channel) =>
    channel === '""' ? `${configDirectory}/sync/log` : `${configDirectory}/sync/${channel}/log`,
  );
}

/** `{configdirectory}` at the start of a string option, in any case; never in partitions. @see cyrus-imapd 3.6.1 lib/libconfig.c config_read */
function inConfigDirectory(value: string, configDirectory: string): string {
  return value.replace(/^\{configdirectory\}/i, () => configDirectory);
}
