/**
 * What every command shares: options, the job's lock, the document, the exit code. A command says what to call and how
 * to show the result; nothing else.
 */
import { Command, Option } from 'commander';
import { BusyError } from '../base/errors.js';
import { Exit, type ExitCode, exitCodeOf } from '../base/exit.js';
import { createLog, type Log } from '../base/log.js';
import { StopSignal } from '../base/stop.js';
import { VERSION } from '../base/version.js';
import { errnoOf } from '../disk/os-path.js';
import { type Job, loadJob } from '../job/job.js';
import { type Problem, ProblemList } from '../model/problem.js';
import { printDocument, problemOf } from '../report/document.js';
import { problemText } from '../report/text.js';
import { lockJob, stateFailure } from '../state/database.js';
import { State } from '../state/state.js';

export interface CommonOptions {
  readonly job?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** A command with the options that all have. */
export function commonCommand(name: string, summary: string): Command {
  return new Command(name)
    .summary(summary)
    .description(summary)
    .addOption(new Option('--job <file>', 'the job file').env('CYRSYNC_JOB').default('./cyrsync.toml', 'cyrsync.toml'))
    .option('--json', 'one JSON document on stdout')
    .option('--quiet', 'nothing on stdout; on stderr only what needs a person')
    .option('--verbose', 'each decision on stderr')
    .option('--no-color', 'no colors')
    .exitOverride();
}

export interface Environment {
  readonly log: Log;
  readonly stop: StopSignal;
  readonly problems: ProblemList;
  readonly interactive: boolean;
  /**
   * From here on SIGINT and SIGTERM ask for an end at the next mailbox boundary. Commands that only read leave it: a
   * signal ends those at once, and nothing is lost.
   */
  listenForSignals(): void;
}

export interface Outcome {
  /** The fields of the document beside the frame. */
  readonly body: object;
  readonly text: string;
  /** Without it: 3 where there are problems, else 0. */
  readonly exit?: ExitCode | undefined;
  /** Bytes for stdout in place of text and document (`--print0`). */
  readonly raw?: Buffer | undefined;
  /** Standing problems that are shown and don't count for the exit code. */
  readonly standing?: readonly Problem[] | undefined;
}

/** Runs a command to its document and exit code, whatever happens. */
export async function run(
  schema: string,
  options: CommonOptions,
  act: (env: Environment) => Promise<Outcome> | Outcome,
  job: string | null = null,
): Promise<void> {
  const started = new Date();
  const level = options.quiet
    ? 'quiet'
    : options.verbose
      ? 'verbose'
      : options.json || !process.stderr.isTTY
        ? 'quiet'
        : 'normal';
  const interrupt = () => {
    if (env.interactive && !env.stop.interrupted)
      process.stderr.write('\r\x1b[KStopping: what was begun is ended first, and kept.\n');
    env.stop.interrupt();
  };
  const env: Environment = {
    log: createLog(options.verbose ? 'verbose' : level, (text) => process.stderr.write(text)),
    stop: new StopSignal(),
    problems: new ProblemList(),
    interactive: process.stderr.isTTY === true && !options.quiet && !options.json,
    listenForSignals: () => {
      process.on('SIGINT', interrupt);
      process.on('SIGTERM', interrupt);
    },
  };
  let outcome: Outcome;
  let failure: Problem | undefined;
  try {
    outcome = await act(env);
  } catch (error) {
    failure = problemOf(error);
    outcome = { body: {}, text: '', exit: exitCodeOf(error) };
    if (options.verbose && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  }
  process.off('SIGINT', interrupt);
  process.off('SIGTERM', interrupt);
  if (env.interactive) process.stderr.write('\r\x1b[K'); // where a line of progress was, the result comes
  const problems = [...(failure ? [failure] : []), ...env.problems.all, ...(outcome.standing ?? [])];
  const exit = outcome.exit ?? (env.problems.size > 0 ? Exit.needsPerson : Exit.done);
  const finished = new Date();
  let broken: string | undefined;
  if (outcome.raw) broken = await write(outcome.raw);
  else if (options.json) {
    const frame = {
      cyrsync: VERSION,
      schema,
      job,
      startedAt: started.toISOString(),
      finishedAt: finished.toISOString(),
      seconds: (finished.getTime() - started.getTime()) / 1000,
      exit,
      problems,
    };
    broken = await write(printDocument(frame, outcome.body));
  } else if (!options.quiet && outcome.text !== '') broken = await write(`${outcome.text}\n`);
  if (problems.length > 0 && !options.json)
    process.stderr.write(
      `${failure ? '' : `${problems.length === 1 ? '1 problem' : `${problems.length} problems`}\n`}${problemText(problems)}\n`,
    );
  if (broken !== undefined)
    process.stderr.write(
      `output: The result could not be written to stdout: ${broken}\n    What the command does is done (it would have ended with ${exit}); \`cyrsync status\` shows where it stands.\n`,
    );
  process.exitCode = broken === undefined ? exit : Exit.failed;
}

/** @returns why it could not be written; not where the reader has gone (`cyrsync plan | head`): it had enough. */
function write(text: string | Buffer): Promise<string | undefined> {
  return new Promise((resolve) =>
    process.stdout.write(text, (error) => resolve(!error || errnoOf(error) === 'EPIPE' ? undefined : error.message)),
  );
}

/** Runs a command on a job whose state is open, and alone on it unless it only looks. */
export async function runOnJob(
  schema: string,
  options: CommonOptions,
  act: (job: Job, state: State, env: Environment) => Promise<Outcome> | Outcome,
  /** False: it only looks, while another may work. `from-watch`: a running `watch` is asked to end. */
  locked: boolean | 'from-watch' = true,
): Promise<void> {
  const file = options.job ?? './cyrsync.toml';
  await run(
    schema,
    options,
    async (env) => {
      const job = loadJob(file);
      const unlock = locked === false ? () => {} : await lock(job, locked === 'from-watch', env);
      try {
        const state = new State(job.stateFile);
        try {
          return await act(job, state, env);
        } finally {
          state.close();
        }
      } catch (error) {
        throw stateFailure(error, job.stateFile) ?? error;
      } finally {
        unlock();
      }
    },
    file,
  );
}

async function lock({ stateFile }: Job, fromWatch: boolean, { log }: Environment): Promise<() => void> {
  try {
    return lockJob(stateFile);
  } catch (error) {
    if (!fromWatch || !(error instanceof BusyError)) throw error;
    const { takeOver } = await import('../watch/handover.js'); // else it is not needed
    return takeOver(stateFile, error, (pid) => log.warn('waiting for cyrsync watch to stop', { pid }));
  }
}
