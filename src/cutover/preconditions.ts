/** What must be so before a cutover, and while it is at work. */
import { CyrsyncError, RefusedError } from '../base/errors.js';
import { SourceTrees } from '../disk/trees.js';
import { takeInventory } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import { runningServer } from '../job/running-server.js';
import type { ProblemList } from '../model/problem.js';
import type { State } from '../state/state.js';
import { missingRoots } from '../sync/source-roots.js';
import { requireTargetMounted } from '../sync/target-mounted.js';

/** @throws RefusedError */
export function requireStopped(
  job: Job,
  options: { readonly force: boolean; readonly rehearse: boolean },
  wave: boolean,
): void {
  const old = options.force ? [] : runningServer(job.source);
  if (old.length > 0)
    throw new RefusedError(
      'The old server runs',
      old.slice(0, 4).join('; '),
      wave
        ? "Stop it for the time of this cutover. Or keep the wave's users out of it (cyr_deny, the proxy), hold or turn their mail, and run cutover --force: whatever changes of theirs meanwhile is noticed, and it is not final."
        : `Stop it (and its cron jobs), then run cutover again.${options.rehearse ? ' To rehearse beside the running server, give --force.' : ''}`,
      { code: 'old-server-runs' },
    );
  requireTargetStopped(
    job,
    wave
      ? 'Stop it: the cutover adds to its databases, which takes seconds.'
      : 'Stop it: the cutover writes its databases.',
  );
}

/** What the last pass would refuse at its beginning, and what it would say of the source. @throws RefusedError */
export function requireBothThere(job: Job, state: State, problems: ProblemList): void {
  requireTargetMounted(job, state);
  const source = new SourceTrees(job.source);
  try {
    const missing = missingRoots(job, source);
    const absent = missing.length > 0 ? missing : takeInventory(job, state, source, problems).emptied;
    if (absent.length > 0)
      throw new RefusedError(
        'A partition of the old server is missing or empty',
        absent.join(', '),
        'Mount what is missing, then run this again.',
        { code: 'guard' },
      );
  } finally {
    source.close();
  }
}

/** @param isBegun Something was written on the target: no refusal any more. @throws RefusedError, or CyrsyncError */
export function requireTargetStopped(job: Job, next: string, isBegun = false): void {
  const now = runningServer(job.target);
  if (now.length === 0) return;
  const Kind = isBegun ? CyrsyncError : RefusedError;
  throw new Kind('The new server runs', now.slice(0, 4).join('; '), next, { code: 'new-server-runs' });
}
