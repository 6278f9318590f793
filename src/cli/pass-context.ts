import type { Progress } from '../model/progress.js';
import { progressText, stepText } from '../report/progress-text.js';
import type { Pace, PassContext } from '../sync/pass-context.js';
import type { Environment } from './run.js';

/** How often a progress line is renewed on a terminal, and written to a log that wants all. */
const TERMINAL_MS = 200;
const LOG_MS = 30_000;

/** A pass's surroundings on this terminal: its log, the stop signal, a line of progress. */
export function passContext(env: Environment, pace?: Pace): PassContext {
  env.listenForSignals();
  let shown = 0;
  let logged = Date.now();
  /** Copying: rate and estimate go by it alone, not by the time that it took to see what there is. */
  let begun: number | undefined;
  let last: Progress | undefined;
  let waiting: string | undefined;
  const show = (line: string, now: number, isEnd = false) => {
    shown = now;
    const width = process.stderr.columns ?? 80;
    process.stderr.write(`\r\x1b[K${isEnd ? line : line.slice(0, width - 1)}${isEnd ? '\n' : ''}`);
  };
  const showProgress = (progress: Progress, now: number) =>
    show(progressText(progress, (now - begun!) / 1000, waiting), now, progress.mailboxes === progress.of);
  const isTimeToLog = (now: number) => {
    if (env.interactive || now - logged < LOG_MS) return false;
    logged = now;
    return true;
  };
  return {
    log: env.log,
    stop: env.stop,
    problems: env.problems,
    pace,
    waiting: (why) => {
      if (why !== undefined && waiting === undefined) env.log.info('waiting', { why });
      waiting = why;
      if (env.interactive && last) showProgress(last, Date.now());
    },
    preparing: (step) => {
      const now = Date.now();
      if (step === undefined) {
        if (env.interactive && shown > 0) process.stderr.write('\r\x1b[K');
        return;
      }
      if (env.interactive && now - shown >= TERMINAL_MS) show(stepText(step), now);
      if (isTimeToLog(now)) env.log.info(step.what, { mailboxes: step.done, of: step.of });
    },
    progress: (progress) => {
      last = progress;
      const now = Date.now();
      begun ??= now;
      if (env.interactive && (now - shown >= TERMINAL_MS || progress.mailboxes === progress.of))
        showProgress(progress, now);
      if (!isTimeToLog(now)) return;
      const { mailboxes, of, messages, bytes } = progress;
      env.log.info('progress', { mailboxes, of, messages, bytes });
    },
  };
}
