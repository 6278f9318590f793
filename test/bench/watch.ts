/**
 * `cyrsync watch` beside a spool that gets mail: until it follows, what memory it takes, and how long after a delivery
 * the target's index has it, for each source of hints.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readWatchStatus } from '../../src/watch/status-file.js';
import { MAIN } from '../support/cyrsync.js';
import { CYRSYNC, type Lab, runTool, SourceSpool, Target } from './lab.js';
import { nameOfMailbox, type SpoolSize, type SpoolWriter } from './spool.js';
import { table } from './table.js';

const DELIVERIES = 200;
const PAUSE_MS = 100;
const LONGEST_MS = 600_000;

interface Figures {
  readonly startSec: number;
  readonly rssMiB: number;
  readonly peakMiB: number;
  /** Sorted, seconds. */
  readonly lags: readonly number[];
  /** Processor time while it followed, as a share of the time. */
  readonly cpu: number;
}

export async function watchBench(lab: Lab, size: SpoolSize): Promise<string> {
  const source = new SourceSpool(lab.work, size);
  source.open(lab.say);
  const target = new Target(lab.images, lab.work, 'watch');
  const rows: string[][] = [];
  try {
    const conf = join(source.dir, 'imapd.conf');
    const text = readFileSync(conf, 'utf8');
    writeFileSync(conf, `${text.replace(/^sync_log: .*\n/m, '')}sync_log: yes\n`);
    mkdirSync(join(source.dir, 'conf/sync'), { recursive: true });
    target.make(size);
    target.init(source);
    await runTool(CYRSYNC, source, target);
    await sleep(3000); // nothing is racy any more
    let first = 0;
    for (const hints of ['sweep', 'sweep,chokidar', 'log', 'fanotify']) {
      const busiest = hints.includes('chokidar') ? size.mailboxes : 0;
      const figures = await follow(source, target, hints, busiest, first);
      first += DELIVERIES;
      const at = (p: number) => figures.lags[Math.min(figures.lags.length - 1, Math.floor(figures.lags.length * p))]!;
      rows.push([
        hints === 'sweep,chokidar' ? 'chokidar, on every index' : hints,
        figures.startSec.toFixed(2),
        figures.rssMiB.toFixed(0),
        figures.peakMiB.toFixed(0),
        at(0.5).toFixed(1),
        at(0.99).toFixed(1),
        `${(100 * figures.cpu).toFixed(1)} %`,
      ]);
      lab.say(rows.at(-1)!.join('  '));
    }
  } finally {
    target.remove();
    source.close();
  }
  const head = ['hints by', 'start s', 'RSS MiB', 'peak MiB', 'lag median s', 'lag p99 s', 'cpu'];
  return `${size.mailboxes} mailboxes, ${DELIVERIES} deliveries, ten a second\n${table(head, rows)}`;
}

/** @param first Number of its first mailbox, so that none is the same as in another run. */
async function follow(
  source: SourceSpool,
  target: Target,
  hints: string,
  busiest: number,
  first: number,
): Promise<Figures> {
  const begun = Date.now();
  const args = ['watch', '--job', target.job, '--hints', hints, '--busiest', String(busiest), '--quiet'];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', resolve));
  try {
    const stateFile = target.job.replace(/\.toml$/, '.state.sqlite');
    while (readWatchStatus(stateFile)?.status.doing !== 'following') {
      if (child.exitCode !== null) throw new Error(`watch ended with ${child.exitCode}`);
      await sleep(10);
    }
    const startSec = (Date.now() - begun) / 1000;
    await sleep(3000);
    const cpuBefore = cpuSec(child.pid!);
    const followedMs = Date.now();
    const lags = await deliverAndLook(source.writer(), source, target, hints === 'log', first);
    const cpu = (cpuSec(child.pid!) - cpuBefore) / ((Date.now() - followedMs) / 1000);
    const memory = readFileSync(`/proc/${child.pid}/status`, 'latin1');
    const mib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(memory)![1]) / 1024;
    return { startSec, rssMiB: mib('VmRSS'), peakMiB: mib('VmHWM'), lags, cpu };
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

/** @returns seconds from each delivery until the target's index has grown, sorted */
async function deliverAndLook(
  writer: SpoolWriter,
  source: SourceSpool,
  target: Target,
  isLogged: boolean,
  first: number,
): Promise<number[]> {
  const waiting = new Map<string, { atMs: number; sizeBytes: number }>();
  const lags: number[] = [];
  const look = () => {
    for (const [file, { atMs, sizeBytes }] of waiting) {
      if (statSync(file).size === sizeBytes) continue;
      lags.push((Date.now() - atMs) / 1000);
      waiting.delete(file);
    }
  };
  const { mailboxes } = source.size;
  for (let n = 0; n < DELIVERIES; n++) {
    const i = ((first + n) * 7919) % mailboxes;
    const below = relative(source.partition, writer.directoryOf(nameOfMailbox(i)));
    const file = join(target.partition, below, 'cyrus.index');
    waiting.set(file, { atMs: Date.now(), sizeBytes: statSync(file).size });
    writer.append(i, 5_000_000 + first + n, 4000);
    if (isLogged) appendFileSync(join(source.dir, 'conf/sync/log'), `APPEND ${nameOfMailbox(i)}\n`);
    await sleep(PAUSE_MS);
    look();
  }
  for (const end = Date.now() + LONGEST_MS; waiting.size > 0 && Date.now() < end; await sleep(20)) look();
  if (waiting.size > 0) throw new Error(`${waiting.size} deliveries never came`);
  return lags.sort((a, b) => a - b);
}

/** User and system, all threads. @see proc(5): fields 14 and 15 of /proc/PID/stat, in hundredths of a second */
function cpuSec(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
