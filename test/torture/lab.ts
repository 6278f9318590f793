import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import Database from 'better-sqlite3';
import { type CyrusConf, interpretConf } from '../../src/cyrus/conf/cyrus-conf.js';
import { parseImapdConf } from '../../src/cyrus/conf/imapd-conf.js';
import { readDatabase, writeDatabase } from '../../src/cyrus/db/database.js';
import { detectBackend } from '../../src/cyrus/db/detect.js';
import { type MailboxPlace, placeOf } from '../../src/cyrus/layout/mailbox-place.js';
import {
  isLive,
  type MailboxEntry,
  readMailboxEntries,
  writeMailboxEntries,
} from '../../src/cyrus/records/mailboxes-db.js';
import { isAtLeast, parseCyrusVersion } from '../../src/cyrus/version.js';
import { type CyrsyncDocument, MAIN } from '../support/cyrsync.js';
import { type CyrusSetup, writeCyrusTree } from '../support/cyrus-conf.js';
import type { PassFigures } from '../support/job.js';
import { type SpoolName, unpackSpool } from '../support/spool.js';

/** Owner of all that the target gets; neither root nor what the spools have, so that a missing chown shows. */
const OWNER = { uid: 1234, gid: 1235 };
const CLOCK = fileURLToPath(new URL('./fixed-clock.cjs', import.meta.url));

export interface Run {
  readonly code: number | null;
  readonly document: (CyrsyncDocument & PassFigures) | undefined;
  readonly stderr: string;
  readonly seconds: number;
}

export interface RunOptions {
  /** SIGKILL after so many milliseconds. */
  readonly killAfterMs?: number;
  /** SIGKILL as soon as this is so; asked every few milliseconds. */
  readonly killWhen?: () => boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** One bundled spool that the test owns, a target without Cyrus, and jobs from one to the other. */
export class Lab {
  readonly dir: string;
  readonly conf: CyrusConf;
  readonly spoolDir: string;
  readonly nowMs: number;
  readonly #spool: { root: string; confFile: string };
  readonly #setup: Omit<CyrusSetup, 'dir'>;

  private constructor(
    dir: string,
    spool: { root: string; confFile: string; dir: string },
    version: string,
    setup: Omit<CyrusSetup, 'dir'>,
  ) {
    this.dir = dir;
    this.#spool = spool;
    this.spoolDir = spool.dir;
    this.#setup = setup;
    this.nowMs = Date.now() + 3_600_000;
    const file = join(spool.dir, 'imapd.conf');
    const read = () => readFileSync(file);
    this.conf = interpretConf(parseImapdConf(read(), file, read), parseCyrusVersion(version)!, file);
  }

  static async open(name: SpoolName, setup: Omit<CyrusSetup, 'dir'>): Promise<Lab> {
    const dir = mkdtempSync(join(tmpdir(), 'cyrsync-torture-'));
    chmodSync(dir, 0o755); // the target's own tools, where installed, run as its owner
    const spool = await unpackSpool(name, join(dir, 'old-root'));
    return new Lab(dir, spool, name.split('-')[0]!, setup);
  }

  close(): void {
    if (!process.env.CYRSYNC_KEEP) rmSync(this.dir, { recursive: true, force: true });
  }

  /** A file of the source by the path that its server has for it. */
  source(path: string): string {
    return this.#spool.root + path;
  }

