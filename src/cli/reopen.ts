import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import { firstOf } from '../base/units.js';
import { targetIndexHeader } from '../cutover/target-state.js';
import { asInternalName } from '../cyrus/names/mailbox-name.js';
import { TargetTrees } from '../disk/trees.js';
import { unitOf } from '../inventory/listed-mailbox.js';
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
        const target = new TargetTrees(job.target, job.owner);
        try {
          const finals = state.units.finals();
          const isOfLast = (name: string) =>
            finals.size === 0 || finals.get(unitOf(asInternalName(name), job.source.conf)) === last;
          const damaged: string[] = [];
          const newer: { mailbox: string; firstUid: number; lastUid: number }[] = [];
          for (const row of state.mailboxes.known()) {
            if (!isOfLast(row.name)) continue;
            const index = targetIndexHeader(job, row, target);
            if (index === 'damaged') damaged.push(row.name);
            else if (index && index.lastUid > row.lastUid)
              newer.push({ mailbox: row.name, firstUid: row.lastUid + 1, lastUid: index.lastUid });
          }
          if (damaged.length > 0)
            env.problems.add({
              code: 'target-index-damaged',
              message: `what mail came on the target can not be seen where its index is damaged: ${firstOf(damaged)}`,
              advice: 'Run reconstruct there, and look again.',
            });
          if (options.discard) {
            state.units.reopen(last, () => state.setFact('final', undefined));
            const rest = state.units.finals().size;
            return {
              body: { newer, reopened: true },
              text: `Reopened: presync works again, and checks what it finds on the target.${rest === 0 ? '' : ' Earlier waves stay final. While the databases of the new server name what is reopened, it must be stopped for a pass.'}`,
            };
          }
          if (newer.length > 0)
            env.problems.add({
              code: 'target-has-new-mail',
              message: `${newer.length} mailboxes got mail on the target`,
              advice: 'Save it, then run reopen --discard.',
            });
          const text =
            newer.length === 0
              ? 'The target has no mail that the source had not. `cyrsync reopen --discard` puts the job back.'
              : table(
                  ['mailbox', 'first new UID', 'last'],
                  newer.map((n) => [n.mailbox, n.firstUid, n.lastUid]),
                );
          return { body: { newer, reopened: false }, text };
        } finally {
          target.close();
        }
      });
    });
}
