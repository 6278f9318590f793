import type { Command } from 'commander';
import { formatBytes } from '../base/units.js';
import { SourceTrees } from '../disk/trees.js';
import { type Inventory, takeInventory, unreachableUsers } from '../inventory/inventory.js';
import { layoutContradictions } from '../inventory/layout-evidence.js';
import type { Job } from '../job/job.js';
import { accountText } from '../report/account-text.js';
import { table } from '../report/text.js';
import { findLeftovers } from '../survey/leftovers.js';
import { type CommonOptions, commonCommand, runOnJob } from './run.js';
import { selectionLines, showSelection } from './show-selection.js';

export function surveyCommand(): Command {
  return commonCommand('survey', 'what lies on the source, and what would be left behind')
    .option('--no-prove', 'do not read stale messages to see whether they are elsewhere')
    .action(async (options: CommonOptions & { prove: boolean }) => {
      await runOnJob('survey/1', options, (job, state, env) => {
        const source = new SourceTrees(job.source);
        try {
          const inventory = takeInventory(job, state, source, env.problems);
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
          const { totals: leftovers, account } = findLeftovers(job, state, source, inventory, {
            prove: options.prove,
            keep: () => false,
          });
          const sum = (pick: (m: Inventory['mailboxes'][number]) => number) =>
            inventory.mailboxes.reduce((total, m) => total + pick(m), 0);
          const totals = {
            users: new Set(inventory.mailboxes.filter((m) => m.user).map((m) => m.unit)).size,
            mailboxes: inventory.mailboxes.length,
            messages: sum((m) => m.summary?.messages ?? 0),
            bytes: sum((m) => m.summary?.bytes ?? 0),
          };
          const partitions = partitionList(job, inventory);
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
              : `Left behind:\n${table(
                  ['class', 'directories', 'files', 'size'],
                  leftovers.map((l) => [l.class, l.directories, l.files, formatBytes(l.bytes)]),
                )}`,
            accountText(account),
          ].join('\n\n');
          return { body, text };
        } finally {
          source.close();
        }
      });
    });
}

function partitionList(job: Job, inventory: Inventory) {
  return [...job.source.conf.partitions.values()].flatMap(({ name, data, archive, metaPartition, search }) => {
    const mine = inventory.mailboxes.filter((m) => m.place.partition === name);
    const messages = mine.reduce((total, m) => total + (m.summary?.messages ?? 0), 0);
    const bytes = mine.reduce((total, m) => total + (m.summary?.bytes ?? 0), 0);
    const other = (kind: 'meta' | 'archive' | 'search', path: string) => ({
      name,
      kind,
      path,
      mailboxes: mine.length,
      messages: 0,
      bytes: 0,
    });
    return [
      { name, kind: 'data' as const, path: data, mailboxes: mine.length, messages, bytes },
      ...(metaPartition === undefined ? [] : [other('meta', metaPartition)]),
      ...(archive === undefined ? [] : [other('archive', archive)]),
      ...search.map((path) => other('search', path)),
    ];
  });
}
