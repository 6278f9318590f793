/** What is measured. Each makes its source once, and pairs its runs (A B A B …), so that a noisy hour hits all alike. */
import { statfsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CYRSYNC, FPSYNC, floorTools, type Lab, RSYNC, runTool, SourceSpool, TAR, Target, type Tool } from './lab.js';
import { accept, latency } from './live-cyrus.js';
import type { Run } from './measure.js';
import { planBench } from './plan.js';
import { idleCalls } from './source-calls.js';
import type { SpoolSize } from './spool.js';
import { surveyTwice } from './stale.js';
import { runTable } from './table.js';
import { watchBench } from './watch.js';

export interface Scenario {
  readonly summary: string;
  run(lab: Lab): Promise<string>;
}

/** 300,000 messages, 3 GB. */
const DEEP: SpoolSize = { mailboxes: 3000, messages: 100, meanBytes: 10_000 };
/** rsync's best case: nothing but directories. */
const WIDE: SpoolSize = { mailboxes: 100_000, messages: 1, meanBytes: 4_000 };

function scaled(size: SpoolSize, scale: number): SpoolSize {
  return { ...size, mailboxes: Math.round(size.mailboxes * scale) };
}

async function withSource<T>(lab: Lab, size: SpoolSize, act: (source: SourceSpool) => Promise<T>): Promise<T> {
  const source = new SourceSpool(lab.work, size);
  source.open(lab.say);
  try {
    return await act(source);
  } finally {
    source.close();
  }
}

/** Each tool's whole copy onto a new file system, in turn. */
async function fullCopy(lab: Lab, size: SpoolSize, tools: readonly Tool[], cold: boolean): Promise<string> {
  return withSource(lab, size, async (source) => {
    const runs = new Map<string, Run[]>(tools.map(({ name }) => [name, []]));
    for (let round = 0; round < (lab.runs ?? 3); round++) {
      for (const tool of tools) {
        const target = new Target(lab.images, lab.work, 'full');
        try {
          target.make(size);
          tool.prepare?.(source, target);
          if (cold) source.image.makeCold();
          else source.warm();
          const run = await runTool(tool, source, target);
          runs.get(tool.name)!.push(run);
          lab.say(
            `${tool.name}: ${run.wallSec.toFixed(2)} s, on disk ${run.onDiskSec.toFixed(2)} s, cpu ${(run.userSec + run.systemSec).toFixed(2)} s`,
          );
        } finally {
          target.remove();
        }
      }
    }
    return runTable(runs);
  });
}

/** Targets of each tool that hold everything already; then passes in turn, `between` before each round. */
async function passes(
  lab: Lab,
  size: SpoolSize,
  between: (source: SourceSpool, round: number) => Promise<void>,
  cold = false,
): Promise<string> {
  return withSource(lab, size, async (source) => {
    const tools = [RSYNC, CYRSYNC];
    const runs = new Map<string, Run[]>(tools.map(({ name }) => [name, []]));
    const targets = tools.map((_, i) => new Target(lab.images, lab.work, `pass${i}`));
    try {
      for (const [i, tool] of tools.entries()) {
        targets[i]!.make(size);
        tool.prepare?.(source, targets[i]!);
        lab.say(`first copy, ${tool.name}`);
        await runTool(tool, source, targets[i]!);
      }
      for (let round = 0; round < (lab.runs ?? 5) + 1; round++) {
        await between(source, round);
        for (const [i, tool] of tools.entries()) {
          if (cold) source.image.makeCold();
          const run = await runTool(tool, source, targets[i]!);
          lab.say(`${tool.name}: ${run.wallSec.toFixed(3)} s, cpu ${(run.userSec + run.systemSec).toFixed(3)} s`);
          if (round > 0) runs.get(tool.name)!.push(run); // the first makes both sides warm
        }
      }
    } finally {
      for (const target of targets) target.remove();
    }
    return runTable(runs);
  });
}

/** One delivery into each hundredth mailbox, another one every round. */
async function deliverToOnePercent(source: SourceSpool, round: number): Promise<void> {
  const { mailboxes, messages, meanBytes } = source.size;
  const writer = source.writer();
  for (let i = round % 100; i < mailboxes; i += 100)
    writer.append(i, mailboxes * messages + Date.now() * 1000 + i, meanBytes);
  // An index younger than a second is looked at again in any case (reference 9.2): that is not what is measured.
  await sleep(2500);
}

/** The same mailboxes with ten times the messages: the idle pass takes no longer. */
async function depth(lab: Lab): Promise<string> {
  const small = scaled({ ...DEEP, messages: DEEP.messages / 10 }, lab.scale);
  const rows: string[] = [];
  for (const size of [small, scaled(DEEP, lab.scale)])
    rows.push(`${size.mailboxes} × ${size.messages}\n${await passes(lab, size, async () => {})}`);
  return rows.join('\n\n');
}

interface Sighting {
  readonly atSec: number;
  readonly files: number;
}

