/** Source spools, made once and kept; targets, made for each run; the job of `cyrsync` from one to the other. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MAIN } from '../support/cyrsync.js';
import { writeCyrusTree } from '../support/cyrus-conf.js';
import { Image } from './images.js';
import { measure, type Run } from './measure.js';
import { generateSpool, type Owner, type SpoolSize, SpoolWriter } from './spool.js';

export interface Lab {
  readonly work: string;
  readonly images: string;
  /** Of the number of mailboxes, or of messages where there is one mailbox. */
  readonly scale: number;
  readonly runs: number | undefined;
  say(text: string): void;
}

const MIB = 2 ** 20;

function idOf(option: '-u' | '-g'): number {
  try {
    return Number(execFileSync('id', [option, 'cyrus'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return 1234; // no Cyrus here: any owner that is not ours costs the same calls
  }
}

export const OWNER: Owner = { uid: idOf('-u'), gid: idOf('-g') };

/** What each file takes on disk, beside its bytes in whole blocks: inode and directory entry. */
function diskBytes({ mailboxes, messages, meanBytes }: SpoolSize): number {
  const perMessage = meanBytes + 3000 + 800 + 256;
  return Math.ceil((mailboxes * (messages * perMessage + 30_000) * 1.15 + 300 * MIB) / MIB) * MIB;
}

function inodes({ mailboxes, messages }: SpoolSize): number {
  return mailboxes * (messages + 6) + 50_000;
}

/** A spool on a file system of its own. Paths in its imapd.conf are real ones. */
export class SourceSpool {
  readonly size: SpoolSize;
  readonly image: Image;

  constructor(work: string, size: SpoolSize) {
    this.size = size;
    const name = `${size.mailboxes}x${size.messages}x${size.meanBytes}`;
    this.image = new Image(join(work, `source-${name}.img`), join(work, 'mnt', name));
  }

  get dir(): string {
    return this.image.mount;
  }

  get partition(): string {
    return join(this.dir, 'spool/default');
  }

  /** Makes it where it is not there from an earlier run. */
  open(say: (text: string) => void): void {
    if (this.image.exists) {
      this.image.mountNow();
      if (existsSync(join(this.dir, 'complete'))) return;
    }
    say(`generating ${this.size.mailboxes} mailboxes × ${this.size.messages} messages of ${this.size.meanBytes} bytes`);
    this.image.make(diskBytes(this.size), inodes(this.size));
    execFileSync('chmod', ['755', this.dir]);
    mkdirSync(join(this.dir, 'run'), { recursive: true });
    generateSpool(this.dir, this.size, OWNER, say);
    writeFileSync(join(this.dir, 'complete'), '');
    this.image.makeCold();
  }

  writer(): SpoolWriter {
    return new SpoolWriter(this.dir, readFileSync(join(this.dir, 'imapd.conf'), 'utf8'), OWNER);
  }

  /** Reads every file once. */
  warm(): void {
    execFileSync('sh', ['-c', 'tar -C "$0" -cf - . | cat > /dev/null', this.partition]);
  }

  /** Only what an idle pass looks at. */
  warmMetadata(): void {
    execFileSync('sh', ['-c', 'find "$0" -printf "" -size +0', this.dir]);
  }

  close(): void {
    this.image.unmount();
  }
}

/** A target of one tool: an empty file system with the directories of a new server. */
export class Target {
  readonly image: Image;

  constructor(images: string, work: string, name: string) {
    this.image = new Image(
      join(images, `bench-target-${name}-${process.pid}.img`),
      join(work, 'mnt', `target-${name}`),
    );
  }

  get partition(): string {
    return join(this.image.mount, 'spool/default');
  }

  get job(): string {
    return join(this.image.mount, 'job.toml');
  }

  /** Empty, on a new file system. */
  make(size: SpoolSize): void {
    this.image.make(diskBytes(size) + 64 * MIB, inodes(size));
    writeCyrusTree({ dir: this.image.mount, hash: 'basic', partitions: ['default'] }, 'bench');
    execFileSync('chown', [
      '-R',
      `${OWNER.uid}:${OWNER.gid}`,
      join(this.image.mount, 'spool'),
      join(this.image.mount, 'conf'),
    ]);
  }

  /** @param version The release that the source counts as. */
  init(source: SourceSpool, version = '3.0', toml = ''): void {
    const args = ['--from', join(source.dir, 'imapd.conf'), '--from-version', version];
    const to = ['--to', join(this.image.mount, 'imapd.conf'), '--to-version', '3.6'];
    execFileSync(process.execPath, [MAIN, 'init', ...args, ...to, '--job', this.job]);
    const owner = `\n[target]\nowner = "${OWNER.uid}"\ngroup = "${OWNER.gid}"`;
    let text = readFileSync(this.job, 'utf8');
    if (!existsSync('/usr/lib/cyrus')) text = text.replace('\n[target]', owner);
    writeFileSync(this.job, text + toml);
  }

  remove(): void {
    this.image.remove();
  }
}

export interface Tool {
  readonly name: string;
  /** What it needs beside an empty partition. */
  prepare?(source: SourceSpool, target: Target): void;
  argv(source: SourceSpool, target: Target): readonly string[];
}

export const CYRSYNC: Tool = {
  name: 'cyrsync presync',
  prepare: (source, target) => target.init(source),
  argv: (_source, target) => [process.execPath, MAIN, 'presync', '--job', target.job, '--json'],
};

export const RSYNC: Tool = {
  name: 'rsync -aH --delete',
  argv: (source, target) => ['rsync', '-aH', '--delete', `${source.partition}/`, `${target.partition}/`],
};

/** Two workers for two cores; it has no --delete. */
export const FPSYNC: Tool = {
  name: 'fpsync -n 2',
  argv: (source, target) => {
    const state = join(target.image.mount, 'fpsync');
    rmSync(state, { recursive: true, force: true });
    mkdirSync(state);
    return [
      'fpsync',
      '-n',
      '2',
      '-f',
      '2000',
      '-t',
      state,
      '-o',
      '-lptgoDH --numeric-ids',
      `${source.partition}/`,
      `${target.partition}/`,
    ];
  },
};

export const TAR: Tool = {
  name: 'tar | tar',
  argv: (source, target) => [
    'sh',
    '-c',
    'tar -C "$0" -cf - . | tar -C "$1" -xpf -',
    source.partition,
    target.partition,
  ],
};

/** What the fewest system calls take here, in C; none where nothing compiles it, which is said. */
export function floorTools({ work, say }: Lab, threads: number): Tool[] {
  const program = join(work, 'floor');
  mkdirSync(work, { recursive: true });
  const source = fileURLToPath(new URL('floor.c', import.meta.url));
  const made = spawnSync('cc', ['-O2', '-o', program, source, '-lpthread'], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (made.status !== 0) {
    say('no cc here: without the same calls in C');
    return [];
  }
  const floor: Tool = {
    name: 'the same calls in C',
    argv: ({ partition }, target) => {
      const own = [String(OWNER.uid), String(OWNER.gid)];
      return [program, partition, target.partition, ...own, String(threads)];
    },
  };
  return [floor];
}

export async function runTool(tool: Tool, source: SourceSpool, target: Target): Promise<Run> {
  const run = await measure(tool.argv(source, target), { syncPath: target.image.mount });
  // Nothing of one run is left to be written in the next.
  execFileSync('sync', ['-f', target.image.mount]);
  return run;
}