  /** A job with an empty target of its own. All targets of a lab have the same paths below `dir`. */
  async job(name: string, toml = ''): Promise<TortureJob> {
    const dir = join(this.dir, name);
    mkdirSync(dir);
    const options = { cyrus_user: String(OWNER.uid), cyrus_group: String(OWNER.gid), ...this.#setup.options };
    const conf = writeCyrusTree({ ...this.#setup, options, dir: join(dir, 'new') }, 'torture');
    execFileSync('chown', ['-R', `${OWNER.uid}:${OWNER.gid}`, join(dir, 'new')]);
    const job = new TortureJob(this, dir, conf);
    await job.must(
      0,
      'init',
      '--from',
      this.#spool.confFile,
      '--from-root',
      this.#spool.root,
      '--from-version',
      this.conf.version,
      '--to',
      conf,
      '--to-version',
      '3.6',
    );
    if (toml !== '') writeFileSync(job.file, `${readFileSync(job.file, 'utf8')}\n${toml}\n`);
    return job;
  }

  get mailboxesDb(): string {
    return this.source(`${this.conf.configDirectory}/mailboxes.db`);
  }

  mailboxes(): MailboxEntry[] {
    const bytes = readFileSync(this.mailboxesDb);
    return readMailboxEntries(readDatabase(bytes, this.mailboxesDb).entries, this.conf, this.mailboxesDb).mailboxes;
  }

  live(): MailboxEntry[] {
    return this.mailboxes().filter(isLive);
  }

  /** Rewrites the source's mailboxes.db, by a new file and a rename, as a checkpoint does. */
  writeMailboxes(list: readonly MailboxEntry[]): void {
    const backend = detectBackend(readFileSync(this.mailboxesDb)) as 'skiplist' | 'twoskip';
    const bytes = writeDatabase(backend, writeMailboxEntries(list, this.conf), {
      version: this.conf.version,
      nowSec: 1,
    });
    writeFileSync(`${this.mailboxesDb}.NEW`, bytes);
    renameSync(`${this.mailboxesDb}.NEW`, this.mailboxesDb);
  }

  get isByUniqueid(): boolean {
    return isAtLeast(this.conf.version, '3.6');
  }

  #place(entry: MailboxEntry): MailboxPlace {
    const { name, uniqueid, partition, legacy } = entry;
    const place = placeOf(this.conf, { name, uniqueid, partition: partition!, legacy: !this.isByUniqueid || legacy });
    if (!place) throw new Error(`no place for ${name}`);
    return place;
  }

  /** Real directories by role, the same one perhaps in several: data, archive, index. */
  roleDirectories(entry: MailboxEntry): string[] {
    const { data, archive, meta } = this.#place(entry);
    return [meta.index, data, archive ?? data].map((path) => this.source(path));
  }

  indexFile(entry: MailboxEntry): string {
    return this.source(`${this.#place(entry).meta.index}/cyrus.index`);
  }

  dataDir(entry: MailboxEntry): string {
    return this.source(this.#place(entry).data);
  }

  /** Real paths of its message files. */
  messageFiles(entry: MailboxEntry): string[] {
    const { data, archive } = this.#place(entry);
    return [...new Set([data, archive ?? data])].flatMap((path) => {
      const dir = this.source(path);
      return existsSync(dir)
        ? readdirSync(dir)
            .filter((name) => MESSAGE.test(name))
            .map((name) => join(dir, name))
        : [];
    });
  }

  hasArchived(entry: MailboxEntry): boolean {
    const { archive } = this.#place(entry);
    return archive !== null && existsSync(this.source(archive)) && readdirSync(this.source(archive)).length > 0;
  }
}

export class TortureJob {
  readonly file: string;
  readonly target: string;

  constructor(
    readonly lab: Lab,
    readonly dir: string,
    readonly conf: string,
  ) {
    this.file = join(dir, 'job.toml');
    this.target = join(dir, 'new');
  }

  run(
    command: string,
    args: readonly string[] = [],
    { killAfterMs, killWhen, env = {} }: RunOptions = {},
  ): Promise<Run> {
    const started = performance.now();
    const child = spawn(process.execPath, [MAIN, command, ...args, '--job', this.file, '--json'], {
      cwd: this.dir,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: `--require ${CLOCK}`, TORTURE_NOW_MS: String(this.lab.nowMs), ...env },
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    // A hang is a failure of its own: code null, and not asked for.
    const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs ?? 120_000);
    const poll = setInterval(() => {
      if (killWhen?.()) child.kill('SIGKILL');
    }, 3);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        clearTimeout(timer);
        clearInterval(poll);
        const text = Buffer.concat(out).toString();
        const document = code === null ? undefined : (JSON.parse(text) as NonNullable<Run['document']>);
        resolve({
          code,
          document,
          stderr: Buffer.concat(err).toString(),
          seconds: (performance.now() - started) / 1000,
        });
      });
    });
  }

  /** @throws where the exit code is none of those given. */
  async must(
    exit: number | readonly number[],
    command: string,
    ...args: string[]
  ): Promise<NonNullable<Run['document']>> {
    const run = await this.run(command, args);
    if (run.code === null || ![exit].flat().includes(run.code)) {
      throw new Error(
        `cyrsync ${command} ${args.join(' ')}: exit ${run.code}, ${JSON.stringify(run.document?.problems, null, 1)}\n${run.stderr}`,
      );
    }
    return run.document!;
  }

