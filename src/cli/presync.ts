import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import { formatBytes, formatSeconds, plural } from '../base/units.js';
import type { Job } from '../job/job.js';
import type { State } from '../state/state.js';
import type { PassResult } from '../sync/pass.js';
import type { PassFigures } from '../sync/pass-figures.js';
import { runPresync } from '../sync/presync.js';
import { addPaceOptions, type PaceOptions, paceOf, paceText } from './pace.js';
import { passContext } from './pass-context.js';
import { requireNotFinal } from './require-not-final.js';
import { type CommonOptions, commonCommand, type Environment, runOnJob } from './run.js';

interface PresyncOptions extends CommonOptions, PaceOptions {
  readonly full?: boolean;
  readonly checksum?: boolean;
  readonly until?: string;
  readonly acceptRemovals?: string;
}

export function presyncCommand(): Command {
  return addPaceOptions(commonCommand('presync', 'one pass, the old server live or not'))
    .option('--full', 'look at every message file of every mailbox')
    .option('--checksum', 'compare every message by its content')
    .option('--until <HH:MM>', 'stop at a mailbox boundary at this time')
    .option('--accept-removals <n>', 'let a pass remove what an earlier one refused to; N as it was printed')
    .action(async (options: PresyncOptions) => {
      await runOnJob(
        'presync/1',
        options,
        async (job, state, env) => {
          const begun = new Date();
          if (options.until !== undefined) env.stop.stopAt(deadline(options.until));
          if (job.options.select.only === undefined)
            requireNotFinal(state, 'the target may hold new mail, which a pass would overwrite');
          const passOptions = {
            kind: 'presync' as const,
            full: options.full === true,
            checksum: options.checksum === true,
            acceptRemovals: parseCount(options.acceptRemovals),
          };
          const pace = paceOf(options, job, env.problems);
          const slowed = paceText(pace);
          if (slowed !== '') env.log.info('slowed', { by: slowed });
          const pass = await runPresync(job, state, passOptions, passContext(env, pace));
          const { figures } = pass;
          // A full pass takes its time anyway, and what it rescues the cutover finds done.
          const isEarly = passOptions.full && figures.complete && job.options.migrate.rescue === 'copy';
          const early = isEarly && 'plan' in pass ? await rescue(job, state, pass, env) : undefined;
          if (passOptions.full && figures.complete && 'plan' in pass) {
            const { tryScriptsEarly } = await import('../cutover/try-scripts.js'); // as above: most passes never do
            await tryScriptsEarly(job, state, pass);
          }
          state.saveProblems(env.problems.all);
          // A log of many nights has this and nothing else.
          const when = `begun ${begun.toISOString().slice(0, 19)}Z, took ${formatSeconds((Date.now() - begun.getTime()) / 1000)}`;
          return early === undefined
            ? { body: figures, text: `${passText(figures)}\n${when}` }
            : { body: { ...figures, rescued: early.rescued }, text: `${passText(figures)}\n${early.text}\n${when}` };
        },
        'from-watch',
      );
    });
}

/** Loaded when asked for: most passes never are. */
async function rescue(job: Job, state: State, pass: PassResult, env: Environment) {
  const { rescueEarly } = await import('../cutover/rescue-leftovers.js');
  const { rescueText } = await import('../report/rescue-text.js');
  const rescued = rescueEarly(job, state, pass, env.problems);
  return rescued && { rescued, text: rescueText(rescued) };
}

export function parseCount(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d+$/.test(text))
    throw new ConfigError(
      `--accept-removals ${text}`,
      'it takes the number that the refusal printed',
      'Give that number.',
    );
  return Number(text);
}

function deadline(text: string): number {
  const found = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (!found)
    throw new ConfigError(`--until ${text}`, 'it takes a time of day such as 06:00', 'Give hours and minutes.');
  const at = new Date();
  at.setHours(Number(found[1]), Number(found[2]), 0, 0);
  if (at.getTime() <= Date.now()) at.setDate(at.getDate() + 1);
  return at.getTime();
}

export function passText({ mailboxes, messages, bytes, racedWithServer, complete }: PassFigures): string {
  const kinds = (['unchanged', 'changed', 'created', 'moved', 'failed', 'deferred'] as const)
    .filter((kind) => mailboxes[kind] > 0)
    .map((kind) => `${mailboxes[kind]} ${kind}`);
  return [
    `${plural(mailboxes.total, 'mailbox', 'mailboxes')}: ${kinds.join(', ') || 'none'}${mailboxes.removed > 0 ? `; ${mailboxes.removed} removed` : ''}`,
    `${plural(messages.copied, 'message')} copied (${formatBytes(bytes.copied)}), ${messages.linked} linked (${formatBytes(bytes.linked)}), ${messages.removed} removed`,
    ...(racedWithServer > 0
      ? [`${plural(racedWithServer, 'mailbox', 'mailboxes')} changed while being read, and read again`]
      : []),
    ...(complete ? [] : ['stopped before the end; the next run goes on']),
  ].join('\n');
}
