/** Sieve scripts are tried with the new server's sievec ahead of the cutover, which then has little left to try. */
import { collectMigrated } from '../databases/migrated.js';
import { tryScripts } from '../databases/sieve.js';
import { SourceTrees, TargetTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import { ProblemList } from '../model/problem.js';
import type { State } from '../state/state.js';
import type { PassResult } from '../sync/pass.js';

export async function tryScriptsEarly(job: Job, state: State, { inventory, plan }: PassResult): Promise<void> {
  const source = new SourceTrees(job.source);
  const target = new TargetTrees(job.target, job.owner);
  try {
    // what is wrong with mailboxes the pass has said
    const migrated = collectMigrated(job, inventory, plan, target, new ProblemList());
    await tryScripts(job, source, migrated, state.config);
  } finally {
    source.close();
    target.close();
  }
}
