import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import { firstOf, plural } from '../base/units.js';
import { requireTargetStopped } from '../cutover/preconditions.js';
import { newsOfTarget, reopen, type TargetNews } from '../cutover/reopen.js';
import { TargetTrees } from '../disk/trees.js';
import { table } from '../report/text.js';
import type { State } from '../state/state.js';
import { type CommonOptions, commonCommand, runOnJob } from './run.js';

/** Of the whole migration, else of the last wave. */
function lastFinal(state: State): string | undefined {
  return state.fact('final') ?? [...state.units.finals().values()].sort().at(-1);
}

export function reopenCommand(): Command {
  return commonCommand('reopen', 'take "final" back: lists what the target has that it had not')
    .option('--discard', 'put the job back to presync; what the target got since is lost at the next pass')
    .action(async (options: CommonOptions & { discard?: boolean }) => {
      await runOnJob('reopen/1', options, (job, state, env) => {
        const last = lastFinal(state);
        if (last === undefined)
          throw new ConfigError('The job is not final', 'there is nothing to take back', 'Run presync or cutover.');
        const isWhole = state.units.finals().size === 0 || state.fact('final') !== undefined;
        if (options.discard && isWhole)
          requireTargetStopped(
            job,
            'Stop it first: what users do there from now on would be lost without being listed.',
          );
        const target = new TargetTrees(job.target, job.owner);
        try {
          const news = newsOfTarget(job, state, target, last, env.problems);
          const { newer, made } = news;
          if (options.discard) {
            reopen(state, last, news);
            const rest = state.units.finals().size;
            return {
              body: { newer, made, reopened: true },
              text: `Reopened: presync works again, and makes each mailbox on the target as it is on the source.${rest === 0 ? '' : ' Earlier waves stay final. While the databases of the new server name what is reopened, it must be stopped for a pass.'}`,
            };
          }
          if (newer.length + made.length > 0)
            env.problems.add({
              code: 'target-has-new-mail',
              message: `${plural(newer.length, 'mailbox', 'mailboxes')} got mail on the target, ${made.length} with messages were made, renamed or deleted there`,
              advice: 'Save what is wanted, then run reopen --discard.',
            });
          return { body: { newer, made, reopened: false }, text: newsText(newer, made) };
        } finally {
          target.close();
        }
      });
    });
}

function newsText(newer: TargetNews['newer'], made: readonly string[]): string {
  return [
    ...(newer.length + made.length === 0 ? ['The target has no message that the source had not.'] : []),
    ...(newer.length === 0
      ? []
      : [
          table(
            ['mailbox', 'first new UID', 'last'],
            newer.map((n) => [n.mailbox, n.firstUid, n.lastUid]),
          ),
        ]),
    ...(made.length === 0 ? [] : [`Made, renamed or deleted there, with messages: ${firstOf(made, ', ', 50)}`]),
    'Flags set and messages deleted there are not looked for. `cyrsync reopen --discard` puts the job back: the next pass makes the target as the source is.',
  ].join('\n\n');
}
