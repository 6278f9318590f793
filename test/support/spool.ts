import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import type { ImapState } from './imap-state.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** Spools in fixtures/spools, each named after the version that wrote it. */
export const SPOOLS = [
  '2.2-virt-fullhash',
  '2.3-skiplist-uhs',
  '2.4-netnews-meta',
  '2.5-conv-meta',
  '3.0-uhs-plain',
  '3.2-uhs-meta',
  '3.6-uuid-archive',
  '3.6-virtdomains',
] as const;
export type SpoolName = (typeof SPOOLS)[number];

export interface UnpackedSpool {
  readonly name: string;
  /** What `--from-root` takes: the spool's absolute paths lie below it. */
  readonly root: string;
  /** As `--from` names it, without the root. */
  readonly confFile: string;
  /** The unpacked directory itself. */
  readonly dir: string;
}

/** Unpacks a spool below `root`, owners, modes, times and links as recorded (needs root for the owners). */
export async function unpackSpool(name: SpoolName | '3.2-netnews-plain', root: string): Promise<UnpackedSpool> {
  const dir = join(root, 'srv/old', name);
  mkdirSync(dir, { recursive: true });
  await promisify(execFile)('tar', ['-xpzf', fixture(name, 'tar.gz'), '--numeric-owner', '-C', dir]);
  return { name, root, confFile: `/srv/old/${name}/imapd.conf`, dir };
}

/** What the old server's IMAP and ManageSieve showed of a spool. */
export function spoolState(name: string): ImapState {
  return JSON.parse(gunzipSync(readFileSync(fixture(name, 'state.json.gz'))).toString()) as ImapState;
}

function fixture(name: string, extension: string): string {
  const found = ['spools', 'demo'].map((d) => join(FIXTURES, d, `${name}.${extension}`)).find((f) => existsSync(f));
  if (!found) throw new Error(`no fixture ${name}.${extension}`);
  return found;
}

/** Options of an imapd.conf by lower-case key; no includes, no continuation. */
export function readConfOptions(file: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const line of readFileSync(file, 'latin1').split('\n')) {
    const match = /^([A-Za-z0-9_.-]+):\s*(.*?)\s*$/.exec(line);
    if (match) options.set(match[1]!.toLowerCase(), match[2]!);
  }
  return options;
}

/** Path → everything about a file that a reader must not change (content, mode, owner, times, links). */
export function snapshotTree(root: string): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (path: Buffer) => {
    const stat = lstatSync(path, { bigint: true });
    const content = stat.isFile()
      ? createHash('sha1').update(readFileSync(path)).digest('hex')
      : stat.isSymbolicLink()
        ? readlinkSync(path)
        : '';
    const size = stat.isDirectory() ? 0n : stat.size;
    const facts = [stat.mode, stat.uid, stat.gid, size, stat.mtimeNs, stat.ctimeNs, stat.nlink, content];
    found.set(path.toString('latin1'), facts.join(' '));
    if (!stat.isDirectory()) return;
    for (const name of readdirSync(path, 'buffer')) visit(Buffer.concat([path, Buffer.from('/'), name]));
  };
  visit(Buffer.from(root));
  return found;
}

/** Paths that came, went or changed. */
export function changedPaths(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path) !== after.get(path));
}

/** Options of an old server that change what users see. */
const KEPT = [
  ...['unixhierarchysep', 'altnamespace', 'virtdomains', 'defaultdomain', 'username_tolower', 'conversations'],
  ...['annotation_allow_undefined', 'delete_mode', 'expunge_mode'],
];

/** Those of them that the spool's imapd.conf names: the new server must have them too. */
export function keptOptions(spool: UnpackedSpool): Record<string, string> {
  const old = readConfOptions(join(spool.dir, 'imapd.conf'));
  return Object.fromEntries(KEPT.flatMap((key) => (old.has(key) ? [[key, old.get(key)!]] : [])));
}
