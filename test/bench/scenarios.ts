/** What is measured. Each makes its source once, and pairs its runs (A B A B …), so that a noisy hour hits all alike. */
import { CYRSYNC, FPSYNC, RSYNC, runTool, SourceSpool, TAR, Target, type Tool } from './lab.js';
import type { Run } from './measure.js';
import type { SpoolSize } from './spool.js';
import { surveyTwice } from './stale.js';
import { runTable } from './table.js';

export interface Lab {
  readonly work: string;
  readonly images: string;
  /** Of the number of mailboxes, or of messages where there is one mailbox. */
  readonly scale: number;
  readonly runs: number | undefined;
  say(text: string): void;
}

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
  between: (source: SourceSpool, round: number) => void,
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
        between(source, round);
        for (const [i, tool] of tools.entries()) {
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

const ALL = [RSYNC, FPSYNC, TAR, CYRSYNC];

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  full: {
    summary: 'first copy, warm, 3,000 mailboxes × 100 messages, 3 GB',
    run: (lab) => fullCopy(lab, scaled(DEEP, lab.scale), ALL, false),
  },
  'full-cold': {
    summary: 'first copy, nothing of the source cached, 3,000 × 100',
    run: (lab) => fullCopy(lab, scaled(DEEP, lab.scale), ALL, true),
  },
  idle: {
    summary: 'nothing changed, 3,000 × 100',
    run: (lab) => passes(lab, scaled(DEEP, lab.scale), () => {}),
  },
  'idle-wide': {
    summary: 'nothing changed, 100,000 × 1',
    run: (lab) => passes(lab, scaled(WIDE, lab.scale), () => {}),
  },
  leftovers: {
    summary: 'survey of 200,000 directories: 150,000 live mailboxes, 25,000 stale copies, 25,000 empty ones',
    run: ({ work, scale, say }) =>
      surveyTwice(work, { live: 150_000 * scale, stale: 25_000 * scale, empty: 25_000 * scale }, say),
  },
};
