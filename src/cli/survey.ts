import type { Command } from 'commander';
import { formatBytes } from '../base/units.js';
import { SourceTrees } from '../disk/trees.js';
import { type Inventory, unreachableUsers } from '../inventory/inventory.js';
import { layoutContradictions } from '../inventory/layout-evidence.js';
import type { Job } from '../job/job.js';
import type { Account } from '../model/account.js';
import { accountText } from '../report/account-text.js';
import { leftoverTotalsText } from '../report/leftover-totals.js';
import { verdictText } from '../report/leftovers-text.js';
import { table } from '../report/text.js';
import { findLeftovers } from '../survey/leftovers.js';
import { lookAtSource } from './look-at-source.js';
import { type CommonOptions, commonCommand, runOnJob } from './run.js';
import { selectionLines, showSelection } from './show-selection.js';

export function surveyCommand(): Command {
  return commonCommand('survey', 'what lies on the source, and what would be left behind')
    .option('--no-prove', 'do not read stale messages to see whether they are elsewhere')
    .action(async (options: CommonOptions & { prove: boolean }) => {
      await runOnJob('survey/1', options, async (job, state, env) => {
        const source = new SourceTrees(job.source);
        try {
          const inventory = await lookAtSource(job, state, source, env.problems, env);
          for (const { name, why } of unreachableUsers(job, inventory)) {
            env.problems.add({
              code: 'login-unreachable',
              message: why,
              advice: 'Rename the user on the old server, or set the option in the new imapd.conf.',
              mailbox: name,
            });
          }
          const { conf } = job.source;
          for (const problem of layoutContradictions(conf, source, inventory.entries)) env.problems.add(problem);
          const found = findLeftovers(job, state, source, inventory, {
            prove: options.prove,
            keep: () => false,
          });
          const { totals: leftovers, account } = found;
          state.setFact('leftovers', JSON.stringify({ at: new Date().toISOString(), leftovers }));
          const todo = verdictText(found, job.options.migrate.rescue);
          const users = new Set<string>();
          const totals = { users: 0, mailboxes: inventory.mailboxes.length, messages: 0, bytes: 0 };
          for (const { user, unit, summary } of inventory.mailboxes) {
            if (user) users.add(unit);
            totals.messages += summary?.messages ?? 0;
            totals.bytes += summary?.bytes ?? 0;
          }
          totals.users = users.size;
          const partitions = partitionList(job, inventory, account);
          const selection = showSelection(job, state, source, inventory, env);
          const body = {
            source: {
              cyrus: conf.version,
              evidence: `job file; mailboxes.db: ${inventory.dialect}`,
              hashing: conf.spoolHashing,
              unixHierarchySep: conf.unixHierarchySep,
              virtdomains: conf.virtDomains,
            },
            totals,
            partitions,
            selection,
            leftovers,
            accounted: account,
          };
          const text = [
            `Cyrus ${conf.version}, hashing ${conf.spoolHashing}: ${totals.users} users, ${totals.mailboxes} mailboxes, ${totals.messages} messages, ${formatBytes(totals.bytes)}`,
            table(
              ['partition', 'kind', 'mailboxes', 'messages', 'size', 'path'],
              partitions.map((p) => [p.name, p.kind, p.mailboxes, p.messages, formatBytes(p.bytes), p.path]),
            ),
            ...selectionLines(selection),
            leftovers.length === 0
              ? 'No leftovers.'
              : leftoverTotalsText('Left behind', leftovers, job.options.migrate.deleted),
            ...(todo.length === 0 ? [] : [todo.join('\n')]),
            accountText(account),
          ].join('\n\n');
          return { body, text };
        } finally {
          source.close();
        }
      });
    });
}

/** Messages and bytes of data partitions are those of the indexes, wherever the files lie; of the others, what lies there. */
function partitionList(job: Job, inventory: Inventory, { roots }: Account) {
  const sums = new Map<string, { mailboxes: number; messages: number; bytes: number }>();
  for (const { entry, summary } of inventory.mailboxes) {
    const partition = entry.partition ?? '';
    let sum = sums.get(partition);
    if (!sum) sums.set(partition, (sum = { mailboxes: 0, messages: 0, bytes: 0 }));
    sum.mailboxes++;
    sum.messages += summary?.messages ?? 0;
    sum.bytes += summary?.bytes ?? 0;
  }
  return [...job.source.conf.partitions.values()].flatMap(({ name, data, archive, metaPartition, search }) => {
    const sum = sums.get(name) ?? { mailboxes: 0, messages: 0, bytes: 0 };
    const other = (kind: 'meta' | 'archive' | 'search', path: string) => {
      const there = roots.find((root) => root.path === path);
      return { name, kind, path, mailboxes: sum.mailboxes, messages: there?.messages ?? 0, bytes: there?.bytes ?? 0 };
    };
    // by their indexes, expunged messages apart; where some are archived, no index tells how much lies in which place
    const own = archive === undefined ? undefined : roots.find((root) => root.path === data);
    return [
      { name, kind: 'data' as const, path: data, ...sum, ...(own && { messages: own.messages, bytes: own.bytes }) },
      ...(metaPartition === undefined ? [] : [other('meta', metaPartition)]),
      ...(archive === undefined ? [] : [other('archive', archive)]),
      ...search.map((path) => other('search', path)),
    ];
  });
}
