import { type Command, Option } from 'commander';
import { Exit } from '../base/exit.js';
import { formatSeconds, plural } from '../base/units.js';
import { type CutoverResult, cutover, REHEARSAL, SAID_ELSEWHERE } from '../cutover/cutover.js';
import type { RescueMode } from '../cutover/rescue-leftovers.js';
import { type ClassTotal, leftoverTotalsText } from '../report/leftover-totals.js';
import { rescueText } from '../report/rescue-text.js';
import { table } from '../report/text.js';
import type { LeftoverTotal } from '../survey/leftover.js';
import { passContext } from './pass-context.js';
import { parseCount, passText } from './presync.js';
import { requireNotFinal } from './require-not-final.js';
import { type CommonOptions, commonCommand, runOnJob } from './run.js';
import { keepSelection, selectionLines } from './show-selection.js';

interface CutoverCliOptions extends CommonOptions {
  readonly dryRun?: boolean;
  readonly rehearse?: boolean;
  readonly force?: boolean;
  readonly acceptRemovals?: string;
  readonly rescue?: RescueMode;
}

export function cutoverCommand(): Command {
  return commonCommand('cutover', 'the last delta, the databases, checks: the old server stopped')
    .option('--dry-run', 'look whether it could be done, and change nothing')
    .option('--rehearse', 'write the databases aside, not in place, and do not call it final')
    .option('--accept-removals <n>', 'let the last pass remove what an earlier one refused to')
    .addOption(
      new Option(
        '--rescue <how>',
        'messages that exist only in leftovers: copied beside the spool, into a mailbox user.NAME.Recovered, or left',
      ).choices(['copy', 'mailbox', 'off']),
    )
    .option('--force', 'go on although the old server seems to run')
    .action(async (options: CutoverCliOptions) => {
      await runOnJob(
        'cutover/1',
        options,
        async (job, state, env) => {
          if (job.options.select.only === undefined) requireNotFinal(state, 'the target may hold new mail');
          const result = await cutover(
            job,
            state,
            {
              dryRun: options.dryRun === true,
              rehearse: options.rehearse === true,
              force: options.force === true,
              acceptRemovals: parseCount(options.acceptRemovals),
              rescue: options.rescue,
            },
            passContext(env),
          );
          if (result.pass) state.setFact('cutoverPhases', JSON.stringify(result.phases)); // for the forecast
          if (result.selection) keepSelection(state, result.selection, env.problems);
          state.saveProblems(env.problems.all);
          for (const { check, detail } of result.checks.filter((c) => !c.ok && !SAID_ELSEWHERE.includes(c.check)))
            env.problems.add({
              code: 'check-failed',
              message: `${check}: ${detail}`,
              advice: 'It is not final; mend what the check names and run cutover again.',
            });
          const { replaced: _replaced, ...body } = result;
          const leftovers = result.leftovers.map(unmeasured);
          return {
            body: { ...body, leftovers },
            text: cutoverText(
              result,
              leftovers.length === 0
                ? []
                : [leftoverTotalsText('Left behind on the old server', leftovers, job.options.migrate.deleted)],
              options.rehearse && result.pass ? `${job.target.conf.configDirectory}/${REHEARSAL}` : undefined,
            ),
            exit: result.checks.every(({ ok }) => ok) ? undefined : Exit.failed,
          };
        },
        'from-watch',
      );
    });
}

/** While the servers stand nobody stats the messages of DELETED mailboxes to add them up; a survey has done it before. */
function unmeasured(total: LeftoverTotal): ClassTotal {
  return total.class === 'deleted-awaiting-expire' ? { ...total, bytes: null } : total;
}

/** @param rehearsal Where the databases were written, if not in place. */
function cutoverText(result: CutoverResult, leftovers: readonly string[], rehearsal: string | undefined): string {
  const parts = [
    ...(result.replaced.length > 0
      ? [`${result.pass ? 'Replaced' : 'To be replaced'} on the target: ${result.replaced.join('; ')}`]
      : []),
    ...(result.pass
      ? [passText(result.pass)]
      : [
          'Nothing was changed; both servers are stopped, and their partitions there, as far as can be seen from here.',
        ]),
  ];
  parts.push(...selectionLines(result.selection));
  if (result.databases.length > 0)
    parts.push(
      table(
        ['database', 'action', 'entries', 'note'],
        result.databases.map((d) => [d.what, d.action, d.entries, d.note]),
      ),
    );
  const { total, corrected } = result.quotaRoots;
  if (total > 0) parts.push(`${total} quota roots, ${corrected.length} recorded figures were wrong`);
  if (corrected.length > 0)
    parts.push(
      table(
        ['quota root', 'resource', 'recorded', 'actual', ''],
        corrected.map((c) => [
          c.root,
          c.resource,
          String(c.recorded),
          String(c.actual),
          c.wrapped ? 'wrapped at 2^32' : '',
        ]),
      ),
    );
  parts.push(...leftovers);
  if (result.rescued) parts.push(rescueText(result.rescued));
  if (result.checks.length > 0)
    parts.push(
      table(
        ['check', '', 'detail'],
        result.checks.map((c) => [c.check, c.ok ? 'ok' : 'FAILED', c.detail]),
      ),
    );
  parts.push(result.phases.map(({ phase, seconds }) => `${phase} ${formatSeconds(seconds)}`).join(', '));
  if (rehearsal !== undefined)
    parts.push(
      [
        `A rehearsal: it is not final. The databases are below ${rehearsal}, to be looked at and deleted; in their`,
        'place nothing was written, and no checks were made. The mail that the pass copied stays, as after a presync.',
        'Beside an old server that runs, figures that changed meanwhile may be among those called wrong.',
      ].join('\n'),
    );
  else if (result.pass && !result.final)
    parts.push('It is not final: see the problems, then run cutover again. Do not start the new server.');
  if (result.final) {
    const failed = result.pass?.mailboxes.failed ?? 0;
    parts.push(
      [
        `Final${failed === 0 ? '' : `, without ${plural(failed, 'mailbox', 'mailboxes')} that failed: see the problems first`}. Now:`,
        '  1. Take the cron jobs of the old server away (cyr_expire, squatter, ctl_cyrusdb), so that nothing writes there, and your own of presync.',
        '  2. Start the new server; look whether a user can log in, sees the folders and finds old mail read.',
        '  3. Run `cyrsync verify`: it reads every message back.',
        '  4. The way back: stop the new server, `cyrsync reopen`, start the old one; its spool was never written.',
      ].join('\n'),
    );
  }
  return parts.join('\n\n');
}
