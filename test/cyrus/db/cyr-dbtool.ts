import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DbEntry } from '../../../src/cyrus/db/entry.js';

const TOOL = '/usr/lib/cyrus/bin/cyr_dbtool';

/** Why the real tool cannot run here. */
export function whatIsMissing(): string | undefined {
  if (!existsSync(TOOL)) return 'needs cyr_dbtool: apt-get install cyrus-admin cyrus-common';
  if (process.getuid?.() !== 0) return 'needs root, since cyr_dbtool becomes user cyrus';
  return undefined;
}

export type Step =
  | { readonly command: 'BEGIN' | 'COMMIT' | 'ABORT' }
  | { readonly command: 'SET'; readonly key: string; readonly value: string }
  | { readonly command: 'DELETE'; readonly key: string };

export interface ToolBackend {
  readonly name: 'flat' | 'skiplist' | 'twoskip';
  /** Opened with -M. */
  readonly mbox?: boolean;
}

/** Real cyr_dbtool over files in a directory of its own. */
export class CyrDbtool {
  private readonly dir: string;
  private readonly cyrus = {
    uid: Number(execFileSync('id', ['-u', 'cyrus'], { encoding: 'utf8' })),
    gid: Number(execFileSync('id', ['-g', 'cyrus'], { encoding: 'utf8' })),
  };

  /** @param parent For the directory of its own; on a tmpfs the tool commits hundreds of times a second. */
  constructor(parent = tmpdir()) {
    this.dir = mkdtempSync(join(parent, 'cyrsync-db-'));
    chmodSync(this.dir, 0o755);
    for (const dir of ['', 'conf', 'conf/db', 'spool']) {
      mkdirSync(join(this.dir, dir), { recursive: true });
      this.own(join(this.dir, dir));
    }
    const conf = [
      'configdirectory: conf',
      'defaultpartition: default',
      'partition-default: spool',
      'syslog_prefix: cyrsync',
    ];
    writeFileSync(join(this.dir, 'imapd.conf'), `${conf.join('\n').replace(/: (conf|spool)/g, `: ${this.dir}/$1`)}\n`);
    chmodSync(join(this.dir, 'imapd.conf'), 0o644);
    this.recoverSkiplists(false);
  }

  /** Whether each skiplist file is recovered when opened, as after a crash; otherwise its pointers count. */
  recoverSkiplists(always: boolean): void {
    const stamp = join(this.dir, 'conf/db/skipstamp');
    if (always) rmSync(stamp, { force: true });
    else writeFileSync(stamp, Buffer.from([0, 0, 0, 1]));
  }

  /** Puts bytes where the tool may change them. */
  put(bytes: Buffer): void {
    for (const leftover of ['', '.NEW']) rmSync(this.file + leftover, { force: true });
    writeFileSync(this.file, bytes);
    this.own(this.file);
  }

  removeFile(): void {
    rmSync(this.file, { force: true });
  }

  get(): Buffer {
    return readFileSync(this.file);
  }

  /** Runs one of the tool's actions. Its status is null if it died. */
  run(
    backend: ToolBackend,
    args: string[],
    input: Buffer = Buffer.alloc(0),
  ): { status: number | null; stdout: string } {
    const flags = ['-C', join(this.dir, 'imapd.conf'), '-n', ...(backend.mbox ? ['-M'] : [])];
    const options = { input, maxBuffer: 1 << 28 };
    const { status, stdout } = spawnSync(TOOL, [...flags, this.file, backend.name, ...args], options);
    return { status, stdout: stdout.toString('latin1') };
  }

  /** Starts a process group that runs a batch for each file of commands, one after the other, on its own. */
  start(backend: ToolBackend, commands: readonly string[]): ChildProcess {
    const script =
      'tool=$1 conf=$2 file=$3 backend=$4; shift 4; for c; do "$tool" -C "$conf" -n "$file" "$backend" batch <"$c"; done';
    const args = [TOOL, join(this.dir, 'imapd.conf'), this.file, backend.name, ...commands];
    return spawn('sh', ['-c', script, 'sh', ...args], { stdio: 'ignore', detached: true });
  }

  isConsistent(backend: ToolBackend): boolean {
    return this.run(backend, ['consistent']).stdout === 'Yes, consistent\n';
  }

  /**
   * Fetches some keys, does the steps, shows all: what was found of `fetch`, then what is there at the end. Undefined
   * if the tool could not.
   */
  batch(backend: ToolBackend, steps: readonly Step[], fetch: readonly string[] = []): DbEntry[] | undefined {
    const gets = fetch.map((key) => `GET ${literal(key)}\n`);
    const { status, stdout } = this.run(
      backend,
      ['batch'],
      Buffer.from([...gets, commandsOf(steps), 'SHOW\n'].join(''), 'latin1'),
    );
    return status === 0 ? parseShown(stdout) : undefined;
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** The directory that holds {@link name}. */
  get directory(): string {
    return join(this.dir, 'conf');
  }

  readonly name = 'test.db';

  private get file(): string {
    return join(this.directory, this.name);
  }

  private own(path: string): void {
    chownSync(path, this.cyrus.uid, this.cyrus.gid);
  }
}

/** What `batch` reads: commands with their arguments as IMAP literals. */
export function commandsOf(steps: readonly Step[]): string {
  const lines = steps.map((step) => {
    if (step.command === 'SET') return `SET ${literal(step.key)} ${literal(step.value)}\n`;
    if (step.command === 'DELETE') return `DELETE ${literal(step.key)}\n`;
    return `${step.command}\n`;
  });
  return lines.join('');
}

function literal(bytes: string): string {
  return `{${bytes.length}+}\r\n${bytes}`;
}

/** Lines of two IMAP strings: atom, "quoted" or literal (lib/prot.c prot_printamap). */
function parseShown(text: string): DbEntry[] {
  const entries: DbEntry[] = [];
  let at = 0;
  const take = (): string => {
    if (text[at] === '{') {
      const headEnd = text.indexOf('\r\n', at) + 2;
      at = headEnd + Number.parseInt(text.slice(text.indexOf('{', at) + 1), 10);
      return text.slice(headEnd, at);
    }
    if (text[at] === '"') {
      const end = text.indexOf('"', at + 1);
      const quoted = text.slice(at + 1, end);
      at = end + 1;
      return quoted;
    }
    const start = at;
    while (text[at] !== ' ' && text[at] !== '\n') at++;
    return text.slice(start, at);
  };
  while (at < text.length) {
    const key = take();
    at++; // blank
    const value = take();
    at++; // line feed
    entries.push({ key, value });
  }
  return entries;
}
