/**
 * Follows a live spool: a pass as `presync` does it, then the loop of follower.ts until it is told to stop. Sweeps by
 * stat find what changed, hints find it sooner; what is due is copied by the same passes as ever, so that all that holds
 * for a pass holds here. A kill at any moment leaves what a killed `presync` leaves.
 */
import { InterruptedError } from '../base/errors.js';
import type { StopSignal } from '../base/stop.js';
import type { Job } from '../job/job.js';
import type { Problem } from '../model/problem.js';
import type { HintSourceName, WatchStatus } from '../model/watch-status.js';
import type { State } from '../state/state.js';
import type { PassContext } from '../sync/pass-context.js';
import { runPresync } from '../sync/presync.js';
import { chooseSources } from './choose-sources.js';
import { Follower, type FollowPace } from './follower.js';
import { HintSources } from './hint-sources.js';
import { ListedRows } from './listed-rows.js';
import { Reporter } from './reporter.js';
import { ServiceManager } from './service-manager.js';
import { SpoolWork } from './spool-work.js';
import { WakeClock } from './wake-clock.js';

export interface WatchOptions {
  readonly quietMs: number;
  readonly maxDelayMs: number;
  readonly atMostEveryMs: number;
  /** Of one processor, 0 to 1, that sweeps may take. */
  readonly sweepShare: number;
  readonly sweepMostMs: number;
  /** Undefined: those that cost least. */
  readonly hints: ReadonlySet<HintSourceName> | undefined;
  /** So many mailboxes chokidar watches, where it must. */
  readonly busiest: number;
}

/** No sweep follows another sooner: the clients that write are what it is for. */
const SWEEP_LEAST_MS = 2000;
/** A whole pass costs more than a sweep, and comes only where something asks for it. */
const WHOLE: FollowPace['whole'] = { share: 0.1, leastMs: 5000, mostMs: 600_000 };

/** What the caller shows as it goes. */
export interface WatchView {
  /** Every few seconds while it waits or sweeps. */
  shown(status: WatchStatus): void;
  /** The same in one line. */
  line(status: WatchStatus): string;
  /** The first pass has ended, and following begins. */
  following(status: WatchStatus): void;
}

export interface WatchResult {
  readonly status: WatchStatus;
  /** Of the last pass. */
  readonly problems: readonly Problem[];
}

/** @param context Its stop signal ends it, between two mailboxes. */
export async function watch(
  job: Job,
  state: State,
  options: WatchOptions,
  context: PassContext,
  view: WatchView,
): Promise<WatchResult> {
  const reporter = new Reporter(job.stateFile);
  let hints: HintSources | undefined;
  const idle = () => ({ lagSeconds: 0, dirty: 0, everySeconds: 0, hints: [] });
  reporter.tick(idle, true); // who wants the job finds us by it
  const manager = new ServiceManager(process.env, context.log);
  manager.ready('the first pass');
  try {
    await runPresync(job, state, { kind: 'presync', full: false, checksum: false, acceptRemovals: 0 }, context);
    state.saveProblems(context.problems.all);
    context.stop.throwIfInterrupted();
    const rows = new ListedRows(state);
    const work = new SpoolWork(job, state, context, context.problems.all, {
      passed: (kind, figures) => {
        reporter.passed(kind, figures);
        if (kind === 'whole') hints?.listed(work.job, options.busiest);
      },
      counted: (mailboxes) => reporter.counted(mailboxes),
      copied: (copied) => rows.copied(copied),
    });
    const clock = new WakeClock(() => tick());
    const follower = new Follower(work, clock, followPace(options), {
      swept: (found, tookMs) => {
        hints?.swept(found);
        reporter.swept(tookMs);
        context.log.debug('sweep', { changed: found, ms: Math.round(tookMs) });
      },
      whole: (isBegun) => {
        reporter.doing(isBegun ? 'whole pass' : 'following');
        tick(true);
      },
      held: (why) => {
        reporter.held(why);
        if (why)
          context.log.warn('a pass could not be done, and is tried again', { why: `${why.message}: ${why.why}` });
        else context.log.warn('passes are done again');
      },
    });
    const moving = () => {
      const oldest = follower.oldestMs;
      return {
        lagSeconds: oldest === undefined ? 0 : Math.max(0, (Date.now() - oldest) / 1000),
        dirty: follower.dirty.size,
        everySeconds: follower.sweeps.intervalMs / 1000,
        hints: hints?.statuses() ?? [],
      };
    };
    const tick = (isNow = false) => {
      const status = reporter.tick(moving, isNow);
      if (!status) return;
      manager.status(view.line(status));
      view.shown(status);
    };
    if (options.hints === undefined || [...options.hints].some((source) => source !== 'sweep')) rows.read(job);
    const choices = chooseSources(job, rows, options.hints, options.busiest);
    hints = new HintSources(choices, rows, follower, context.log, () => clock.wake());
    await hints.start(); // what changed before they hear, the first sweep finds
    reporter.counted(state.mailboxes.counts().mailboxes);
    reporter.doing('following');
    tick(true);
    view.following(reporter.status());
    await untilStopped(follower, context.stop);
    reporter.tick(moving, true);
    return { status: reporter.status(), problems: work.problems };
  } finally {
    manager.stopping();
    await hints?.close();
    reporter.close();
  }
}

function followPace({ quietMs, maxDelayMs, atMostEveryMs, sweepShare, sweepMostMs }: WatchOptions): FollowPace {
  return {
    dirty: { quietMs, maxDelayMs, atMostEveryMs },
    sweep: { share: sweepShare, leastMs: SWEEP_LEAST_MS, mostMs: sweepMostMs },
    whole: WHOLE,
  };
}

async function untilStopped(follower: { run(stopped: () => boolean): Promise<void> }, stop: StopSignal): Promise<void> {
  try {
    await follower.run(() => stop.stopped);
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error; // a pass that was told to stop has kept what it did
  }
}
