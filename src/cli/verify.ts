import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import { Exit } from '../base/exit.js';
import { formatBytes, plural } from '../base/units.js';
import { table } from '../report/text.js';
import { verify } from '../verify/verify.js';
import { passContext } from './pass-context.js';
import { type CommonOptions, commonCommand, runOnJob } from './run.js';

export function verifyCommand(): Command {
  return commonCommand('verify', 'read the target back: every message against its index record')
    .option('--sample <n%>', 'read the content of this share of the messages, the size of all')
    .action(async (options: CommonOptions & { sample?: string }) => {
      await runOnJob('verify/1', options, async (job, state, env) => {
        const { preparing, stop } = passContext(env);
        const result = await verify(job, state, parseSample(options.sample), stop, (done, of) =>
          preparing?.({ what: 'reading mailboxes back', done, of }),
        );
        if (result.mailboxes === 0)
          env.problems.add({
            code: 'nothing-copied',
            message: 'nothing was verified: by this state no mailbox has been copied yet',
            advice: 'Run presync first. If passes have run: is this the right job file, and was its state lost?',
          });
        if (result.mismatches.length > 0)
          env.problems.add({
            code: 'mismatches',
            message: `${result.mismatches.length} mismatches, each listed`,
            advice: 'Run presync --checksum, or compare these messages with the source.',
          });
        const found =
          result.mismatches.length === 0 ? 'all as their index records say' : `${result.mismatches.length} mismatches`;
        const head = [
          `${result.mailboxes} mailboxes, ${result.messages} messages, ${formatBytes(result.bytes)}${result.mailboxes === 0 ? '' : `: ${found}`}`,
          ...(result.notCopied > 0 && result.mailboxes > 0
            ? [`${plural(result.notCopied, 'mailbox', 'mailboxes')} not copied yet, and not verified`]
            : []),
        ].join('\n');
        const rows = result.mismatches.map((m) => [
          m.mailbox,
          m.uid === null ? '' : String(m.uid),
          m.kind,
          m.expected,
          m.found,
        ]);
        return {
          body: result,
          text: rows.length === 0 ? head : `${head}\n\n${table(['mailbox', 'UID', 'kind', 'expected', 'found'], rows)}`,
          exit: rows.length > 0 ? Exit.needsPerson : undefined,
        };
      });
    });
}

function parseSample(text: string | undefined): number {
  if (text === undefined) return 1;
  const found = /^(\d+(?:\.\d+)?)%?$/.exec(text);
  const percent = found ? Number(found[1]) : Number.NaN;
  if (!(percent > 0 && percent <= 100))
    throw new ConfigError(`--sample ${text}`, 'it takes a share such as 5%', 'Give a number above 0 and up to 100.');
  return percent / 100;
}
