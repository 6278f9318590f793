/** All sources of hints together: started, listened to, counted. */
import type { Log } from '../base/log.js';
import type { Job } from '../job/job.js';
import type { HintSourceStatus } from '../model/watch-status.js';
import { READ_STATES } from '../sync/sweep-list.js';
import type { Choice } from './choose-sources.js';
import { HintThread } from './hint-thread.js';
import type { Hint } from './hints.js';
import type { ListedRows } from './listed-rows.js';

export interface HintTarget {
  hint(row: number): void;
  hintDatabases(): void;
  lost(): void;
}

interface Tally {
  hints: number;
  lost: number;
}

export class HintSources {
  readonly #rows: ListedRows;
  readonly #target: HintTarget;
  readonly #log: Log;
  readonly #wake: () => void;
  readonly #sources: readonly (Choice & { tally: Tally; thread?: HintThread })[];

  /** @param wake Called after hints, which may make something due. */
  constructor(choices: readonly Choice[], rows: ListedRows, target: HintTarget, log: Log, wake: () => void) {
    this.#rows = rows;
    this.#target = target;
    this.#log = log;
    this.#wake = wake;
    this.#sources = choices.map((choice) => {
      const tally: Tally = { hints: 0, lost: 0 };
      if (!choice.setup) return { ...choice, tally };
      const thread = new HintThread(choice.setup, {
        hints: (hints) => this.#hear(hints, tally),
        died: (why, againMs) => {
          tally.lost++;
          this.#log.warn('a source of hints died; sweeps go on', {
            source: choice.source,
            why,
            again: `${againMs / 1000}s`,
          });
          this.#target.lost();
          this.#wake();
        },
      });
      return { ...choice, tally, thread };
    });
  }

  async start(): Promise<void> {
    await Promise.all(this.#sources.map(({ thread }) => thread?.start()));
  }

  swept(found: number): void {
    for (const { source, tally } of this.#sources) if (source === 'sweep') tally.hints += found;
  }

  /** The list is another one. @param busiest As given to chooseSources. */
  listed(job: Job, busiest: number): void {
    if (!this.#sources.some(({ thread }) => thread !== undefined)) return;
    this.#rows.read(job);
    for (const { setup, thread } of this.#sources)
      if (setup?.source === 'chokidar' && setup.indexes.length > 0)
        thread?.send(this.#rows.busiestIndexes(Math.min(busiest, setup.indexes.length)));
  }

  #hear(hints: readonly Hint[], tally: Tally): void {
    for (const hint of hints) {
      if (hint.kind === 'lost') {
        tally.lost++;
        this.#log.info('hints may have been lost', { why: hint.why });
        this.#target.lost();
        continue;
      }
      const row = this.#rowOf(hint);
      if (row === undefined) continue; // a leftover's, or of one that mailboxes.db will name first
      tally.hints++;
      if (row === 'databases') this.#target.hintDatabases();
      else this.#target.hint(row);
    }
    this.#wake();
  }

  #rowOf(hint: Exclude<Hint, { kind: 'lost' }>): number | 'databases' | undefined {
    switch (hint.kind) {
      case 'directory':
        return this.#rows.ofDirectory(hint.path);
      case 'mailbox':
        return this.#rows.ofName(hint.name) ?? 'databases';
      case 'read-states':
        return READ_STATES;
      case 'databases':
        return 'databases';
      default:
        return hint satisfies never;
    }
  }

  statuses(): HintSourceStatus[] {
    return this.#sources.map(({ source, why, setup, tally }) => ({
      source,
      used: source === 'sweep' || setup !== undefined,
      why,
      ...tally,
    }));
  }

  async close(): Promise<void> {
    await Promise.all(this.#sources.map(({ thread }) => thread?.close()));
  }
}
