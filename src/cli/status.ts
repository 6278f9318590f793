import type { Command } from 'commander';
import { formatSeconds, plural } from '../base/units.js';
import { table } from '../report/text.js';
import type { State } from '../state/state.js';
import { type Forecast, forecastCutover, LAST_PASS, type PastPass } from '../sync/forecast.js';
import type { PassFigures } from '../sync/pass-figures.js';
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
        const counts = state.mailboxes.counts();
        const body = {
          final: state.fact('final') ?? null,
          waves: wavesOf(state),
          passes,
          mailboxes: counts.mailboxes,
          dirty: counts.dirty,
          never: counts.never,
          selection: savedSelection(state),
          lastFull: state.fact('lastFull') ?? null,
          lastChecksum: state.fact('lastChecksum') ?? null,
          forecast: forecast(state, counts),
        };
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

/** How many users and shared trees were cut over when, the oldest first. */
function wavesOf(state: State): { final: string; units: number }[] {
  const counts = new Map<string, number>();
  for (const at of state.units.finals().values()) counts.set(at, (counts.get(at) ?? 0) + 1);
  return [...counts].sort().map(([final, units]) => ({ final, units }));
}

const KNOWN_PASSES = 20;

function forecast(state: State, { never, mailboxes }: { never: number; mailboxes: number }): Forecast | null {
  if (never > 0) return null;
  const passes = state
    .lastPasses(KNOWN_PASSES)
    .filter((pass) => pass.complete === 1 && pass.seconds !== null && pass.figures !== null)
    .reverse()
    .map(({ startedAt, seconds, figures }): PastPass => {
      const { mailboxes: of, messages } = JSON.parse(figures!) as PassFigures;
      const changed = of.changed + of.created + of.moved;
      return { startedAtMs: Date.parse(startedAt), seconds: seconds!, mailboxes: changed, messages: messages.copied };
    });
  const measured = state.fact('cutoverPhases');
  const restSec =
    measured === undefined
      ? undefined
      : (JSON.parse(measured) as CutoverPhases)
          .filter(({ phase }) => phase !== LAST_PASS)
          .reduce((sum, { seconds }) => sum + seconds, 0);
  return forecastCutover({ passes, mailboxes, nowMs: Date.now(), restSec }) ?? null;
}

type CutoverPhases = readonly { readonly phase: string; readonly seconds: number }[];
