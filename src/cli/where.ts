import type { Command } from 'commander';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { toExternal } from '../cyrus/names/mailbox-name.js';
import { SourceTrees } from '../disk/trees.js';
import { ProblemList } from '../model/problem.js';
import { makePlan } from '../plan/plan.js';
import { table } from '../report/text.js';
import { lookAtSource } from './look-at-source.js';
import { type CommonOptions, commonCommand, runOnJob } from './run.js';

/** The directories in which files of the mailbox are looked for; null where none is. */
function shown(place: MailboxPlace) {
  const meta = place.meta.header === place.data ? null : place.meta.header;
  return { partition: place.partition, data: place.data, meta, archive: place.archive };
}

export function whereCommand(): Command {
  return commonCommand('where', "each mailbox's directories on source and target, like mbpath")
    .argument('[name...]', 'internal names; all without')
    .action(async (names: string[], options: CommonOptions) => {
      await runOnJob('where/1', options, async (job, state, env) => {
        const source = new SourceTrees(job.source);
        try {
          const inventory = await lookAtSource(job, state, source, new ProblemList(), env); // standing problems are survey's to show
          const plan = makePlan(job, state, inventory, { trees: source });
          const wanted = new Set(names);
          const mailboxes = inventory.mailboxes
            .map((mailbox) => ({ mailbox, external: toExternal(mailbox.name, job.target.conf) }))
            .filter(({ mailbox, external }) => wanted.size === 0 || wanted.has(mailbox.name) || wanted.has(external))
            .map(({ mailbox, external }) => ({
              name: mailbox.name,
              external,
              uniqueid: mailbox.uniqueid,
              from: shown(mailbox.place),
              to: shown(plan.placeOf(mailbox)),
            }));
          for (const { name, external } of mailboxes) for (const found of [name, external]) wanted.delete(found);
          for (const mailbox of wanted)
            env.problems.add({
              code: 'no-such-mailbox',
              message: 'the source lists no mailbox of that name, or this job does not bring it',
              advice:
                'Give its internal name (user.ben.Sent), or the one that an administrator types on the new server.',
              mailbox,
            });
          return {
            body: { mailboxes },
            text: table(
              ['mailbox', 'from', 'to'],
              mailboxes.map((m) => [m.name, m.from.data, m.to.data]),
            ),
          };
        } finally {
          source.close();
        }
      });
    });
}
