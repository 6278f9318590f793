/**
 * The last act, phase by phase, each of which can be run again: is the old server stopped and the new one not running?
 * → last pass → leftovers → databases → checks → second sweep → final. The second sweep finds a writer that can't be seen from here:
 * whatever moved since the pass means that somebody still writes.
 */

import { RefusedError } from '../base/errors.js';
import { mailboxRoots } from '../cyrus/conf/partitions.js';
import { type DatabasesResult, migrateDatabases } from '../databases/databases.js';
import { collectMigrated } from '../databases/migrated.js';
import { SourceTrees, TargetTrees } from '../disk/trees.js';
import { Fingerprints } from '../inventory/fingerprint.js';
import type { Inventory } from '../inventory/inventory.js';
import { readMailboxesDb } from '../inventory/read-mailboxes-db.js';
import { summariseSelection } from '../inventory/selection-summary.js';
import type { Job } from '../job/job.js';
import type { SelectionSummary } from '../model/selection-summary.js';
import { rescueDirectory } from '../rescue/rescue-directory.js';
import type { RescueResult } from '../rescue/rescue-item.js';
import type { State } from '../state/state.js';
import type { LeftoverTotal } from '../survey/leftover.js';
import { LAST_PASS } from '../sync/forecast.js';
import { STAGING } from '../sync/links.js';
import { runPass } from '../sync/pass.js';
import type { PassContext } from '../sync/pass-context.js';
import type { PassFigures } from '../sync/pass-figures.js';
import { requireTargetReads } from '../sync/target-version.js';
import { type Check, checkTarget } from './checks.js';
import { type RescueMode, rescueLeftovers } from './rescue-leftovers.js';
import { runningServer } from './running-server.js';
import { inspectTarget } from './target-state.js';

export interface CutoverOptions {
  readonly dryRun: boolean;
  readonly rehearse: boolean;
  readonly force: boolean;
  readonly acceptRemovals: number;
  /** Undefined: as the job file says. */
  readonly rescue?: RescueMode | undefined;
}

export interface CutoverResult {
  readonly pass: PassFigures | null;
  readonly databases: DatabasesResult['outcomes'];
  readonly quotaRoots: DatabasesResult['quotaRoots'];
  readonly checks: readonly Check[];
  readonly phases: readonly { phase: string; seconds: number }[];
  readonly final: boolean;
  /** What was rescued of leftovers; null where nothing was looked at. */
  readonly rescued: RescueResult | null;
  readonly leftovers: readonly LeftoverTotal[];
  /** Who comes along; null where nothing was looked at. */
  readonly selection: SelectionSummary | null;
  /** What a test boot left on the target, and was replaced. */
  readonly replaced: readonly string[];
}

/** What a cutover that went no further has to show. */
const NOTHING: Omit<CutoverResult, 'phases' | 'replaced'> = {
  pass: null,
  databases: [],
  quotaRoots: { total: 0, corrected: [] },
  checks: [],
  final: false,
  rescued: null,
  leftovers: [],
  selection: null,
};

const REHEARSAL = '.cyrsync-rehearsal';

