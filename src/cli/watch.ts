import { type Command, InvalidArgumentError } from 'commander';
import { Exit } from '../base/exit.js';
import { createLog } from '../base/log.js';
import { formatBytes, plural } from '../base/units.js';
import type { JobFile } from '../job/job-file.js';
import { HINT_SOURCES, type HintSourceName, type WatchStatus } from '../model/watch-status.js';
import { hintLines, watchLine } from '../report/watch-text.js';
import type { PassContext } from '../sync/pass-context.js';
import { type WatchOptions, type WatchView, watch } from '../watch/watch.js';
import { addPaceOptions, type PaceOptions, paceOf, paceText } from './pace.js';
import { passContext } from './pass-context.js';
import { requireNotFinal } from './require-not-final.js';
import { type CommonOptions, commonCommand, type Environment, runOnJob } from './run.js';

interface WatchCliOptions extends CommonOptions, PaceOptions {
  readonly quietTime?: number;
  readonly maxDelay?: number;
  readonly atMostEvery?: number;
  readonly sweepPercent?: number;
  readonly sweepMost?: number;
  readonly hints?: 'auto' | readonly HintSourceName[];
  readonly busiest?: number;
}

export function watchCommand(): Command {
  return addPaceOptions(commonCommand('watch', 'follows the live source until stopped'))
    .option('--quiet-time <s>', 'copy a mailbox when nothing new happened to it for so long', toSeconds)
    .option('--max-delay <s>', 'or once it has waited so long', toSeconds)
    .option('--at-most-every <s>', 'from one copy of a mailbox to its next', toSeconds)
    .option('--sweep-percent <p>', 'of one processor, for looking at every mailbox again and again', toSeconds)
    .option('--sweep-most <s>', 'from one such look to the next, whatever it takes', toSeconds)
    .option('--hints <sources>', `auto, or of ${HINT_SOURCES.join(',')}: where it hears of changes sooner`, toSources)
    .option('--busiest <n>', 'mailboxes that chokidar watches, where the others do not do', toCount)
    .action(async (options: WatchCliOptions) => {
      await runOnJob('watch/1', options, async (job, state, given) => {
        if (job.options.select.only === undefined)
          requireNotFinal(state, 'the target may hold new mail, which a pass would overwrite');
        const env = withLog(given, options);
        const pace = paceOf(options, job, env.problems);
        const slowed = paceText(pace);
        if (slowed !== '') env.log.info('slowed', { by: slowed });
        const view = new View(env);
        const first = passContext(env, pace);
        const context: PassContext = {
          ...first,
          keepsThreadFree: true,
          preparing: (step) => view.isFollowing || first.preparing?.(step),
          progress: (progress) => view.isFollowing || first.progress(progress),
        };
        const { status, problems } = await watch(job, state, watchOptions(options, job.options), context, view);
        view.end();
        for (const problem of problems) env.problems.add(problem);
        if (!env.stop.interrupted) return { body: bodyOf(status), text: textOf(status) };
        env.problems.add({
          code: 'interrupted',
          message: 'Interrupted: SIGINT or SIGTERM came',
          advice: 'Run the same command again: it goes on where this one stopped.',
        });
        return { body: bodyOf(status), text: textOf(status), exit: Exit.interrupted };
      });
    });
}

/** A follower has something to tell where nobody looks, too: under a service manager stderr is its journal. */
function withLog(env: Environment, { quiet, verbose }: CommonOptions): Environment {
  const level = quiet ? 'quiet' : verbose ? 'verbose' : 'normal';
  return { ...env, log: createLog(level, (text) => process.stderr.write(text)) };
}

function watchOptions(options: WatchCliOptions, { watch: given }: JobFile): WatchOptions {
  const hints = options.hints ?? given.hints;
  return {
    hints: hints === 'auto' ? undefined : new Set(hints),
    busiest: options.busiest ?? given.busiest,
    quietMs: 1000 * (options.quietTime ?? given.quiet_time),
    maxDelayMs: 1000 * (options.maxDelay ?? given.max_delay),
    atMostEveryMs: 1000 * (options.atMostEvery ?? given.at_most_every),
    sweepShare: (options.sweepPercent ?? given.sweep_percent) / 100,
    sweepMostMs: 1000 * (options.sweepMost ?? given.sweep_most),
  };
}

/** How often a log is told how it stands. */
const LOG_MS = 300_000;

/** On a terminal one line, renewed in place; in a log a line now and then. */
class View implements WatchView {
  isFollowing = false;
  #loggedMs = 0;

  constructor(readonly env: Environment) {}

  following(status: WatchStatus): void {
    this.isFollowing = true;
    this.#loggedMs = Date.now();
    for (const { source, used, why } of status.hints) this.env.log.info('hints', { source, used, why });
    this.env.log.info('following', { mailboxes: status.mailboxes });
  }

  line(status: WatchStatus): string {
    return watchLine(status);
  }

  shown(status: WatchStatus): void {
    if (!this.isFollowing) return;
    if (this.env.interactive) {
      const width = process.stderr.columns ?? 80;
      process.stderr.write(`\r\x1b[K${this.line(status).slice(0, width - 1)}`);
    } else if (Date.now() - this.#loggedMs >= LOG_MS) {
      this.#loggedMs = Date.now();
      const { mailboxes, dirty, lagSeconds, copied, held } = status;
      const behind = `${Math.round(lagSeconds)}s`;
      this.env.log.info('following', { mailboxes, dirty, behind, copied: copied.messages, held: held ?? undefined });
    }
  }

  end(): void {
    if (this.env.interactive) process.stderr.write('\r\x1b[K');
  }
}

function bodyOf({ pid: _pid, startTicks: _ticks, updatedAt: _at, doing: _doing, ...body }: WatchStatus): object {
  return body;
}

function textOf(status: WatchStatus): string {
  const { copied, passes, sweep } = status;
  return [
    `${plural(copied.mailboxes, 'mailbox', 'mailboxes')} and ${plural(copied.messages, 'message')} (${formatBytes(copied.bytes)}) copied since the first pass`,
    `${plural(sweep.count, 'sweep')}, ${plural(passes.partial, 'pass', 'passes')} over what changed, ${passes.whole} over all`,
    ...hintLines(status),
  ].join('\n');
}

function toSeconds(text: string): number {
  const number = Number(text);
  if (text === '' || !(number > 0)) throw new InvalidArgumentError('It takes a number above 0.');
  return number;
}

function toCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It takes a whole number.');
  return Number(text);
}

function toSources(text: string): 'auto' | HintSourceName[] {
  if (text === 'auto') return text;
  return text.split(',').map((word) => {
    const found = HINT_SOURCES.find((source) => source === word.trim());
    if (!found) throw new InvalidArgumentError(`It takes auto, or some of ${HINT_SOURCES.join(',')}.`);
    return found;
  });
}
