import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { ConfigError, RefusedError } from '../base/errors.js';
import { Exit } from '../base/exit.js';
import { formatBytes, plural } from '../base/units.js';
import { fromExternal } from '../cyrus/names/mailbox-name.js';
import { errnoOf } from '../disk/os-path.js';
import { SourceTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import { asSeen } from '../plan/as-seen.js';
import { checkEdits, sourceOf } from '../plan/edited.js';
import { explain } from '../plan/explain.js';
import { type DetailedPlan, type PlanOptions, planOf, requireBalance } from '../plan/plan.js';
import { inputOf } from '../plan/plan-input.js';
import { idleRules } from '../plan/problems.js';
import { SpaceNeeds } from '../plan/space.js';
import { type LinkSums, largestUnits, linkSums, plannedMoves, sumsAfter, sumsBefore } from '../plan/sums.js';
import { csvName, nameOfCsv, printCsv, readCsv } from '../report/csv.js';
import { problemOf } from '../report/document.js';
import { explanationText, planText } from '../report/plan-text.js';
import type { State } from '../state/state.js';
import { lookAtSource } from './look-at-source.js';
import { requireNotFinal } from './require-not-final.js';
import { type CommonOptions, commonCommand, type Environment, type Outcome, runOnJob } from './run.js';
import { selectionLines, showSelection } from './show-selection.js';
import { terminalOf } from './terminal.js';

interface PlanCommandOptions extends CommonOptions {
  readonly explain?: string;
  readonly rebalance?: string | true;
  readonly dryRun?: boolean;
  readonly asSeen?: boolean;
  readonly csv?: string;
  readonly fromCsv?: string;
  readonly color?: boolean;
}

const LARGEST = 10;

export function planCommand(): Command {
  return commonCommand('plan', 'where each mailbox goes, and why')
    .option('--explain <name>', 'why this mailbox, or user, goes where it goes')
    .option(
      '--rebalance [spread]',
      'move what was placed before, to come down to this spread (1.02: 2 % above the mean)',
    )
    .option('--csv <file>', 'write the placements for a spreadsheet; - for stdout')
    .option('--from-csv <file>', 'take placements back from there; each row is checked, then all are taken or none')
    .option('--dry-run', 'remember nothing of it')
    .option('--as-seen', 'of the source as the last survey, plan or pass saw it; it is not looked at')
    .action(async (options: PlanCommandOptions) => {
      await runOnJob('plan/1', options, async (job, state, env) => {
        const source = new SourceTrees(job.source);
        try {
          return await planOutcome(job, state, env, source, options);
        } finally {
          source.close();
        }
      });
    });
}

async function planOutcome(
  job: Job,
  state: State,
  env: Environment,
  trees: SourceTrees,
  options: PlanCommandOptions,
): Promise<Outcome> {
  if (options.csv === '-' && options.json)
    throw new ConfigError('--csv - with --json', 'both want stdout', 'Write the CSV to a file, or leave out --json.');
  const isChange = options.rebalance !== undefined || options.fromCsv !== undefined;
  if (isChange && !options.dryRun)
    requireNotFinal(state, "the target's own server moves mailboxes (RENAME to another partition)");
  const rebalanceTo = wantedSpread(job, options);
  const inventory = options.asSeen ? undefined : await lookAtSource(job, state, trees, env.problems, env);
  if (!inventory) requireSeen(job, state, options);
  const input = inventory ? inputOf(inventory, state) : asSeen(state, job.source.conf);
  const make = (change: PlanOptions) =>
    planOf(job, state, input, { ...change, trees: inventory && trees, asSeen: !inventory });
  const edited = options.fromCsv === undefined ? undefined : editsOf(options.fromCsv, make, env.problems);
  const plan = make({ rebalanceTo, edited, dryRun: options.dryRun });
  for (const problem of [...idleRules(plan), ...plan.problems]) env.problems.add(problem);
  const exit = plan.details.decision.loads.shortfalls().length > 0 ? Exit.refused : undefined;
  if (options.csv !== undefined) {
    const csv = csvOf(plan);
    if (options.csv === '-') return { body: {}, text: '', raw: Buffer.from(csv), exit };
    writeNew(options.csv, csv);
  }
  if (inventory && options.explain !== undefined)
    return { ...explained(job, plan, inventory, state, options.explain), exit };
  const { details } = plan;
  const space = new SpaceNeeds(plan.disks, job.options.placement.reserve);
  const planned = plannedMoves(plan, input, space);
  const waiting = exit === undefined ? space.refusal() : undefined;
  if (waiting) env.problems.add(problemOf(waiting)); // the pass will refuse them, and say the same
  const largest = largestUnits(plan, LARGEST);
  const selection = inventory ? showSelection(job, state, trees, inventory, env) : null;
  const before = sumsBefore(job, plan);
  const after = sumsAfter(plan);
  const { spread, lowerBound, growth, decision } = details;
  const shared = linkSums(plan);
  const notes = [
    ...(options.dryRun ? ['nothing of this was remembered (--dry-run).'] : []),
    ...(inventory ? [] : ['this is the source as it was last seen (--as-seen).']),
    ...(decision.roomForGrowth
      ? []
      : [`there is no room for ${job.options.placement.growth_days} more days of growth as it was (growth_days).`]),
    ...(decision.aim === undefined ? [] : [`rebalanced for a spread of ${decision.aim.toFixed(3)}.`]),
    ...(options.csv === undefined
      ? []
      : [`written to ${options.csv}: ${plural(details.collected.keys.length, 'row')}.`]),
    ...linkNotes(shared),
  ];
  const shown = { layout: job.layout, policy: plan.policy, before, after, spread, lowerBound, largest };
  const body = {
    ...shown,
    selection,
    moves: planned.mailboxes,
    planned,
    growth: growth ?? null,
    aim: decision.aim ?? null,
    links: shared ?? null,
    notes,
  };
  return {
    body,
    text: planText({ ...shown, head: selectionLines(selection), planned, growth, notes }, terminalOf(options)),
    exit,
  };
}

function linkNotes(shared: LinkSums | undefined): string[] {
  if (!shared) return [];
  const { savedBytes, splitBytes, oneIn } = shared;
  const by = oneIn === 1 ? '' : ` (estimated from one message in ${oneIn})`;
  return [
    `messages that are hard links take ${formatBytes(savedBytes)} less than they add up to${by}; ${
      splitBytes === 0
        ? 'none lies on several file systems'
        : `${formatBytes(splitBytes)} are copied once more to another file system`
    }.`,
  ];
}

/** @throws ConfigError where what was seen does not say it. */
function requireSeen(job: Job, state: State, { explain: name }: PlanCommandOptions): void {
  const refuse = (why: string, next: string) => {
    throw new ConfigError('--as-seen', why, next);
  };
  if (name !== undefined) refuse('--explain looks at the source', 'Leave out one of the two.');
  if (isSelective(job) || state.units.finals().size > 0)
    refuse('with [select] the source says who comes along', 'Run `cyrsync plan` without it.');
  if (!state.mailboxes.isAnySeen()) refuse('nothing was seen yet', 'Run `cyrsync survey` first.');
}

function isSelective({ options: { select } }: Job): boolean {
  const { only, leave_out, unused_since, unused_days } = select;
  return only !== undefined || leave_out.length > 0 || unused_since !== undefined || unused_days !== undefined;
}

/** What `--rebalance` asks for; undefined without it. @throws ConfigError where that can't be asked for. */
function wantedSpread(job: Job, { rebalance, fromCsv }: PlanCommandOptions): number | undefined {
  if (rebalance === undefined) return undefined;
  if (fromCsv !== undefined)
    throw new ConfigError(
      '--rebalance with --from-csv',
      'the one places by itself what the other says by hand',
      'Take the CSV first, then rebalance: what the CSV placed stays.',
    );
  const wanted = rebalance === true ? job.options.placement.wanted_spread : Number(rebalance);
  if (!(wanted >= 1))
    throw new ConfigError(`--rebalance ${rebalance}`, 'it takes a spread, such as 1.05', 'Give a number of 1 or more.');
  requireBalance(job, '--rebalance');
  return wanted;
}

/** What `--from-csv` changes, by key. @throws where a row is wrong, or what all rows together say does not fit. */
function editsOf(
  file: string,
  make: (change: PlanOptions) => DetailedPlan,
  list: ProblemList,
): ReadonlyMap<string, string> {
  const before = make({ dryRun: true });
  const rows = readCsv(readText(file), file, ['name', 'partition']).map(({ line, cells }) => ({
    line,
    name: nameOfCsv(cells.name!),
    from: nameOfCsv(cells.from ?? ''),
    partition: cells.partition!,
  }));
  const { edited, problems } = checkEdits(rows, before, file);
  for (const problem of problems) list.add(problem);
  if (problems.length > 0)
    throw new ConfigError(
      `${plural(problems.length, 'row')} of ${file} ${problems.length === 1 ? 'is' : 'are'} wrong`,
      'each is listed; no row was taken',
      'Correct them, then give the file again.',
      { code: 'csv-rows-wrong' },
    );
  const after = make({ dryRun: true, edited });
  const short = after.details.decision.loads.shortfalls();
  if (short.length > before.details.decision.loads.shortfalls().length)
    throw new RefusedError(
      `The placements of ${file} do not fit`,
      after.problems.map(({ message }) => message).join('; '),
      'Place some of it elsewhere; no row was taken.',
      { code: 'no-space' },
    );
  return edited;
}

function explained(job: Job, plan: DetailedPlan, inventory: Inventory, state: State, name: string): Outcome {
  const found =
    explain(plan, inventory, state, name) ?? explain(plan, inventory, state, fromExternal(name, job.source.conf));
  if (!found)
    throw new ConfigError(
      `There is no mailbox ${name}`,
      'the source does not list it',
      'Give its internal name, as `cyrsync where` shows it.',
    );
  return { body: { policy: plan.policy, explain: found }, text: explanationText(found) };
}

function csvOf({ details: { collected, decision }, disks }: DetailedPlan): string {
  const { keys, nameOf, columns } = collected;
  function* rows() {
    for (const [u, key] of keys.entries())
      yield [
        csvName(nameOf(u)),
        disks.partitions[decision.loads.assignment[u]!]!.name,
        collected.bytesOf(u),
        collected.filesOf(u),
        columns.mailboxes[u]!,
        csvName(sourceOf(key)),
        decision.reasonOf(u),
      ];
  }
  return printCsv(['name', 'partition', 'bytes', 'files', 'mailboxes', 'from', 'reason'], rows());
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new ConfigError(
      `${file} can not be read`,
      String(error instanceof Error ? error.message : error),
      'Give the file that was saved as CSV.',
      { cause: error },
    );
  }
}

function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const isThere = errnoOf(error) === 'EEXIST';
    throw new ConfigError(
      isThere ? `${file} is there already` : `${file} can not be written`,
      isThere ? 'somebody may have edited it' : String(error instanceof Error ? error.message : error),
      'Name another file.',
      { cause: error },
    );
  }
}
