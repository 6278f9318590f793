/** Where a migration stands, by the state alone: nothing of either server is looked at. */

import type { State } from '../state/state.js';
import { type Forecast, forecastCutover, LAST_PASS, type PastPass } from '../sync/forecast.js';
import type { PassFigures } from '../sync/pass-figures.js';
import { savedSelection } from './show-selection.js';

/** A pass as `status` and `report` show it. */
export interface StandingPass {
  readonly id: number;
  readonly kind: string;
  readonly startedAt: string;
  /** Null while it runs, and for one that died. */
  readonly finishedAt: string | null;
  readonly seconds: number | null;
  readonly complete: boolean;
  readonly figures: PassFigures | null;
}

/** @param passes So many of the last passes, the newest first. */
export function standingOf(state: State, passes: number) {
  const counts = state.mailboxes.counts();
  return {
    final: state.fact('final') ?? null,
    waves: wavesOf(state),
    passes: state.lastPasses(passes).map(
      ({ figures, complete, ...pass }): StandingPass => ({
        ...pass,
        complete: complete === 1,
        figures: figures === null ? null : (JSON.parse(figures) as PassFigures),
      }),
    ),
    mailboxes: counts.mailboxes,
    dirty: counts.dirty,
    never: counts.never,
    selection: savedSelection(state),
    lastFull: state.fact('lastFull') ?? null,
    lastChecksum: state.fact('lastChecksum') ?? null,
    forecast: forecast(state, counts),
  };
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
    .map(({ kind, startedAt, finishedAt, seconds, figures }): PastPass => {
      const { mailboxes: of, messages } = JSON.parse(figures!) as PassFigures;
      const changed = of.changed + of.created + of.moved;
      // Passes of `watch` are one an hour here: what it has is as new as its end.
      const at = kind === 'watch' ? finishedAt! : startedAt;
      return { startedAtMs: Date.parse(at), seconds: seconds!, mailboxes: changed, messages: messages.copied };
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
