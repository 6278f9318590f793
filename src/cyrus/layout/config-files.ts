/**
 * Every kind of file that Cyrus keeps in its configdirectory, and what becomes of it. One table: the cutover prints its
 * rows, README shows them, the survey calls foreign what is in none.
 * @see reference cyrus-names-and-databases.md 6; the `FNAME_*` of cyrus-imapd 2.2.13 to 3.12.3 imap/, lib/, ptclient/
 */
import type { CyrusConf, DbKind } from '../conf/cyrus-conf.js';

/** What becomes of a file of the old configdirectory. `left-to-target`: the new server makes its own. */
export type ConfigAction = 'written' | 'converted' | 'copied' | 'dropped' | 'left-to-target';

export interface ConfigKind {
  /** As the cutover's output and README name it; `*` stands for a user, or `shared`. */
  readonly what: string;
  /** What becomes of it; of several the cutover says which, and why. */
  readonly actions: readonly [ConfigAction, ...ConfigAction[]];
  /** Why, and what to do about it; the cutover may know better. */
  readonly note: string;
  /** Of the paths of its files below the configdirectory. */
  readonly path?: RegExp;
  /** Of the names of directories there that hold nothing else. */
  readonly directory?: RegExp;
  /** A database, which `*_db_path` may put elsewhere. */
  readonly database?: DbKind;
  /** An option that names its directory or file; all below it is of this kind. */
  readonly option?: readonly string[];
}

/** `domain/H/DOMAIN/`, or nothing. */
const DOMAIN = '(?:domain/[^/]+/[^/]+/)?';

/**
 * A user's file by name or by uniqueid, or that of shared mailboxes.
 * @param beside Ends of names of what belongs to the file and lies beside it.
 */
function ofUsers(suffix: string, beside = ''): RegExp {
  return new RegExp(
    `^(?:${DOMAIN}user/[^/]+/[^/]+\\.${suffix}|user/uuid/[^/]/[^/]/[^/]+/${suffix}\\.db|${DOMAIN}shared\\.${suffix})${beside}$`,
  );
}

