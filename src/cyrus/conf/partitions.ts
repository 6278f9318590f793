import { type CyrusVersion, isAtLeast } from '../version.js';
import type { ConfEntry, ConfIssue } from './imapd-conf.js';

/** The files of a mailbox directory that may lie under a root of their own. */
export const META_KINDS = ['header', 'index', 'cache', 'expunge', 'squat', 'annotations', 'archivecache'] as const;
export type MetaKind = (typeof META_KINDS)[number];

export interface PartitionConf {
  /** Lower case, as in the key. */
  readonly name: string;
  /** Root of the message files; no root ends in a slash. */
  readonly data: string;
  /** Root of archived message files; absent unless archive_enabled. */
  readonly archive?: string | undefined;
  /** Root of each kind of meta file, resolved; equal to `data` where nothing moves it. */
  readonly meta: Readonly<Record<MetaKind, string>>;
  /** metapartition-NAME as given, used by any kind or not. */
  readonly metaPartition?: string | undefined;
  /** Roots of search databases, one for each tier. */
  readonly search: readonly string[];
}

/** Every root that files of a mailbox may lie below, once. */
export function mailboxRoots({ data, archive, meta }: PartitionConf): string[] {
  return [...new Set([data, ...(archive === undefined ? [] : [archive]), ...Object.values(meta)])];
}

/** Every such root of every partition, once. */
export function partitionRoots({ partitions }: { readonly partitions: ReadonlyMap<string, PartitionConf> }): string[] {
  return [...new Set([...partitions.values()].flatMap(mailboxRoots))];
}

interface MetaKeyRow {
  /** Word of `metadir-WORD-NAME`; none: that kind has no such key. */
  readonly metadir?: string;
  readonly since: CyrusVersion;
}

/** @see cyrus-imapd 3.6.1 imap/mboxname.c mboxname_metapath: annotations go by the key of the index, expunge has none */
const META_KEYS: Readonly<Record<MetaKind, MetaKeyRow>> = {
  header: { metadir: 'header', since: '2.4' },
  index: { metadir: 'index', since: '2.4' },
  cache: { metadir: 'cache', since: '2.4' },
  expunge: { since: '2.3' },
  squat: { metadir: 'squat', since: '2.4' },
  annotations: { metadir: 'index', since: '2.5' },
  archivecache: { metadir: 'archivecache', since: '3.0' },
};

/** Bytes of a key that the server looks a partition up by, its NUL not counted. @see cyrus-imapd 3.6.1 lib/libconfig.c config_partitiondir `char buf[80]` */
const LONGEST_KEY = 79;

/** What of the options decides over partitions. */
export interface PartitionOptions {
  readonly version: CyrusVersion;
  readonly metapartitionFiles: readonly string[];
  readonly archiveEnabled: boolean;
}

/** Every partition of the configuration, by name, and what of its keys has no effect. */
export function readPartitions(
  entries: ReadonlyMap<string, ConfEntry>,
  options: PartitionOptions,
): { partitions: Map<string, PartitionConf>; issues: ConfIssue[] } {
  const { version } = options;
  const issues: ConfIssue[] = [];
  const root = (key: string, from: CyrusVersion) => {
    const given = isAtLeast(version, from) ? entries.get(key)?.value : undefined;
    return given === undefined ? undefined : withoutSlash(given);
  };
  const unused = (key: string, message: string) => {
    const entry = entries.get(key);
    if (entry) {
      issues.push({ code: 'unused-partition', message, file: entry.file, line: entry.line, fatalForServer: false });
    }
  };

  const partitions = new Map<string, PartitionConf>();
  for (const { key, value, file, line } of entries.values()) {
    const name = /^partition-(.+)$/.exec(key)?.[1];
    if (name === undefined) continue;
    if (key.length > LONGEST_KEY) {
      const message = `${key} is too long a name: the server does not find that partition.`;
      issues.push({ code: 'partition-name-too-long', message, file, line, fatalForServer: false });
    }
    const data = withoutSlash(value);
    const archive = options.archiveEnabled ? root(`archivepartition-${name}`, '3.0') : undefined;
    const metaPartition = root(`metapartition-${name}`, '2.3');

    const meta = {} as Record<MetaKind, string>;
    for (const kind of META_KINDS) {
      const { metadir, since } = META_KEYS[kind];
      const own = metadir === undefined ? undefined : root(`metadir-${metadir}-${name}`, since);
      const shared = options.metapartitionFiles.includes(kind) ? metaPartition : undefined;
      meta[kind] = own ?? shared ?? (kind === 'archivecache' ? archive : undefined) ?? data;
    }
    const search = [...entries.values()]
      .filter((entry) => isAtLeast(version, '3.0') && entry.key.endsWith(`searchpartition-${name}`))
      .map((entry) => withoutSlash(entry.value));

    if (options.metapartitionFiles.length === 0) {
      unused(`metapartition-${name}`, `metapartition-${name} is not used: metapartition_files is empty.`);
    }
    if (!options.archiveEnabled) {
      unused(`archivepartition-${name}`, `archivepartition-${name} is not used: archive_enabled is off.`);
    }
    partitions.set(name, { name, data, archive, meta, metaPartition, search });
  }
  return { partitions, issues };
}

/** The server joins with a slash of its own; paths are compared here, so none stands doubled. */
export function withoutSlash(root: string): string {
  return root.replace(/(?<=.)\/+$/, '');
}
