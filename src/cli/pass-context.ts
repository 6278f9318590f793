import type { Progress } from '../model/progress.js';
import { progressText } from '../report/progress-text.js';
import type { Pace, PassContext } from '../sync/pass-context.js';
import type { Environment } from './run.js';

/** How often a progress line is renewed on a terminal, and written to a log that wants all. */
const TERMINAL_MS = 200;
const LOG_MS = 30_000;

/** A pass's surroundings on this terminal: its log, the stop signal, a line of progress. */
export function passContext(env: Environment, pace?: Pace): PassContext {
  env.listenForSignals();
  const begun = Date.now();
  let shown = 0;
  let logged = begun;
  let last: Progress | undefined;
  let waiting: string | undefined;
  const show = (progress: Progress, now: number) => {
    shown = now;
    const line = progressText(progress, (now - begun) / 1000, waiting);
    const width = process.stderr.columns ?? 80;
    const isEnd = progress.mailboxes === progress.of;
    process.stderr.write(`\r\x1b[K${isEnd ? line : line.slice(0, width - 1)}${isEnd ? '\n' : ''}`);
  };
  return {
    log: env.log,
    stop: env.stop,
    problems: env.problems,
    pace,
    waiting: (why) => {
      if (why !== undefined && waiting === undefined) env.log.info('waiting', { why });
      waiting = why;
      if (env.interactive && last) show(last, Date.now());
    },
    progress: (progress) => {
      last = progress;
      const now = Date.now();
      if (env.interactive && (now - shown >= TERMINAL_MS || progress.mailboxes === progress.of)) show(progress, now);
      if (env.interactive || now - logged < LOG_MS) return;
      logged = now;
      const { mailboxes, of, messages, bytes } = progress;
      env.log.info('progress', { mailboxes, of, messages, bytes });
    },
  };
}
