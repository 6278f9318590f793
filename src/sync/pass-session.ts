/** What is open during a pass: both sides and the workers; and the record of it in the state. */
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { RefusedError } from '../base/errors.js';
import { partitionRoots } from '../cyrus/conf/partitions.js';
import { databaseDirectories } from '../cyrus/layout/config-paths.js';
import { networkFileSystem } from '../disk/network-file-system.js';
import type { TargetRoot } from '../disk/target.js';
import { SourceTrees, TargetTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { State } from '../state/state.js';
import { clearAnchors } from './links.js';
import type { PassContext } from './pass-context.js';
import { addFigures, type PassFigures } from './pass-figures.js';
import { shareThrottle } from './throttle.js';
import { WorkerPool } from './worker-pool.js';

/** Passes of `watch` are many and small: those of an hour are one in the state. */
export type PassKind = 'presync' | 'cutover' | 'watch';

export interface PassSession {
  readonly source: SourceTrees;
  readonly target: TargetTrees;
  readonly pool: WorkerPool;
}

/** Runs one pass and records it; one that throws stays incomplete. */
export async function asPass<T extends { readonly figures: PassFigures }>(
  job: Job,
  state: State,
  kind: PassKind,
  context: PassContext,
  run: (session: PassSession) => Promise<T>,
): Promise<T> {
  const begun = Date.now();
  const source = new SourceTrees(job.source);
  const target = new TargetTrees(job.target, job.owner);
  const { pace } = context;
  const throttle = pace && shareThrottle(pace);
  const pool = new WorkerPool(
    {
      sourcePrefix: job.source.prefix,
      targetPrefix: job.target.prefix,
      owner: job.owner,
      isLocal: isLocal(job),
      targetRoots: partitionRoots(job.target.conf),
      throttle,
    },
    pace?.workers ?? job.options.run.workers ?? Math.max(2, Math.min(4, cpus().length)),
    () => loadBelow(context),
  );
  try {
    const id = state.beginPass(kind);
    const result = await run({ source, target, pool });
    state.endPass(id, result.figures.complete, (Date.now() - begun) / 1000, result.figures);
    if (kind === 'watch' && result.figures.complete) joinToHour(state);
    return result;
  } finally {
    await pool.close();
    source.close();
    target.close();
  }
}

function isLocal({ source, target }: Job): boolean {
  return [source, target].every(({ conf, real }) =>
    partitionRoots(conf).every((path) => networkFileSystem(real(path)) === undefined),
  );
}

/** Makes one pass of the last two, where both are complete ones of `watch`, begun in the same hour. */
function joinToHour(state: State): void {
  const [last, before] = state.lastPasses(2);
  const hourOf = (at: string) => at.slice(0, 'YYYY-MM-DDTHH'.length);
  if (!last || before?.kind !== 'watch' || before.complete !== 1 || hourOf(last.startedAt) !== hourOf(before.startedAt))
    return;
  const [earlier, later] = [before, last].map(({ figures }) => JSON.parse(figures!) as PassFigures);
  state.joinPasses(before, last, addFigures(earlier!, later!));
}

const LOOK_AGAIN_MS = 1000;

/** Waits while the machine has more to do than the pace allows. */
async function loadBelow({ pace, stop, waiting }: PassContext): Promise<void> {
  const most = pace?.maxLoad;
  if (most === undefined) return;
  let waited = false;
  for (let load = loadavg()[0]!; load > most && !stop.stopped; load = loadavg()[0]!) {
    waiting?.(`the load is ${load.toFixed(1)}, above ${most}`);
    waited = true;
    await sleep(LOOK_AGAIN_MS);
  }
  if (waited) waiting?.(undefined);
}

/** Every root of the target that a pass writes below. @param keepAnchors After a crash or a stop: see links.ts. */
export function openTargets(job: Job, target: TargetTrees, keepAnchors: boolean): void {
  for (const path of partitionRoots(job.target.conf)) {
    const root = openTarget(target, path);
    if (!keepAnchors) clearAnchors(root);
  }
  for (const path of databaseDirectories(job.target.conf)) openTarget(target, path);
}

function openTarget(target: TargetTrees, path: string): TargetRoot {
  try {
    return target.root(path);
  } catch (error) {
    throw new RefusedError(
      `The target's ${path} can not be used`,
      String(error instanceof Error ? error.message : error),
      'Make (and mount) the directories that the new imapd.conf names.',
      { code: 'target-root-missing', cause: error },
    );
  }
}
