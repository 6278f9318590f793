/**
 * The last act, phase by phase, each of which can be run again: is the old server stopped and the new one not running?
 * → last pass → leftovers → databases → checks → second sweep → final. The second sweep finds a writer that can't be seen from here:
 * whatever moved since the pass means that somebody still writes.
 */

import { isDeepStrictEqual } from 'node:util';
import { keepHeapSmall } from '../base/heap.js';
import { firstOf, plural } from '../base/units.js';
import { mailboxRoots } from '../cyrus/conf/partitions.js';
import type { MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { type DatabasesResult, migrateDatabases, type WaveDatabases } from '../databases/databases.js';
import { collectMigrated } from '../databases/migrated.js';
import { keepBackups, removeBackups } from '../databases/wave-databases.js';
import { SourceTrees, TargetTrees } from '../disk/trees.js';
import { Fingerprints } from '../inventory/fingerprint.js';
import type { Inventory } from '../inventory/inventory.js';
import { isStill, readMailboxesDb } from '../inventory/read-mailboxes-db.js';
import { isWave } from '../inventory/selection.js';
import { summariseSelection } from '../inventory/selection-summary.js';
import { openWave } from '../inventory/wave.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
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
import { openTargets } from '../sync/pass-session.js';
import { requireTargetReads } from '../sync/target-version.js';
import { type Check, checkTarget } from './checks.js';
import { requireBothThere, requireStopped, requireTargetStopped } from './preconditions.js';
import { type RescueMode, rescueLeftovers } from './rescue-leftovers.js';
import { inspectServingTarget, inspectTarget } from './target-state.js';

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

/** Below the target's configdirectory. */
export const REHEARSAL = '.cyrsync-rehearsal';
/** Of these checks a problem says more. */
const SOURCE_AT_REST = 'nothing moved on the source';
const ALL_WRITTEN = 'what changed was copied';
export const SAID_ELSEWHERE: readonly string[] = [SOURCE_AT_REST, ALL_WRITTEN];

export async function cutover(
  job: Job,
  state: State,
  options: CutoverOptions,
  context: PassContext,
): Promise<CutoverResult> {
  keepHeapSmall();
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
  if (mode !== 'off') rescueDirectory(job); // a wrong one is said before anything is done
  const wave = isWave(job, state);
  requireStopped(job, options, wave);
  const target = new TargetTrees(job.target, job.owner);
  try {
    openTargets(job, target, true); // before anything below one of them is asked for
    const replaced = wave ? inspectServingTarget(job, state, target) : inspectTarget(job, state, target);
    endPhase('servers stopped');
    let result: CutoverResult = { ...NOTHING, phases, replaced };
    if (options.dryRun) {
      requireBothThere(job, state, context.problems);
      return result;
    }
    const { figures, inventory, plan, copied, notWritten } = await runPass(
      job,
      state,
      { kind: 'cutover', full: false, checksum: false, acceptRemovals: options.acceptRemovals },
      context,
    );
    const selection = whoComes(job, inventory);
    endPhase(LAST_PASS);
    const opened = wave ? openForWave(job, state, inventory, context.problems) : undefined;
    const brought = collectMigrated(job, inventory, plan, target, context.problems);
    const { rescued, leftovers, migrated } = rescueLeftovers(
      job,
      state,
      target,
      inventory,
      brought,
      { mode, write: !options.rehearse, quotaRoots: opened?.quotaRoots },
      context.problems,
    );
    endPhase('leftovers');
    const units = new Set(inventory.mailboxes.map(({ unit }) => unit));
    // The pass may have taken long.
    requireTargetStopped(job, 'Stop it, keep it from being started (systemd, monit), and run cutover again.', true);
    if (wave && !options.rehearse) beginWave(job, state, target, units);
    const databases = await migrateDatabases(
      job,
      inventory,
      migrated,
      target,
      state.config,
      context.problems,
      options.rehearse ? REHEARSAL : '',
      opened,
    );
    endPhase('databases');
    const { outcomes, quotaRoots } = databases;
    result = { ...result, pass: figures, databases: outcomes, quotaRoots, rescued, leftovers, selection };
    if (options.rehearse) return result;
    const copiedIds = new Set(inventory.mailboxes.flatMap(({ at, uniqueid }) => (copied[at] === 1 ? uniqueid : [])));
    const checks = checkTarget(job, inventory, migrated, target, copiedIds, opened);
    endPhase('checks');
    requireTargetStopped(
      job,
      'It was started while its databases were written, and may have them half: stop it, and run cutover again.',
      true,
    );
    const moved = [...sweepAgain(job, inventory, wave), ...databases.changedSince()];
    checks.push(atRest(moved), allWritten(notWritten));
    if (moved.length > 0)
      context.problems.add({
        code: 'source-moved',
        message: `Somebody still writes to the source: ${atRest(moved).detail}`,
        advice: `It is not final, and the new server's databases are to be written anew: ${
          wave
            ? 'keep these users out of the old server, and their mail from it, then run cutover again.'
            : 'stop the old server and its cron jobs (cyr_expire, squatter), then run cutover again.'
        }`,
      });
    endPhase('second sweep');
    const { deferred } = figures.mailboxes;
    const final = checks.every(({ ok }) => ok) && figures.complete && deferred === 0;
    if (deferred > 0)
      context.problems.add({
        code: 'not-final',
        message: `it is not final: ${plural(deferred, 'mailbox', 'mailboxes')} kept changing while they were read`,
        advice: 'Stop what writes to the old spool, then run cutover again.',
      });
    if (final) {
      for (const partition of job.target.conf.partitions.values())
        for (const path of mailboxRoots(partition)) target.root(path).removeEmpty(STAGING);
      const at = momentAfter([...state.units.finals().values()]);
      state.units.finish(units, at, () => {
        if (job.options.select.only === undefined) state.setFact('final', at);
        state.setFact('merging', undefined);
        state.setFact('discarded', undefined);
        state.sweep.forget();
      });
      if (wave) removeBackups(job, target);
    }
    return { ...result, checks, final };
  } finally {
    target.close();
  }
}

/** What the second sweep found. */
function atRest(moved: readonly string[]): Check {
  const detail = moved.length === 0 ? 'since the last pass' : `changed since the last pass: ${firstOf(moved)}`;
  return { check: SOURCE_AT_REST, ok: moved.length === 0, detail };
}

/** Mail that found no room would be missing on the new server, and no later pass bring it. */
function allWritten(notWritten: number): Check {
  const detail =
    notWritten === 0 ? 'the disks took it' : `${plural(notWritten, 'mailbox', 'mailboxes')} not, or in part`;
  return { check: ALL_WRITTEN, ok: notWritten === 0, detail };
}

function openForWave(job: Job, state: State, inventory: Inventory, problems: ProblemList): WaveDatabases {
  const source = new SourceTrees(job.source);
  try {
    return { ...openWave(job, state, inventory, source, problems), denied: state.units.denied() };
  } finally {
    source.close();
  }
}

/** Now, and later than all of these: by it waves are told apart. */
function momentAfter(moments: readonly string[]): string {
  const last = Math.max(0, ...moments.map((at) => Date.parse(at)));
  return new Date(Math.max(Date.now(), last + 1)).toISOString();
}

/** From here on the target's databases may name mailboxes of these units; the state knows it before. */
function beginWave(job: Job, state: State, target: TargetTrees, units: ReadonlySet<string>): void {
  const at = new Date().toISOString();
  // After a try that died the backups are those of before the first one.
  if (state.fact('merging') === undefined) keepBackups(job, target);
  state.setFact('merging', at);
  state.units.begin(units, at);
}

function whoComes(job: Job, inventory: Inventory): SelectionSummary {
  const source = new SourceTrees(job.source);
  try {
    return summariseSelection(job, source, inventory);
  } finally {
    source.close();
  }
}

/** All fingerprints once more, and mailboxes.db: 0.4 s for 100,000 mailboxes, and it works everywhere. */
function sweepAgain(job: Job, inventory: Inventory, wave: boolean): string[] {
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
    if (isStill(job, trees, inventory.databasePrint)) return moved;
    const again = readMailboxesDb(job, trees);
    // In a wave others go on to work there: what counts is what it says of those who come.
    const isTheirs = ({ name }: MailboxEntry) => inventory.selection.takes(name);
    const isSame = wave
      ? isDeepStrictEqual(again.mailboxes.filter(isTheirs), inventory.entries.filter(isTheirs))
      : again.print === inventory.databasePrint;
    if (!isSame) moved.push('mailboxes.db');
  } finally {
    trees.close();
  }
  return moved;
}
