import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CyrsyncDocument, type RunOptions, runCyrsync } from './cyrsync.js';

export interface JobSides {
  /** Holds the job file and its state. */
  readonly dir: string;
  /** imapd.conf of the source, without `fromRoot`. */
  readonly from: string;
  readonly fromRoot?: string | undefined;
  readonly to: string;
  readonly toRoot?: string | undefined;
  /** `layout` of the job file; what `init` chose when absent. */
  readonly layout?: 'name' | 'uuid' | undefined;
  /** `upgrade_indexes` of the job file; what `init` wrote when absent. */
  readonly upgradeIndexes?: 'needed' | 'all' | undefined;
}

/** A migration of one source to one target, by the built program. `init` is run before the first command. */
export class Job {
  readonly sides: JobSides;
  readonly file: string;
  private initialised: Promise<CyrsyncDocument> | undefined;

  constructor(sides: JobSides) {
    this.sides = sides;
    this.file = join(sides.dir, 'job.toml');
  }

  init(): Promise<CyrsyncDocument> {
    const { from, fromRoot, to, toRoot, dir, layout, upgradeIndexes } = this.sides;
    const roots = [
      ...(fromRoot === undefined ? [] : ['--from-root', fromRoot]),
      ...(toRoot === undefined ? [] : ['--to-root', toRoot]),
    ];
    this.initialised ??= runCyrsync(['init', '--from', from, ...roots, '--to', to, '--job', this.file], {
      cwd: dir,
    }).then((run) => {
      for (const [key, value] of Object.entries({ layout, upgrade_indexes: upgradeIndexes })) {
        if (value === undefined) continue;
        const text = readFileSync(this.file, 'utf8');
        writeFileSync(this.file, text.replace(new RegExp(`^${key} = "\\w+"`, 'm'), `${key} = "${value}"`));
      }
      return run.document;
    });
    return this.initialised;
  }

  /** Any command; exit 0 is expected where `options.exit` says nothing else. */
  async run(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<CyrsyncDocument> {
    await this.init();
    const run = await runCyrsync([command, ...args, '--job', this.file], { cwd: this.sides.dir, ...options });
    return run.document;
  }

  /** One pass; that something needs a person (3) is no failure of a pass. */
  async presync(...args: string[]): Promise<PassFigures> {
    return (await this.run('presync', args, { exit: [0, 3] })) as unknown as PassFigures;
  }

  async cutover(options: RunOptions = {}): Promise<CyrsyncDocument> {
    return this.run('cutover', [], options);
  }
}

/** Of `presync/1`. */
export interface PassFigures {
  readonly exit: number;
  readonly mailboxes: Readonly<
    Record<'total' | 'unchanged' | 'changed' | 'created' | 'moved' | 'removed' | 'failed' | 'deferred', number>
  >;
  readonly messages: Readonly<Record<'copied' | 'removed' | 'linked' | 'present', number>>;
  readonly complete: boolean;
  readonly problems: CyrsyncDocument['problems'];
}