/** The first that fits a path is its kind. */
export const CONFIG_KINDS = [
  {
    what: '*.NEW, *.OLD',
    actions: ['dropped'],
    note: 'unfinished, or set aside by a server',
    path: /\.(?:NEW|OLD)$/,
  },
  {
    what: 'mailboxes.db',
    actions: ['written'],
    note: "in the target's dialect and backend",
    path: /^mailboxes\.db$/,
    database: 'mailboxes',
  },
  {
    what: 'annotations.db',
    actions: ['converted'],
    note: "names to uniqueids, the owner's entries, the server's own too",
    path: /^annotations\.db$/,
    database: 'annotations',
  },
  {
    what: 'quota',
    actions: ['written'],
    note: 'limits kept, usage summed from the indexes',
    path: new RegExp(`^(?:${DOMAIN}quota/[^/]+/[^/]+|${DOMAIN}quota/root|quotas\\.db)$`),
    database: 'quota',
  },
  {
    what: 'user_deny.db',
    actions: ['converted'],
    note: '',
    path: /^user_deny\.db$/,
    database: 'userdeny',
  },
  {
    what: 'deliver.db',
    actions: ['copied', 'converted', 'dropped'],
    note: '',
    path: /^deliver\.db$/,
    database: 'duplicate',
  },
  {
    what: 'user/*.seen',
    actions: ['converted'],
    note: "in the target's backend and hashing, by the uniqueids that the target has",
    path: ofUsers('seen'),
  },
  {
    what: 'user/*.sub',
    actions: ['converted'],
    note: "in the target's backend, hashing and form of names",
    path: ofUsers('sub'),
  },
  {
    what: 'user/*.mboxkey',
    actions: ['converted'],
    note: "in the target's backend and hashing",
    path: ofUsers('mboxkey'),
  },
  {
    what: 'user/*.counters',
    actions: ['copied', 'converted', 'dropped'],
    note: 'every later version reads it',
    path: ofUsers('counters'),
  },
  {
    what: 'user/*.conversations',
    actions: ['copied', 'left-to-target', 'dropped'],
    note: '',
    path: ofUsers('conversations'),
  },
  {
    what: 'user/*.dav',
    actions: ['copied', 'left-to-target', 'dropped'],
    note: '',
    path: ofUsers('dav', '(?:-journal)?'),
  },
  {
    what: 'user/*.xapianactive',
    actions: ['dropped'],
    note: 'names search databases that stay behind',
    path: ofUsers('xapianactive'),
  },
  {
    what: 'user/*.modseq, *.uidvalidity',
    actions: ['dropped'],
    note: 'of versions before 3.0, which put both into the counters',
    path: ofUsers('(?:modseq|uidvalidity)'),
  },
  { what: 'msg/motd', actions: ['copied'], note: 'greets users', path: /^msg\/motd$/ },
  {
    what: 'msg/shutdown',
    actions: ['dropped'],
    note: 'it would close the new server as well',
    path: /^msg\/shutdown$/,
  },
  {
    what: 'sieve',
    actions: ['copied', 'dropped'],
    note: 'scripts, bytecode, and which one is active',
    option: ['sievedir'],
  },
  {
    what: 'fetchnews.db, fetchnews.stamp, newsstamp',
    actions: ['copied'],
    note: 'how far a news feed has been read',
    path: /^(?:fetchnews\.db|fetchnews\.stamp|newsstamp)$/,
    option: ['newsrc_db_path'],
  },
  {
    what: 'dkim.public',
    actions: ['copied'],
    note: 'the key that iSchedule shows',
    path: /^dkim\.public$/,
  },
  {
    what: 'zoneinfo, zoneinfo.db',
    actions: ['left-to-target'],
    note: 'run ctl_zoneinfo -r',
    path: /^zoneinfo\.db$/,
    directory: /^zoneinfo$/,
    database: 'zoneinfo',
    option: ['zoneinfo_dir'],
  },
  {
    what: 'caldav_alarm.sqlite3',
    actions: ['left-to-target'],
    note: 'run dav_reconstruct -a, where there are calendars',
    path: /^caldav_alarm\.sqlite3(?:-journal|-wal|-shm)?$/,
  },
  {
    what: 'db',
    actions: ['dropped'],
    note: 'environment and stamps of the old databases',
    directory: /^db$/,
  },
  {
    what: 'db.backup1, db.backup2',
    actions: ['dropped'],
    note: "the old server's copies of its databases",
    directory: /^db\.backup\d*$/,
  },
  {
    what: 'tls_sessions.db',
    actions: ['dropped'],
    note: 'a cache',
    path: /^tls_sessions\.db$/,
    database: 'tls',
  },
  {
    what: 'statuscache.db',
    actions: ['dropped'],
    note: 'a cache',
    path: /^statuscache\.db$/,
    database: 'statuscache',
  },
  {
    what: 'ptclient',
    actions: ['dropped'],
    note: 'a cache of groups, and a socket',
    path: /^ptscache\.db$/,
    directory: /^ptclient$/,
    database: 'pts',
  },
  {
    what: 'caches of sort, search, replication and JMAP',
    actions: ['dropped'],
    note: 'made anew',
    path: new RegExp(
      `^(?:(?:sortcache|search_indexed|sync_cache|jmap_emailsearch)\\.db|sphinx\\.conf|${DOMAIN}user/[^/]+/[^/]+\\.sync_cache)$`,
    ),
    directory: /^sphinx$/,
  },
  {
    what: 'proc, lock, socket, stats',
    actions: ['dropped'],
    note: 'the state of running processes',
    path: /^(?:master\.ready|deadlock|srvtab|[^/]+\.pid)$/,
    directory: /^(?:proc|lock|socket|stats|run|rpm|quota-sync)$/,
    option: [
      'proc_path',
      'mboxname_lockpath',
      'prometheus_stats_dir',
      'lmtpsocket',
      'idlesocket',
      'notifysocket',
      'temp_path',
      'ptscache_path',
    ],
  },
  {
    what: 'sync, replicaonly',
    actions: ['dropped'],
    note: 'logs of a replication: let it run out before the cutover where there is a replica',
    directory: /^(?:sync|replicaonly)$/,
  },
  {
    what: 'backup, backups.db',
    actions: ['dropped'],
    note: "of Cyrus's own backups, for which the new server starts a new series",
    path: /^backups\.db$/,
    directory: /^backup$/,
    option: ['backup_db_path', 'backup_staging_path'],
  },
  {
    what: 'log',
    actions: ['dropped'],
    note: 'telemetry; make a directory log/USER on the new server for whom it is wanted',
    directory: /^log$/,
  },
  { what: 'core', actions: ['dropped'], note: 'left by a process that died', path: /^core(?:\.\d+)?$/ },
] as const satisfies readonly ConfigKind[];

export type ConfigWhat = (typeof CONFIG_KINDS)[number]['what'];

/** Where a directory or file of `kind` lies by an option, below the configdirectory. */
function placedBy(kind: ConfigKind, conf: CyrusConf): string[] {
  const paths = [
    ...(kind.option ?? []).map((name) => conf.option(name)),
    kind.database && conf.databases[kind.database].path,
  ];
  const below = `${conf.configDirectory}/`;
  return paths
    .flatMap((path) => (path?.startsWith(below) ? path.slice(below.length).replace(/\/+$/, '') : []))
    .filter((path) => path !== '');
}

/** Names the kind of each file of one configdirectory. */
export class ConfigKinds {
  readonly #placed: readonly { readonly path: string; readonly kind: ConfigKind }[];

  constructor(conf: CyrusConf) {
    this.#placed = CONFIG_KINDS.flatMap((kind) => placedBy(kind, conf).map((path) => ({ path, kind })));
  }

  /** @param path Of a file below the configdirectory. @returns undefined for what is no file of Cyrus's. */
  of(path: string): ConfigKind | undefined {
    const cut = path.lastIndexOf('/');
    const placed =
      this.#placed.find((one) => path === one.path)?.kind ?? (cut < 0 ? undefined : this.below(path.slice(0, cut)));
    return placed ?? CONFIG_KINDS.find((kind: ConfigKind) => kind.path?.test(path));
  }

  /** The kind of all that lies below a directory; undefined where that is not one kind. */
  below(directory: string): ConfigKind | undefined {
    const placed = this.#placed.find((one) => directory === one.path || directory.startsWith(`${one.path}/`));
    const top = directory.split('/', 1)[0]!;
    return placed?.kind ?? CONFIG_KINDS.find((kind: ConfigKind) => kind.directory?.test(top));
  }
}
