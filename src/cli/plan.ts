import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import { formatBytes } from '../base/units.js';
import { SourceTrees } from '../disk/trees.js';
import { takeInventory } from '../inventory/inventory.js';
import type { SourceMailbox } from '../model/mailbox.js';
import { makePlan, type PartitionSum, type Plan, partitionSums } from '../plan/plan.js';
import { table } from '../report/text.js';
import type { MailboxStanding } from '../state/mailbox-rows.js';
import { type CommonOptions, commonCommand, runOnJob } from './run.js';
import { selectionLines, showSelection } from './show-selection.js';

const LARGEST = 10;

export function planCommand(): Command {
  return commonCommand('plan', 'where each mailbox goes, and why')
    .option('--explain <name>', 'why this mailbox goes where it goes')
    .action(async (options: CommonOptions & { explain?: string }) => {
      await runOnJob('plan/1', options, (job, state, env) => {
        const source = new SourceTrees(job.source);
        try {
          const inventory = takeInventory(job, state, source, env.problems);
          const plan = makePlan(job, state, inventory);
          if (options.explain !== undefined) {
            const mailbox = inventory.mailboxes.find(({ name }) => name === options.explain);
            if (!mailbox)
              throw new ConfigError(
                `There is no mailbox ${options.explain}`,
                'the source does not list it',
                'Give its internal name, as `cyrsync where` shows it.',
              );
            const { partition, reason } = plan.placementOf(mailbox);
            const explain = {
              name: mailbox.name,
              unit: mailbox.unit,
              partition,
              reason,
              from: mailbox.place.data,
              to: plan.placeOf(mailbox).data,
            };
            return {
              body: { policy: plan.policy, explain },
              text: `${explain.name} goes to partition ${partition}: ${reason}\n  from ${explain.from}\n  to   ${explain.to}`,
            };
          }
          const { before, after } = partitionSums(job, plan, inventory);
          const selection = showSelection(job, state, source, inventory, env);
          const bytes = after.map((sum) => sum.bytes);
          const mean = bytes.reduce((a, b) => a + b, 0) / Math.max(1, bytes.length);
          const units = unitSums(inventory.mailboxes);
          const largestUnit = units[0]?.bytes ?? 0;
          const body = {
            policy: plan.policy,
            layout: job.layout,
            selection,
            before,
            after,
            spread: mean === 0 ? 1 : Math.max(...bytes) / mean,
            lowerBound: mean === 0 ? 1 : Math.max(1, largestUnit / mean),
            largest: units.slice(0, LARGEST),
            moves: countMoves(inventory.mailboxes, state.mailboxes.standings(), plan),
          };
          const text = [
            `Layout: ${job.layout}; placement: ${plan.policy}`,
            ...selectionLines(selection),
            `Before\n${sums(before)}`,
            `After\n${sums(after)}`,
            `Largest\n${table(
              ['user', 'size', 'files'],
              body.largest.map((u) => [u.unit, formatBytes(u.bytes), u.files]),
            )}`,
          ].join('\n\n');
          return { body, text };
        } finally {
          source.close();
        }
      });
    });
}

/** Mailboxes that lie elsewhere on the target than the plan says. */
function countMoves(mailboxes: readonly SourceMailbox[], standings: Iterable<MailboxStanding>, plan: Plan): number {
  const byUniqueid = new Map(mailboxes.map((mailbox) => [mailbox.uniqueid, mailbox]));
  let moves = 0;
  for (const { uniqueid, targetPartition, targetRelative } of standings) {
    const mailbox = targetPartition === null ? undefined : byUniqueid.get(uniqueid);
    if (!mailbox) continue;
    const { partition, relative } = plan.placeOf(mailbox);
    if (targetPartition !== partition || targetRelative !== relative) moves++;
  }
  return moves;
}

function unitSums(mailboxes: readonly SourceMailbox[]): { unit: string; bytes: number; files: number }[] {
  const units = new Map<string, { unit: string; bytes: number; files: number }>();
  for (const { unit, summary } of mailboxes) {
    const sum = units.get(unit) ?? { unit, bytes: 0, files: 0 };
    sum.bytes += summary?.bytes ?? 0;
    sum.files += summary?.files ?? 0;
    units.set(unit, sum);
  }
  return [...units.values()].sort((a, b) => b.bytes - a.bytes);
}

function sums(partitions: readonly PartitionSum[]): string {
  const most = Math.max(1, ...partitions.map((p) => p.bytes));
  return table(
    ['partition', 'users', 'mailboxes', 'files', 'size', ''],
    partitions.map((p) => [
      p.name,
      p.users,
      p.mailboxes,
      p.files,
      formatBytes(p.bytes),
      '#'.repeat(Math.round((30 * p.bytes) / most)),
    ]),
  );
}
