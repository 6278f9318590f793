import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How a test's server is laid out. All its directories lie below `dir`. */
export interface CyrusSetup {
  /** Absolute, short (sockets lie below it), readable by cyrus. */
  readonly dir: string;
  /** A chroot that has the server; `dir` is a path within. The host's own when absent. */
  readonly root?: string | undefined;
  /** hashimapspool and fulldirhash. */
  readonly hash?: 'full' | 'basic' | 'none' | undefined;
  /** Names; the first is the default partition. ['default'] when absent. */
  readonly partitions?: readonly string[] | undefined;
  /** Partitions that have a metapartition; `true`: all. */
  readonly meta?: boolean | readonly string[] | undefined;
  readonly metaFiles?: string | undefined;
  /** `archive_after` (`1d`): switches archiving on. */
  readonly archiveAfter?: string | undefined;
  /** Partitions that have an archive partition; all where archiving is on and this is absent. */
  readonly archivePartitions?: readonly string[] | undefined;
  /** Any other option; replaces what is written otherwise. */
  readonly options?: Readonly<Record<string, string>> | undefined;
}

export const SERVER_NAME = 'mail.example.org';
const ALL_META = 'header index cache expunge squat annotations';

/**
 * Text of the imapd.conf. Options whose default differs between versions, and all that changes the view,
 * are named always.
 */
export function imapdConf(setup: CyrusSetup, syslogPrefix: string): string {
  const { dir, hash = 'full', partitions = ['default'] } = setup;
  const withArchive = setup.archiveAfter ? (setup.archivePartitions ?? partitions) : [];
  const withMeta = setup.meta === true ? partitions : setup.meta || [];
  const options: Record<string, string> = {
    configdirectory: `${dir}/conf`,
    proc_path: `${dir}/run/proc`,
    mboxname_lockpath: `${dir}/run/lock`,
    lmtpsocket: `${dir}/run/socket/lmtp`,
    idlesocket: `${dir}/run/socket/idle`,
    notifysocket: `${dir}/run/socket/notify`,
    sievedir: `${dir}/sieve`,
    sieveusehomedir: 'no',
    defaultpartition: partitions[0]!,
    admins: 'cyrus',
    servername: SERVER_NAME,
    allowplaintext: 'yes',
    allowusermoves: 'yes',
    sasl_mech_list: 'PLAIN',
    sasl_pwcheck_method: 'auxprop',
    sasl_auxprop_plugin: 'sasldb',
    sasl_sasldb_path: `${dir}/sasldb2`,
    umask: '077',
    syslog_prefix: syslogPrefix,
    duplicatesuppression: 'no',
    quotawarnpercent: '100',
    maxmessagesize: '0',
    hashimapspool: hash === 'none' ? 'no' : 'yes',
    fulldirhash: hash === 'full' ? 'yes' : 'no',
    unixhierarchysep: 'yes',
    altnamespace: 'no',
    virtdomains: 'off',
    delete_mode: 'delayed',
    expunge_mode: 'delayed',
  };
  for (const name of partitions) {
    options[`partition-${name}`] = `${dir}/spool/${name}`;
    if (withMeta.includes(name)) options[`metapartition-${name}`] = `${dir}/meta/${name}`;
    if (withArchive.includes(name)) options[`archivepartition-${name}`] = `${dir}/archive/${name}`;
  }
  if (withMeta.length > 0) options.metapartition_files = setup.metaFiles ?? ALL_META;
  if (setup.archiveAfter) Object.assign(options, { archive_enabled: 'yes', archive_after: setup.archiveAfter });
  Object.assign(options, setup.options);
  return Object.entries(options)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
}

/** Ports on 127.0.0.1. */
export interface Ports {
  readonly imap: number;
  readonly lmtp: number;
  readonly sieve: number;
}

/** Text of the cyrus.conf: nothing that runs on its own but the recovery at the start. */
export function cyrusConf(confFile: string, ports: Ports): string {
  const service = (name: string, command: string, port: number) =>
    `  ${name} cmd="${command}" listen="127.0.0.1:${port}" prefork=0 maxchild=50\n`;
  return `START {
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -C ${confFile} -r"
}
SERVICES {
${service('imap', `imapd -C ${confFile}`, ports.imap)}${service('lmtp', `lmtpd -C ${confFile} -a`, ports.lmtp)}${service('sieve', `timsieved -C ${confFile}`, ports.sieve)}}
EVENTS {
}
`;
}

/**
 * Makes the directories that must be there before the first start, and the imapd.conf; owners are not set.
 * @returns the imapd.conf, as the server names it
 */
export function writeCyrusTree(setup: CyrusSetup, syslogPrefix: string): string {
  const text = imapdConf(setup, syslogPrefix);
  const root = setup.root ?? '';
  const config = ['db', 'user', 'quota', 'proc', 'lock', 'log', 'msg', 'socket'].map((d) => `conf/${d}`);
  for (const d of [...config, 'run/proc', 'run/lock', 'run/socket', 'sieve']) {
    mkdirSync(join(root, setup.dir, d), { recursive: true });
  }
  for (const [, path] of text.matchAll(/^(?:(?:meta|archive)?partition|metadir-[a-z]+)-[^:]*: (.*)$/gm)) {
    mkdirSync(join(root, path!), { recursive: true });
  }
  const file = join(setup.dir, 'imapd.conf');
  writeFileSync(join(root, file), text);
  return file;
}
