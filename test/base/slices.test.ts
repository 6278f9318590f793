import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { InterruptedError } from '../../src/base/errors.js';
import { atOnce, inSlices, type Sliced, type Step } from '../../src/base/slices.js';
import { StopSignal } from '../../src/base/stop.js';

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Takes `ms` for each of 40 things, without a turn of the event loop. */
function* slow(ms: number, ended: (how: string) => void): Sliced<string> {
  try {
    for (let done = 0; done < 40; done++) {
      yield { what: 'counting', done, of: 40 };
      Atomics.wait(sleeper, 0, 0, ms);
    }
    return 'all';
  } catch (error) {
    ended(error instanceof InterruptedError ? 'interrupted' : 'failed');
    throw error;
  } finally {
    ended('put away');
  }
}

describe('work in slices', () => {
  it('gives what it gives at once, and says how far it is', async () => {
    const steps: Step[] = [];
    expect(atOnce(slow(0, () => {}))).toBe('all');
    expect(
      await inSlices(
        slow(10, () => {}),
        new StopSignal(),
        (step) => steps.push(step),
      ),
    ).toBe('all');
    expect(steps.length).toBeGreaterThan(2);
    expect(steps.every(({ done, of }, i) => of === 40 && (i === 0 || done > steps[i - 1]!.done))).toBe(true);
  });

  it('lets timers and signals be heard meanwhile, and puts away what it has open', async () => {
    const stop = new StopSignal();
    const ended: string[] = [];
    const work = inSlices(
      slow(10, (how) => ended.push(how)),
      stop,
      () => {},
    );
    void sleep(100).then(() => stop.interrupt());
    await expect(work).rejects.toBeInstanceOf(InterruptedError);
    expect(ended).toEqual(['interrupted', 'put away']);
  });

  it('takes no turn for work that is quick', async () => {
    let turns = 0;
    await inSlices(
      slow(0, () => {}),
      new StopSignal(),
      () => turns++,
    );
    expect(turns).toBe(0);
  });
});
