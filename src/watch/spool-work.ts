/** What the loop does on disk: looks by the list of stats, partial passes, whole passes, all as `presync` does them. */
import { ConfigError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { SourceTrees } from '../disk/trees.js';
import { type Job, loadJob } from '../job/job.js';
import { type Problem, ProblemList, problemKey } from '../model/problem.js';
import type { State } from '../state/state.js';
import { runPartialPass } from '../sync/partial-pass.js';
import { runPass } from '../sync/pass.js';
import type { PassContext } from '../sync/pass-context.js';
import type { PassFigures } from '../sync/pass-figures.js';
import { figuresOf, lookQuickly } from '../sync/presync.js';
import { READ_STATES, type Swept } from '../sync/sweep-list.js';
import type { Look, Work } from './follower.js';

/** The job file and both imapd.conf are read again no more often. */
const READ_AGAIN_MS = 10_000;

export interface SpoolLook extends Look {
  readonly swept: Swept;
}

export interface SpoolWorkEvents {
  passed(kind: 'partial' | 'whole', figures: PassFigures): void;
  /** These, by row. */
  copied(rows: Iterable<number>): void;
  /** How many mailboxes the source has. */
  counted(mailboxes: number): void;
}

export class SpoolWork implements Work<SpoolLook> {
  #job: Job;
  #readMs = Date.now();
  readonly #state: State;
  readonly #context: Omit<PassContext, 'problems'>;
  readonly #log: Log;
  readonly #events: SpoolWorkEvents;
  #problems: readonly Problem[] = [];
  /** By key: what the log has already. */
  readonly #said: Set<string>;
  #badJob: string | undefined;

  /** @param problems What the first pass has said already. */
  constructor(
    job: Job,
    state: State,
    context: Omit<PassContext, 'problems'>,
    problems: readonly Problem[],
    events: SpoolWorkEvents,
  ) {
    this.#job = job;
    this.#state = state;
    this.#context = context;
    this.#log = context.log;
    this.#problems = problems;
    this.#said = new Set(problems.map(problemKey));
    this.#events = events;
  }

  /** As it is now. */
  get job(): Job {
    return this.#job;
  }

  /** Of the last pass. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  look(only?: ReadonlySet<number>): SpoolLook | undefined {
    if (!only) this.#readJobAgain();
    const source = new SourceTrees(this.#job.source);
    try {
      const swept = lookQuickly(this.#job, this.#state, source, only);
      if (!swept) return undefined;
      this.#events.counted(swept.total);
      const { changed, changedSeen } = swept;
      if (changedSeen.length === 0) return { swept, changed };
      const changedMs = Math.max(...changedSeen.map((file) => file.changedMs));
      return { swept, changed: [...changed, { row: READ_STATES, changedMs }] };
    } finally {
      source.close(); // nothing stays open between two looks: a partition may be unmounted
    }
  }

  async copy({ swept }: SpoolLook, rows: ReadonlySet<number>): Promise<boolean> {
    const source = new SourceTrees(this.#job.source);
    const figures = figuresOf(swept);
    const changed = swept.changed.filter(({ row }) => rows.has(row));
    const chosen = { ...swept, changed, changedSeen: rows.has(READ_STATES) ? swept.changedSeen : [] };
    const problems = new ProblemList();
    const context = { ...this.#context, problems };
    try {
      const outcome = await runPartialPass(this.#job, this.#state, source, chosen, figures, 'watch', context);
      if (outcome !== 'done') return outcome === 'idle';
      this.#events.copied(rows);
    } finally {
      source.close();
    }
    this.#ended('partial', figures, problems);
    return true;
  }

  async whole(): Promise<void> {
    this.#readJobAgain();
    const problems = new ProblemList();
    const options = { kind: 'watch', full: false, checksum: false, acceptRemovals: 0 } as const;
    const { figures } = await runPass(this.#job, this.#state, options, { ...this.#context, problems });
    this.#ended('whole', figures, problems);
  }

  #ended(kind: 'partial' | 'whole', figures: PassFigures, problems: ProblemList): void {
    const before = new Set(this.#problems.map(problemKey));
    for (const problem of problems.all) {
      const key = problemKey(problem);
      // A mailbox that is just being renamed has no files for a moment: what stands in the next pass too is no such thing.
      if (this.#said.has(key) || !(problem.stays || before.has(key))) continue;
      this.#said.add(key);
      const { code, mailbox, path, message } = problem;
      this.#log.warn(code, { mailbox, path, message });
    }
    this.#problems = problems.all;
    this.#state.saveProblems(problems.all);
    this.#events.counted(figures.mailboxes.total);
    this.#events.passed(kind, figures);
  }

  /** One that can't be read is said, and the last that could be holds. */
  #readJobAgain(): void {
    if (Date.now() - this.#readMs < READ_AGAIN_MS) return;
    this.#readMs = Date.now();
    let bad: string | undefined;
    try {
      const job = loadJob(this.#job.file);
      const isSame = JSON.stringify(job.texts) === JSON.stringify(this.#job.texts);
      if (job.stateFile !== this.#job.stateFile) bad = `it names another state file, ${job.stateFile}`;
      else if (!isSame) {
        this.#job = job;
        this.#log.info('job file or imapd.conf changed, read again');
      }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      bad = `${error.message}: ${error.why}`;
    }
    if (bad !== undefined && bad !== this.#badJob)
      this.#log.warn('job file can not be used as it is now; going on with what it was', { why: bad });
    this.#badJob = bad;
  }
}