  /** After a kill: brings the cutover to its end, or sees that it was, where the kill came after *final* was recorded. */
  async endCutover(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const run = await this.run('cutover', [], { env });
    const isOver = run.code === 4 && run.document?.problems[0]?.code === 'final';
    if (!isOver && !(run.document?.final && (run.code === 0 || run.code === 3)))
      throw new Error(`cutover after a kill: exit ${run.code}, ${JSON.stringify(run.document)}\n${run.stderr}`);
  }

  presync(...args: string[]) {
    return this.must([0, 3], 'presync', ...args);
  }

  /** Makes a job give the same uniqueids as `other` where the source has none, or double ones. */
  adoptAssigned(other: TortureJob): void {
    copyTables(other.stateFile, this.stateFile, ['assigned', 'placement']);
  }

  get stateFile(): string {
    return join(this.dir, 'job.state.sqlite');
  }

  /** Puts state and target back to what `save` saw. */
  save(name: string): void {
    mkdirSync(join(this.lab.dir, 'saved'), { recursive: true });
    execFileSync('cp', ['-a', this.dir, join(this.lab.dir, 'saved', name)]);
  }

  restore(name: string): void {
    rmSync(this.dir, { recursive: true });
    execFileSync('cp', ['-a', join(this.lab.dir, 'saved', name), this.dir]);
  }
}

/**
 * Everything about a file of the source that reading must not change, access times too; but those of directories and links: Node
 * lists and resolves them without O_NOATIME, as this function does.
 */
export function everything(root: string): Map<string, string> {
  const found = new Map<string, string>();
  walk(root, '', (path, full) => {
    const s = lstatSync(full, { bigint: true });
    found.set(
      path,
      [s.ino, s.mode, s.uid, s.gid, s.size, s.nlink, s.isFile() ? s.atimeNs : '', s.mtimeNs, s.ctimeNs].join(' '),
    );
  });
  return found;
}

/** Message files bear INTERNALDATE; the times of all others are those of their writing. */
const MESSAGE = /(^|\/)[1-9]\d*\.$/;
/** The state of a test server, not written by any command. */
const OUTSIDE = /^(imapd\.conf|run(\/.*)?)$/;

export interface TreeOptions {
  /** Link groups are compared as well: message files of one mailbox that are one inode. */
  readonly links?: boolean;
}

/** What a target is: names, kinds, modes, owners, content, times of messages, which messages are one file. */
export function targetTree(root: string, { links = true }: TreeOptions = {}): Map<string, string> {
  const found = new Map<string, string>();
  const firstOf = new Map<string, string>();
  walk(root, '', (path, full) => {
    if (OUTSIDE.test(path)) return;
    const s = lstatSync(full, { bigint: true });
    const content = s.isFile()
      ? createHash('sha1').update(readFileSync(full)).digest('hex')
      : s.isSymbolicLink()
        ? readlinkSync(full)
        : '';
    const group = `${dirname(path)} ${s.ino}`;
    if (s.isFile() && !firstOf.has(group)) firstOf.set(group, path);
    const facts = [
      s.mode.toString(8),
      s.uid,
      s.gid,
      s.isFile() ? s.size : '',
      content,
      MESSAGE.test(path) ? s.mtimeNs : '',
    ];
    if (links && MESSAGE.test(path)) facts.push(firstOf.get(group)!);
    found.set(path, facts.join(' '));
  });
  return found;
}

/** Into a state that the copy of the other's schema makes. */
function copyTables(from: string, to: string, tables: readonly string[]): void {
  const db = new Database(from);
  db.exec(`VACUUM INTO '${to}'`);
  db.close();
  const copy = new Database(to);
  const all = copy.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
  for (const { name } of all) if (!tables.includes(name)) copy.exec(`DELETE FROM ${name}`);
  copy.close();
}

function walk(root: string, path: string, see: (path: string, full: string) => void): void {
  const full = join(root, path);
  if (path !== '') see(path, full);
  if (!lstatSync(full).isDirectory()) return;
  for (const name of readdirSync(full, { encoding: 'latin1' as BufferEncoding }).sort())
    walk(root, join(path, name), see);
}

/** Lines for each path that differs; empty where two trees are alike. */
export function differences(want: ReadonlyMap<string, string>, have: ReadonlyMap<string, string>): string[] {
  return [...new Set([...want.keys(), ...have.keys()])]
    .sort()
    .filter((path) => want.get(path) !== have.get(path))
    .slice(0, 12)
    .map((path) => `${path}: ${want.get(path) ?? '(none)'} -> ${have.get(path) ?? '(none)'}`);
}
