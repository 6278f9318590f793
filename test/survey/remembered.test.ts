/**
 * What a survey remembers of earlier ones is what it would see: after whatever happened between, it says the same as one
 * that looks at everything anew. CYRSYNC_HISTORIES says how many for each line (15).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LeftoversResult } from '../../src/survey/leftover.js';
import { CyrusModel } from '../support/cyrus-model.js';
import { act, play, settle, setup, withHistory } from '../support/histories.js';

const RUNS = Number(process.env.CYRSYNC_HISTORIES ?? 15);

// What changed a moment ago is not remembered: to this clock everything is old.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 }));
afterEach(() => void vi.useRealTimers());

/** All but in which live mailboxes messages were found: while these have them, no others are looked through. */
const shown = ({ leftovers, totals, account }: LeftoversResult) => ({
  leftovers: leftovers.map((l) => ({ ...l, evidence: l.evidence.map((text) => text.replace(FOUND_WHERE, '')) })),
  totals,
  account,
});
const FOUND_WHERE = /(?<=^harmless: ).*|(?<=nowhere else [^;]*); .*/;

describe.each(['2.3', '2.5', '3.2', '3.10'] as const)('a server of the %s line', (version) => {
  it('is remembered as it is', async () => {
    let [remembered, all] = [0, 0];
    const acts = fc.array(act, { minLength: 3, maxLength: 25, size: 'max' });
    await fc.assert(
      fc.asyncProperty(setup, fc.array(acts, { minLength: 2, maxLength: 4 }), async (options, rounds) => {
        const model = new CyrusModel({ version, ...options });
        settle(model);
        await withHistory(version, async (history) => {
          for (const [i, round] of rounds.entries()) {
            play(model, round, `${i}.`);
            const anew = history.find(model, `anew${i}`);
            const again = history.find(model, 'job');
            expect(shown(again)).toEqual(shown(anew));
            if (i > 0) {
              remembered += anew.listed - again.listed;
              all += anew.listed;
            }
            await sleep(15); // the times of files tick every few milliseconds
          }
        });
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 1_200_000 },
    );
    expect(remembered).toBeGreaterThan(all / 5); // else this tells nothing
  }, 1_300_000);
});
