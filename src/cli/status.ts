import type { Command } from 'commander';
import { formatSeconds, plural } from '../base/units.js';
import { table } from '../report/text.js';
import { watchText } from '../report/watch-text.js';
import { holderOfJob } from '../state/database.js';
import type { Forecast } from '../sync/forecast.js';
import { readWatchStatus } from '../watch/status-file.js';
import { type CommonOptions, commonCommand, runOnJob } from './run.js';
import { selectionLines } from './show-selection.js';
import { standingOf } from './standing.js';

export function statusCommand(): Command {
  return commonCommand('status', 'where the migration stands').action(async (options: CommonOptions) => {
    await runOnJob(
      'status/1',
      options,
      (job, state) => {
        const watched = readWatchStatus(job.stateFile);
        const standing = standingOf(state, 10);
        const holder = holderOfJob(job.stateFile);
        const body = {
          ...standing,
          running: holder ? { pid: holder.pid, command: holder.command ?? null } : null,
          watch: watched ? { running: watched.isRunning, ...watched.status } : null,
        };
        const { passes } = body;
        const text = [
          body.final === null
            ? `${plural(body.mailboxes, 'mailbox', 'mailboxes')} known, ${body.never} never copied, ${body.dirty} to be looked at again`
            : `Final since ${body.final}`,
          ...(body.waves.length > 0
            ? [
                table(
                  ['final since', 'users and shared trees'],
                  body.waves.map((w) => [w.final, w.units]),
                ),
              ]
            : []),
          ...(holder && !watched?.isRunning ? [`${holder.command ?? 'A command'} runs: process ${holder.pid}`] : []),
          ...(watched ? [watchText(watched.status, watched.isRunning, Date.now())] : []),
          ...selectionLines(body.selection),
          ...(passes.length > 0
            ? [
                table(
                  ['pass', 'begun', 'took', 'whole'],
                  passes.map((p) => [
                    p.kind,
                    p.startedAt,
                    p.seconds === null ? '' : formatSeconds(p.seconds),
                    p.complete ? 'yes' : 'no',
                  ]),
                ),
              ]
            : []),
          `Last pass with --full: ${body.lastFull ?? 'never'}; with --checksum: ${body.lastChecksum ?? 'never'}`,
          ...(body.final === null ? [forecastText(body.forecast)] : []),
        ].join('\n\n');
        return { body, text, standing: state.problems(), exit: 0 };
      },
      false,
    );
  });
}

function forecastText(forecast: Forecast | null): string {
  if (forecast === null) return 'No forecast yet: it needs two complete passes.';
  const { seconds, low, high, basis } = forecast;
  return `The cutover will take about ${formatSeconds(seconds)} (${formatSeconds(low)} to ${formatSeconds(high)}; ${basis})`;
}
