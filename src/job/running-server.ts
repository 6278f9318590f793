/**
 * Is a server at work on one side? Evidence that this host can see: processes named in proc/, a master with this
 * imapd.conf, listening sockets, open files below the server's directories. A source that is a mount or a copy proves
 * nothing this way: then the second sweep decides.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { databaseDirectories } from '../cyrus/layout/config-paths.js';
import { joinPath, osPath } from '../disk/os-path.js';
import type { Side } from './job.js';

/** @returns what was seen, empty where nothing was. */
export function runningServer(side: Side): string[] {
  const { conf } = side;
  const evidence: string[] = [];
  for (const name of list(side.real(conf.procPath))) {
    const pid = /^(\d+)/.exec(name)?.[1];
    const program = pid === undefined ? undefined : commandOf(pid);
    if (program !== undefined && CYRUS_PROGRAMS.test(program))
      evidence.push(`${conf.procPath}/${name}: process ${pid} (${program}) runs`);
  }
  const directories = [
    ...databaseDirectories(conf),
    conf.sieveDir,
    ...[...conf.partitions.values()].flatMap((p) => [p.data, p.archive, ...Object.values(p.meta)]),
  ]
    .filter((path): path is string => path !== undefined)
    .map((path) => side.real(path));
  const prefixes = [...new Set(directories)].map((path) => `${path}/`);
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid))) {
    const program = commandOf(pid) ?? '';
    if (program === 'master' && masterOf(pid, side))
      evidence.push(`process ${pid} is a Cyrus master with ${conf.file}`);
    const open = CYRUS_PROGRAMS.test(program) ? openFile(pid, prefixes) : undefined;
    if (open !== undefined) evidence.push(`process ${pid} (${program}) has ${open} open`);
  }
  const sockets = ['lmtpsocket', 'idlesocket', 'notifysocket']
    .flatMap((option) => conf.option(option) ?? [])
    .map((path) => side.real(path));
  for (const line of readText('/proc/net/unix').split('\n')) {
    const path = line.split(/\s+/)[7] ?? '';
    if (path !== '' && (sockets.includes(path) || path.startsWith(`${side.real(conf.configDirectory)}/socket/`)))
      evidence.push(`a process listens on ${path}`);
  }
  return [...new Set(evidence)];
}

/** Names of Cyrus programs, cut at 15 characters as the kernel does. */
const CYRUS_PROGRAMS =
  /^(master|imapd|pop3d|lmtpd|lmtpproxyd|timsieved|nntpd|httpd|idled|notifyd|sync_client|sync_server|squatter|cyr_expire|ctl_cyrusdb|ctl_mboxlist|reconstruct|quota|ipurge|cyr_\w+|fud|smmapd|mupdate|calalarmd|promstatsd|ctl_\w+)$/;

function commandOf(pid: string): string | undefined {
  const text = readText(`/proc/${pid}/comm`).trim();
  return text === '' ? undefined : text;
}

/** Whether this master was started with this side's imapd.conf, within this side's root. */
function masterOf(pid: string, side: Side): boolean {
  const words = readText(`/proc/${pid}/cmdline`).split('\0');
  if (!words.some((word) => word.includes('cyrus'))) return false;
  const at = words.findIndex((word) => word.startsWith('-C'));
  const conf = at < 0 ? '/etc/imapd.conf' : words[at] === '-C' ? (words[at + 1] ?? '') : words[at]!.slice(2);
  const root = linkOf(`/proc/${pid}/root`) ?? '/';
  return joinPath(root, conf) === joinPath('/', side.real(side.conf.file));
}

function openFile(pid: string, prefixes: readonly string[]): string | undefined {
  const root = linkOf(`/proc/${pid}/root`) ?? '/';
  for (const fd of list(`/proc/${pid}/fd`)) {
    const path = linkOf(`/proc/${pid}/fd/${fd}`);
    if (path === undefined) continue;
    const real = root === '/' || path.startsWith(`${root}/`) ? path : root + path;
    if (prefixes.some((prefix) => real.startsWith(prefix))) return real;
  }
  return undefined;
}

/** Entries of a directory that may not be there, or may be another user's. */
function list(path: string): string[] {
  try {
    return readdirSync(osPath(path), { encoding: 'latin1' as BufferEncoding });
  } catch {
    return []; // a process that ended meanwhile, or one we may not look into: no evidence
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(osPath(path), { encoding: 'latin1' as BufferEncoding });
  } catch {
    return undefined; // as above
  }
}

function readText(path: string): string {
  try {
    return readFileSync(osPath(path), 'latin1');
  } catch {
    return ''; // as above
  }
}
