import type { Command } from 'commander';
import { formatSeconds } from '../base/units.js';
import { table } from '../report/text.js';
import type { State } from '../state/state.js';
import { type CommonOptions, commonCommand, runOnJob } from './run.js';
import { savedSelection, selectionLines } from './show-selection.js';

export function statusCommand(): Command {
  return commonCommand('status', 'where the migration stands').action(async (options: CommonOptions) => {
    await runOnJob(
      'status/1',
      options,
      (_job, state) => {
        const passes = state.lastPasses(10).map(({ figures, complete, ...pass }) => ({
          ...pass,
          complete: complete === 1,
          figures: figures === null ? null : (JSON.parse(figures) as object),
        }));
        const rows = state.mailboxes.all();
        const never = rows.filter((row) => row.form === null).length;
        const body = {
          final: state.fact('final') ?? null,
          passes,
          dirty: rows.filter((row) => row.form !== null && row.syncedPrint !== row.print).length,
          never,
          selection: savedSelection(state),
          lastFull: state.fact('lastFull') ?? null,
          forecast: forecast(state, never),
        };
        const text = [
          body.final === null
            ? `${rows.length} mailboxes known, ${never} never copied, ${body.dirty} to be looked at again`
            : `Final since ${body.final}`,
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
          body.forecast === null
            ? 'No forecast yet: it needs two complete passes.'
            : `The cutover will take about ${formatSeconds(body.forecast.seconds)} (${formatSeconds(body.forecast.low)} to ${formatSeconds(body.forecast.high)}; ${body.forecast.basis})`,
        ].join('\n\n');
        return { body, text, standing: state.problems(), exit: 0 };
      },
      false,
    );
  });
}

/** By the complete passes since the first: the next like the median of these, and as much again for the databases. */
function forecast(state: State, never: number): { seconds: number; low: number; high: number; basis: string } | null {
  const seconds = state
    .lastPasses(10)
    .filter((pass) => pass.complete === 1 && pass.seconds !== null)
    .slice(0, -1)
    .map((pass) => pass.seconds!)
    .sort((a, b) => a - b);
  if (seconds.length === 0 || never > 0) return null;
  const median = seconds[Math.floor(seconds.length / 2)]!;
  return {
    seconds: 2 * median,
    low: seconds[0]!,
    high: 3 * seconds.at(-1)!,
    basis: `${seconds.length} complete passes after the first; the databases are taken to need as long as a pass`,
  };
}