/** Files that appeared on the target, as its file system counts inodes, every 50 ms; in tenths of the whole. */
async function huge(lab: Lab): Promise<string> {
  const size = { mailboxes: 1, messages: Math.round(1_000_000 * lab.scale), meanBytes: 1000 };
  return withSource(lab, size, async (source) => {
    const runs = new Map<string, Run[]>();
    const said: string[] = [];
    for (const tool of [...floorTools(lab, 1), CYRSYNC]) {
      const target = new Target(lab.images, lab.work, 'huge');
      try {
        target.make(size);
        target.init(source);
        source.warm();
        const free = statfsSync(target.image.mount).ffree;
        const begun = performance.now();
        const seen: Sighting[] = [];
        const timer = setInterval(() => {
          seen.push({ atSec: (performance.now() - begun) / 1000, files: free - statfsSync(target.image.mount).ffree });
        }, 50);
        const run = await runTool(tool, source, target);
        clearInterval(timer);
        runs.set(tool.name, [run]);
        said.push(`${tool.name}: ${ratesOf(seen, size.messages, run.wallSec)}`);
      } finally {
        target.remove();
      }
    }
    return [...said, runTable(runs)].join('\n');
  });
}

function ratesOf(seen: readonly Sighting[], messages: number, endSec: number): string {
  const whenSec = (files: number) => seen.find((s) => s.files >= files)?.atSec ?? endSec;
  const first = whenSec(200);
  const tenth = messages / 10;
  const rates = Array.from({ length: 10 }, (_, i) => {
    const from = i === 0 ? first : whenSec(tenth * i);
    return tenth / (whenSec(tenth * (i + 1) - 20) - from);
  });
  return [
    `first files after ${first.toFixed(2)} s`,
    `messages a second in each tenth ${rates.map((rate) => rate.toFixed(0)).join(' ')}`,
    `last tenth against first ${(rates[9]! / rates[0]!).toFixed(2)}`,
  ].join('; ');
}

function everyTool(lab: Lab): Tool[] {
  return [RSYNC, FPSYNC, TAR, ...floorTools(lab, 2), CYRSYNC];
}

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  full: {
    summary: 'first copy, warm, 3,000 mailboxes × 100 messages, 3 GB',
    run: (lab) => fullCopy(lab, scaled(DEEP, lab.scale), everyTool(lab), false),
  },
  'full-cold': {
    summary: 'first copy, nothing of the source cached, 3,000 × 100',
    run: (lab) => fullCopy(lab, scaled(DEEP, lab.scale), everyTool(lab), true),
  },
  idle: {
    summary: 'nothing changed, 3,000 × 100',
    run: (lab) => passes(lab, scaled(DEEP, lab.scale), async () => {}),
  },
  'idle-wide': {
    summary: 'nothing changed, 100,000 × 1',
    run: (lab) => passes(lab, scaled(WIDE, lab.scale), async () => {}),
  },
  'idle-cold': {
    summary: 'nothing changed, nothing of the source cached, 100,000 × 1',
    run: (lab) => passes(lab, scaled(WIDE, lab.scale), async () => {}, true),
  },
  changed: {
    summary: 'a delivery into 1 % of the mailboxes, 3,000 × 100',
    run: (lab) => passes(lab, scaled(DEEP, lab.scale), deliverToOnePercent),
  },
  depth: {
    summary: 'nothing changed: the same mailboxes with 10 and with 100 messages each',
    run: depth,
  },
  huge: {
    summary: 'first copy of one mailbox of 1,000,000 messages: its rate from beginning to end',
    run: huge,
  },
  wide: {
    summary: 'first copy, 100,000 mailboxes × 1: memory',
    run: (lab) => fullCopy(lab, scaled(WIDE, lab.scale), [RSYNC, CYRSYNC], false),
  },
  calls: {
    summary: 'what an idle pass does on the source, 3,000 × 100',
    run: (lab) => withSource(lab, scaled(DEEP, lab.scale), (source) => idleCalls(lab, source)),
  },
  latency: {
    summary: "a live Cyrus's IMAP answers without and during passes",
    run: latency,
  },
  accept: {
    summary: 'a real Cyrus takes the generated spool as it is',
    run: accept,
  },
  watch: {
    summary: 'watch: start, memory and lag by each source of hints, 10,000 × 1, then 100,000 × 1',
    run: async (lab) =>
      [await watchBench(lab, scaled(WIDE, 0.1)), ...(lab.scale < 1 ? [] : [await watchBench(lab, WIDE)])].join('\n\n'),
  },
  leftovers: {
    summary: 'survey of 200,000 directories: 150,000 live mailboxes, 25,000 stale copies, 25,000 empty ones',
    run: ({ work, scale, say }) =>
      surveyTwice(work, { live: 150_000 * scale, stale: 25_000 * scale, empty: 25_000 * scale }, say),
  },
  plan: {
    summary: 'the planner alone: 1,000,000 users on 8 partitions of 3 sizes, one core; then a partition more',
    run: ({ work, scale, say }) => planBench(work, scale, say),
  },
};
