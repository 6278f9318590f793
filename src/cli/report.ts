import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import { VERSION } from '../base/version.js';
import { printPage } from '../report/page.js';
import type { LeftoversView, StandingView } from '../report/standing-view.js';
import type { State } from '../state/state.js';
import { type CommonOptions, commonCommand, runOnJob } from './run.js';
import { standingOf } from './standing.js';

interface ReportOptions extends CommonOptions {
  readonly html?: string;
  readonly prometheus?: string;
}

const PASSES = 60;

export function reportCommand(): Command {
  return commonCommand('report', 'where the migration stands, for others to read')
    .option('--html <file>', 'as a page that needs no other file; - for stdout')
    .option('--prometheus <file>', 'as metrics for the textfile collector of node_exporter; - for stdout')
    .action(async (options: ReportOptions) => {
      await runOnJob(
        'report/1',
        options,
        async (job, state) => {
          requireSomeOutput(options);
          const view = viewOf(job.file, state);
          const outputs: [string | undefined, () => string | Promise<string>][] = [
            [options.html, () => printPage(view)],
            // its library takes longer to load than all else
            [options.prometheus, async () => (await import('../report/metrics.js')).printMetrics(view)],
          ];
          let raw: Buffer | undefined;
          const written: string[] = [];
          for (const [file, print] of outputs) {
            if (file === undefined) continue;
            const text = await print();
            if (file === '-') raw = Buffer.from(text);
            else {
              replace(file, text);
              written.push(file);
            }
          }
          const { html = null, prometheus = null } = options;
          const lines = written.map((file) => `written to ${file}`);
          return { body: { html, prometheus, standing: view }, text: lines.join('\n'), raw, exit: 0 };
        },
        false,
      );
    });
}

function requireSomeOutput({ html, prometheus, json }: ReportOptions): void {
  if (html === undefined && prometheus === undefined)
    throw new ConfigError(
      'Nothing to write',
      'neither --html nor --prometheus is given',
      'Name a file for one or both; `cyrsync status` shows where it stands in the terminal.',
    );
  const onStdout = [html, prometheus].filter((file) => file === '-').length + (json ? 1 : 0);
  if (onStdout > 1) throw new ConfigError('Two things for stdout', 'it has room for one', 'Name a file for the other.');
}

function viewOf(job: string, state: State): StandingView {
  const leftovers = state.fact('leftovers');
  const { selection, ...standing } = standingOf(state, PASSES);
  return {
    job,
    version: VERSION,
    at: new Date().toISOString(),
    ...standing,
    problems: state.problems(),
    partitions: state.mailboxes.partitions(),
    leftovers: leftovers === undefined ? null : (JSON.parse(leftovers) as LeftoversView),
  };
}

/** Whoever reads the file while it is written has the old one whole. */
function replace(file: string, text: string): void {
  const fresh = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(fresh, text);
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw new ConfigError(
      `${file} can not be written`,
      String(error instanceof Error ? error.message : error),
      'Name a file in a directory that is there and may be written.',
      { cause: error },
    );
  }
}