export async function cutover(
  job: Job,
  state: State,
  options: CutoverOptions,
  context: PassContext,
): Promise<CutoverResult> {
  const phases: { phase: string; seconds: number }[] = [];
  let begun = performance.now();
  const endPhase = (phase: string) => {
    const now = performance.now();
    phases.push({ phase, seconds: Math.round(now - begun) / 1000 });
    context.log.info('phase', { phase, seconds: ((now - begun) / 1000).toFixed(2) });
    begun = now;
  };
  const mode = options.rescue ?? job.options.migrate.rescue;
  requireTargetReads(job);
  if (job.options.select.only)
    throw new RefusedError(
      '`only` in [select] of the job file',
      'a cutover of some users is not there yet',
      'Take it out.',
    );
  if (mode !== 'off') rescueDirectory(job); // a wrong one is said before anything is done
  requireStopped(job, options);
  const target = new TargetTrees(job.target, job.owner);
  try {
    const rows = new Map(state.mailboxes.all().map((row) => [row.uniqueid, row]));
    const replaced = inspectTarget(job, rows, new Set(state.rescuedMailboxes().map((row) => row.uniqueid)), target);
    endPhase('servers stopped');
    let result: CutoverResult = { ...NOTHING, phases, replaced };
    if (options.dryRun) return result;
    const before = new Map([...rows.values()].map((row) => [row.uniqueid, row.syncedPrint]));
    const { figures, inventory, plan } = await runPass(
      job,
      state,
      { kind: 'cutover', full: false, checksum: false, acceptRemovals: options.acceptRemovals },
      context,
    );
    const selection = whoComes(job, inventory);
    endPhase(LAST_PASS);
    const brought = collectMigrated(job, inventory, plan, target, context.problems);
    const { rescued, leftovers, migrated } = rescueLeftovers(
      job,
      state,
      target,
      inventory,
      brought,
      { mode, write: !options.rehearse },
      context.problems,
    );
    endPhase('leftovers');
    const databases = await migrateDatabases(
      job,
      inventory,
      migrated,
      target,
      state.config,
      context.problems,
      options.rehearse ? REHEARSAL : '',
    );
    endPhase('databases');
    const { outcomes, quotaRoots } = databases;
    result = { ...result, pass: figures, databases: outcomes, quotaRoots, rescued, leftovers, selection };
    if (options.rehearse) return result;
    const checks = checkTarget(
      job,
      inventory,
      migrated,
      target,
      (mailbox) => before.get(mailbox.uniqueid) !== mailbox.print,
    );
    endPhase('checks');
    const moved = [...sweepAgain(job, inventory), ...databases.changedSince()];
    if (moved.length > 0) {
      throw new RefusedError(
        'Somebody still writes to the source',
        `changed since the last pass: ${moved.slice(0, 5).join(', ')}${moved.length > 5 ? ` and ${moved.length - 5} more` : ''}`,
        'Stop the old server and its cron jobs (cyr_expire, squatter), then run cutover again.',
        { code: 'source-moved' },
      );
    }
    endPhase('second sweep');
    const final = checks.every(({ ok }) => ok) && figures.complete && figures.mailboxes.deferred === 0;
    if (final) {
      for (const partition of job.target.conf.partitions.values())
        for (const path of mailboxRoots(partition)) target.root(path).removeEmpty(STAGING);
      state.setFact('final', new Date().toISOString());
    }
    return { ...result, checks, final };
  } finally {
    target.close();
  }
}

function whoComes(job: Job, inventory: Inventory): SelectionSummary {
  const source = new SourceTrees(job.source);
  try {
    return summariseSelection(job, source, inventory);
  } finally {
    source.close();
  }
}

function requireStopped(job: Job, options: CutoverOptions): void {
  const old = options.force ? [] : runningServer(job.source);
  if (old.length > 0)
    throw new RefusedError(
      'The old server runs',
      old.slice(0, 4).join('; '),
      'Stop it (and its cron jobs), then run cutover again.',
      { code: 'old-server-runs' },
    );
  const now = runningServer(job.target);
  if (now.length > 0)
    throw new RefusedError(
      'The new server runs',
      now.slice(0, 4).join('; '),
      'Stop it: the cutover writes its databases.',
      { code: 'new-server-runs' },
    );
}

/** All fingerprints once more, and mailboxes.db: 0.4 s for 100,000 mailboxes, and it works everywhere. */
function sweepAgain(job: Job, inventory: Inventory): string[] {
  const moved: string[] = [];
  const prints = new Fingerprints(job.source.real, inventory.hasExpunge, inventory.mailboxes.length);
  try {
    for (const { name, place, print } of inventory.mailboxes)
      if (prints.of(place.roots.meta, place.relative).all !== print) moved.push(name);
  } finally {
    prints.close();
  }
  const trees = new SourceTrees(job.source);
  try {
    if (readMailboxesDb(job, trees).print !== inventory.databasePrint) moved.push('mailboxes.db');
  } finally {
    trees.close();
  }
  return moved;
}
