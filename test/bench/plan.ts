/**
 * The planner alone on made-up users, and `cyrsync plan` from the state's rows to its output: the first time, when it
 * writes down every placement, and again. Each in a process of its own on one core.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { measure } from './measure.js';
import { makeSeenJob, planAsProcess } from './plan-command.js';
import { table } from './table.js';

const RUN = fileURLToPath(new URL('./plan-run.ts', import.meta.url));

/** Of plan-run.ts. */
interface Planned {
  readonly users: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRss: number;
  readonly spread: number;
  readonly lowerBound: number;
  readonly rebalance: {
    readonly seconds: number;
    readonly spread: number;
    readonly aim: number;
    readonly moved: number;
    readonly least: number;
  };
}

const PARTITIONS = 8;

export async function planBench(work: string, scale: number, say: (text: string) => void): Promise<string> {
  const program = join(work, `plan-run-${process.pid}.mjs`);
  await build({
    entryPoints: [RUN],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
  });
  try {
    const rows: string[][] = [];
    for (const users of [1_001, 10_000, 100_000, 1_000_000].map((n) => Math.max(1_001, Math.round(n * scale)))) {
      const run = await measure(['taskset', '-c', '0', process.execPath, program, String(users), String(PARTITIONS)]);
      const plan = JSON.parse(run.stdout) as Planned;
      say(`${users} users: ${plan.seconds.toFixed(2)} s`);
      rows.push([
        users.toLocaleString('en-US'),
        plan.seconds.toFixed(2),
        plan.cpuSeconds.toFixed(2),
        (plan.peakRss / 2 ** 20).toFixed(0),
        plan.spread.toFixed(5),
        plan.lowerBound.toFixed(5),
        plan.rebalance.seconds.toFixed(2),
        plan.rebalance.spread.toFixed(3),
        (100 * plan.rebalance.moved).toFixed(2),
        (100 * plan.rebalance.least).toFixed(2),
      ]);
    }
    const alone = table(
      ['users', 'plan s', 'cpu s', 'RSS MiB', 'spread', 'bound', 'rebalance s', 'spread', 'moved %', 'must %'],
      rows,
    );
    return `${alone}\n\ncyrsync plan --as-seen, the whole process:\n${await wholeCommand(work, scale, say)}`;
  } finally {
    rmSync(program, { force: true });
  }
}

async function wholeCommand(work: string, scale: number, say: (text: string) => void): Promise<string> {
  const rows: string[][] = [];
  for (const users of [10_000, 100_000, 1_000_000].map((n) => Math.round(n * scale))) {
    const dir = join(work, `plan-seen-${users}`);
    try {
      const job = makeSeenJob(dir, users, PARTITIONS);
      for (const which of ['first', 'again']) {
        const { run, plan } = await planAsProcess(job);
        const cpu = run.userSec + run.systemSec;
        say(`${users} users, ${which}: ${cpu.toFixed(2)} s of CPU, ${(run.maxRssKiB / 1024).toFixed(0)} MiB`);
        rows.push([
          users.toLocaleString('en-US'),
          which,
          run.wallSec.toFixed(2),
          cpu.toFixed(2),
          (run.maxRssKiB / 1024).toFixed(0),
          (plan.spread / plan.lowerBound).toFixed(5),
        ]);
      }
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
  return table(['users', 'plan', 'wall s', 'cpu s', 'RSS MiB', 'spread / bound'], rows);
}
