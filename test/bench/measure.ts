/** One run of a program as a whole process tree, by wait4's rusage of all of it (GNU time). */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';

export interface Run {
  /** Until it ended. */
  readonly wallSec: number;
  /** And until `sync` of the target's file system came back: what was copied is on disk. */
  readonly onDiskSec: number;
  readonly userSec: number;
  readonly systemSec: number;
  /** Of its largest process, all threads; KiB. */
  readonly maxRssKiB: number;
  readonly stdout: string;
}

/**
 * What a cron job has. A shell may have more that costs each program something: with NODE_EXTRA_CA_CERTS, Node reads and
 * checks some 300 certificates before it runs anything (0.03 s of CPU).
 */
const ENVIRONMENT: NodeJS.ProcessEnv = Object.fromEntries(
  ['PATH', 'HOME', 'LANG', 'LOGNAME', 'SHELL', 'TMPDIR'].map((name) => [name, process.env[name]]),
);

let made = 0;

/** None outlives a bench that is stopped. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) if (child.pid !== undefined) process.kill(-child.pid);
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

/**
 * @param syncPath Where given, the time to have that file system on disk counts into `onDiskSec`.
 * @throws with its stderr where the exit code is none of `expect`.
 */
export async function measure(
  argv: readonly string[],
  options: { syncPath?: string | undefined; expect?: readonly number[]; onStderr?: (text: string) => void } = {},
): Promise<Run> {
  const out = `/tmp/bench-time-${process.pid}-${++made}`;
  const begun = performance.now();
  const child = spawn('/usr/bin/time', ['-q', '-f', '%U %S %M', '-o', out, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own
    env: ENVIRONMENT,
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    options.onStderr?.(chunk.toString());
    stderr = (stderr + chunk.toString()).slice(-4000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const wallSec = (performance.now() - begun) / 1000;
  if (options.syncPath !== undefined) spawnSync('sync', ['-f', options.syncPath]);
  const onDiskSec = (performance.now() - begun) / 1000;
  if (code === null || !(options.expect ?? [0]).includes(code))
    throw new Error(`${argv.join(' ')}: exit ${code}\n${stderr}\n${Buffer.concat(stdout).toString().slice(-2000)}`);
  const [userSec, systemSec, maxRssKiB] = readFileSync(out, 'utf8').trim().split(/\s+/).map(Number);
  rmSync(out);
  return {
    wallSec,
    onDiskSec,
    userSec: userSec!,
    systemSec: systemSec!,
    maxRssKiB: maxRssKiB!,
    stdout: Buffer.concat(stdout).toString(),
  };
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Medians field by field. */
export function medianRun(runs: readonly Run[]): Omit<Run, 'stdout'> {
  const of = (field: Exclude<keyof Run, 'stdout'>) => median(runs.map((run) => run[field]));
  return {
    wallSec: of('wallSec'),
    onDiskSec: of('onDiskSec'),
    userSec: of('userSec'),
    systemSec: of('systemSec'),
    maxRssKiB: of('maxRssKiB'),
  };
}
