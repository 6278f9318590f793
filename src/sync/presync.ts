/**
 * A presync, as cheap as may be: where the list of the last pass shows that nothing changed, three stats a mailbox and
 * no more; where some mailboxes changed and nothing else, these; else the whole pass. What a step does not need is not
 * even loaded: a start takes longer than the idle pass of 3,000 mailboxes.
 */
import { partitionRoots } from '../cyrus/conf/partitions.js';
import { databaseDirectories } from '../cyrus/layout/config-paths.js';
import { isDirectory, readDirectoryIsEmpty } from '../disk/empty.js';
import { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import { runningServer } from '../job/running-server.js';
import type { State } from '../state/state.js';
import type { PassOptions, PassResult } from './pass.js';
import type { PassContext } from './pass-context.js';
import { noFigures, type PassFigures } from './pass-figures.js';
import { missingRoots, rootsWithMail } from './source-roots.js';
import { sweepInHalves } from './sweep-halves.js';
import { type Swept, sweepByList } from './sweep-list.js';
import { lostTargets } from './target-mounted.js';
import { requireTargetReads } from './target-version.js';

export async function runPresync(
  job: Job,
  state: State,
  options: PassOptions,
  context: PassContext,
): Promise<PassResult | { readonly figures: PassFigures }> {
  const quick = options.full || options.checksum ? undefined : await quickPass(job, state, options, context);
  if (quick) return { figures: quick };
  const { runPass } = await import('./pass.js');
  return runPass(job, state, options, context);
}

async function quickPass(
  job: Job,
  state: State,
  options: PassOptions,
  context: PassContext,
): Promise<PassFigures | undefined> {
  const startedAt = new Date();
  const source = new SourceTrees(job.source);
  try {
    const swept = mayLookQuickly(job, state, source) ? await sweepInHalves(job, state, source, context) : undefined;
    if (!swept) return undefined;
    const figures = figuresOf(swept);
    if (swept.changed.length > 0 || swept.changedSeen.length > 0) {
      const { runPartialPass } = await import('./partial-pass.js');
      const outcome = await runPartialPass(job, state, source, swept, figures, options.kind, context);
      if (outcome !== 'idle') return outcome === 'done' ? figures : undefined;
    }
    for (const problem of swept.problems) context.problems.add(problem);
    figures.complete = true;
    state.recordIdlePass(options.kind, startedAt, figures);
    return figures;
  } finally {
    source.close();
  }
}

/**
 * What changed since the last pass. What of a pass is refused or checked at its beginning counts here too; the whole
 * pass then says it.
 * @param only See {@link sweepByList}. @returns undefined where a whole pass is needed
 */
export function lookQuickly(
  job: Job,
  state: State,
  source: SourceTrees,
  only?: ReadonlySet<number>,
): Swept | undefined {
  return mayLookQuickly(job, state, source) ? sweepByList(job, state, source, only) : undefined;
}

function mayLookQuickly(job: Job, state: State, source: SourceTrees): boolean {
  requireTargetReads(job);
  // What a cutover began may be in the databases of the target's server: the whole pass looks whether that runs.
  if (state.units.isHalfDone()) return false;
  if (isTakenUp(job, state) || lostTargets(job, state).length > 0) return false;
  if (missingRoots(job, source).length > 0) return false;
  const { conf, real } = job.target;
  if (![...partitionRoots(conf), ...databaseDirectories(conf)].every((path) => isDirectory(real(path)))) return false;
  const held = rootsWithMail(state).map((path) => source.root(path));
  return held.every((root) => root !== undefined && !readDirectoryIsEmpty(root));
}

/** A cutover has written the new server's databases, and it runs: the whole pass refuses. Waves are looked at above. */
function isTakenUp(job: Job, state: State): boolean {
  return (
    state.knowsPass('cutover') &&
    job.options.select.only === undefined &&
    state.units.finals().size === 0 &&
    runningServer(job.target).length > 0
  );
}

/** Of a pass that has found this, and done nothing yet. */
export function figuresOf({ total, failed }: Swept): PassFigures {
  const figures = noFigures();
  figures.mailboxes.total = total;
  figures.mailboxes.failed = failed;
  figures.mailboxes.unchanged = total - failed;
  return figures;
}
