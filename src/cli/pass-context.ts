import { formatBytes, formatSeconds } from '../base/units.js';
import type { PassContext } from '../sync/pass-context.js';
import type { Environment } from './run.js';

/** How often a progress line is renewed, ms. */
const INTERVAL_MS = 200;

/** A pass's surroundings on this terminal: its log, the stop signal, a line of progress. */
export function passContext(env: Environment): PassContext {
  env.listenForSignals();
  const begun = Date.now();
  let shown = 0;
  return {
    log: env.log,
    stop: env.stop,
    problems: env.problems,
    progress: ({ mailboxes, of, messages, bytes, totalBytes }) => {
      const now = Date.now();
      if (!env.interactive || (now - shown < INTERVAL_MS && mailboxes < of)) return;
      shown = now;
      const seconds = (now - begun) / 1000;
      const left =
        bytes > 0 && seconds > 2 && totalBytes > bytes
          ? `, ${formatSeconds((seconds * (totalBytes - bytes)) / bytes)} left`
          : '';
      process.stderr.write(
        `\r\x1b[K${mailboxes} of ${of} mailboxes, ${messages} messages, ${formatBytes(bytes)}${left}${mailboxes === of ? '\n' : ''}`,
      );
    },
  };
}
