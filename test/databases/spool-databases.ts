import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { readIndexHeader } from '../../src/cyrus/mailbox/index.js';
import { IndexWriter } from '../../src/cyrus/mailbox/index-writer.js';
import { type ConfigCensus, takeCensus } from '../../src/databases/config-census.js';
import { ConfigReader } from '../../src/databases/config-reader.js';
import { ConfigWriter } from '../../src/databases/config-writer.js';
import { type DatabasesResult, migrateDatabases } from '../../src/databases/databases.js';
import { type Migrated, type MigratedMailbox, migratedOf } from '../../src/databases/migrated.js';
import type { DatabaseOutcome } from '../../src/databases/report.js';
import { migrateSieve } from '../../src/databases/sieve.js';
import type { ScriptCompiler } from '../../src/databases/sieve-compiler.js';
import { SourceTrees, TargetTrees } from '../../src/disk/trees.js';
import { type Inventory, takeInventory } from '../../src/inventory/inventory.js';
import { openWave } from '../../src/inventory/wave.js';
import { type Job, loadJob } from '../../src/job/job.js';
import type { SourceMailbox } from '../../src/model/mailbox.js';
import { type Problem, ProblemList } from '../../src/model/problem.js';
import { State } from '../../src/state/state.js';
import { findLeftovers } from '../../src/survey/leftovers.js';

const SPOOLS = fileURLToPath(new URL('../../fixtures/spools/', import.meta.url));
export const SPOOL_NAMES = readdirSync(SPOOLS).flatMap((file) => /^(.+)\.planted\.json$/.exec(file)?.[1] ?? []);

export interface Outcome {
  readonly result: DatabasesResult;
  readonly census: ConfigCensus;
  readonly problems: readonly Problem[];
}

interface AtCutover {
  readonly job: Job;
  readonly state: State;
  readonly source: SourceTrees;
  readonly target: TargetTrees;
  readonly inventory: Inventory;
  readonly problems: ProblemList;
}

/** One for the test that asks: gone after it. */
export function spoolOf(...args: ConstructorParameters<typeof SpoolDatabases>): SpoolDatabases {
  const spool = new SpoolDatabases(...args);
  onTestFinished(() => rmSync(spool.root, { recursive: true, force: true }));
  return spool;
}

/** A real spool unpacked, and a target of its own that has no mailboxes yet: as far as databases go, as at cutover. */
class SpoolDatabases {
  readonly root = mkdtempSync(join(tmpdir(), 'cyrsync-databases-'));
  readonly spool: string;
  readonly name: string;
  /** The source's configdirectory, the target's, and the two sievedirs, as this machine names them. */
  readonly conf: string;
  readonly newConf = join(this.root, 'new/conf');
  readonly newSieve = join(this.root, 'new/sieve');
  readonly #jobFile = join(this.root, 'job.toml');

  /** @param options Further lines of the target's imapd.conf. */
  constructor(name: string, version = '3.6', options: Readonly<Record<string, string>> = {}) {
    this.name = name;
    this.spool = join(this.root, 'srv/old', name);
    this.conf = join(this.spool, 'conf');
    mkdirSync(this.spool, { recursive: true });
    execFileSync('tar', ['-xpzf', `${SPOOLS}${name}.tar.gz`, '--no-same-owner', '-C', this.spool]);
    for (const dir of [this.newConf, this.newSieve, join(this.root, 'new/spool')]) mkdirSync(dir, { recursive: true });
    const all = {
      configdirectory: this.newConf,
      sievedir: this.newSieve,
      'partition-default': join(this.root, 'new/spool'),
      defaultpartition: 'default',
      hashimapspool: 'yes',
      fulldirhash: 'yes',
      unixhierarchysep: 'yes',
      ...options,
    };
    const conf = join(this.root, 'new/imapd.conf');
    writeFileSync(
      conf,
      Object.entries(all)
        .map(([key, value]) => `${key}: ${value}\n`)
        .join(''),
    );
    writeFileSync(
      this.#jobFile,
      `[source]\nimapd_conf = "/srv/old/${name}/imapd.conf"\nroot = "${this.root}"\nversion = "${name.split('-')[0]}"\n` +
        `[target]\nimapd_conf = "${conf}"\nversion = "${version}"\nowner = "${process.geteuid?.()}"\ngroup = "${process.getegid?.()}"\n`,
    );
  }

  /** In the old server's imapd.conf, in place of what it says of that option. */
  addSourceOption(line: string): void {
    const file = join(this.spool, 'imapd.conf');
    const key = line.slice(0, line.indexOf(':') + 1);
    const others = readFileSync(file, 'latin1')
      .split('\n')
      .filter((one) => !one.startsWith(key));
    writeFileSync(file, `${others.join('\n')}\n${line}\n`, 'latin1');
  }

  /** Adds to [select] of the job file. */
  select(line: string): void {
    appendFileSync(this.#jobFile, `[select]\n${line}\n`);
  }

  get job(): Job {
    return loadJob(this.#jobFile);
  }

  /** The scripts alone, with a compiler of the test's. */
  sieve(compiler: ScriptCompiler): Promise<{ outcomes: DatabaseOutcome[]; problems: readonly Problem[] }> {
    return this.#atCutover(async ({ job, source, target, inventory, problems }) => {
      const migrated = allOf(job, source, inventory);
      const reader = new ConfigReader(source.root(job.source.conf.sieveDir)!, job.source.conf.version);
      const writer = new ConfigWriter(target.root(job.target.conf.sieveDir));
      const context = { job, source, reader, writer: () => writer, migrated, problems, compiler };
      return { outcomes: await migrateSieve(context), problems: problems.all };
    });
  }

  /**
   * One cutover's databases.
   * @param options `without`: mailboxes that the target lacks; `inWave`: it serves others, and this happens on the source
   * once that is known.
   */
  migrate(options: { readonly without?: RegExp; readonly inWave?: () => void } = {}): Promise<Outcome> {
    return this.#atCutover(async ({ job, state, source, target, inventory, problems }) => {
      const migrated = allOf(job, source, inventory, options.without);
      const opened = options.inWave && openWave(job, state, inventory, source, problems);
      const wave = opened && { ...opened, denied: state.units.denied() };
      options.inWave?.();
      const result = await migrateDatabases(job, inventory, migrated, target, state.config, problems, '', wave);
      const reader = new ConfigReader(source.root(job.source.conf.configDirectory)!, job.source.conf.version);
      return { result, census: takeCensus(job, reader, migrated), problems: problems.all };
    });
  }

  /** Paths below the configdirectory that `leftovers` calls foreign. */
  foreignLeftovers(): string[] {
    const { job } = this;
    const state = new State(job.stateFile);
    const source = new SourceTrees(job.source);
    try {
      const inventory = takeInventory(job, state, source, new ProblemList());
      const found = findLeftovers(job, state, source, inventory, { prove: false });
      const below = `${job.source.conf.configDirectory}/`;
      return [...found.leftovers]
        .filter((one) => one.class === 'foreign')
        .flatMap(({ paths }) => paths)
        .filter((path) => path.startsWith(below))
        .map((path) => path.slice(below.length));
    } finally {
      state.close();
      source.close();
    }
  }

  async #atCutover<T>(act: (found: AtCutover) => Promise<T>): Promise<T> {
    const { job } = this;
    const state = new State(job.stateFile);
    const source = new SourceTrees(job.source);
    const target = new TargetTrees(job.target, undefined);
    try {
      const problems = new ProblemList();
      const inventory = takeInventory(job, state, source, problems);
      return await act({ job, state, source, target, inventory, problems });
    } finally {
      state.close();
      source.close();
      target.close();
    }
  }
}

/** Every mailbox of the source as if it had been copied to a target of its layout. */
function allOf(job: Job, source: SourceTrees, inventory: Inventory, without = /(?!)/): Migrated {
  const roots = job.target.conf.partitions.get('default')!;
  return migratedOf(
    job,
    inventory,
    inventory.mailboxes
      .filter(({ name }) => !without.test(name))
      .map((mailbox): MigratedMailbox => {
        const { relative } = mailbox.place;
        const legacy = job.layout === 'name' || mailbox.place.legacy;
        const place = Object.assign(Object.create(Object.getPrototypeOf(mailbox.place)), { roots, legacy, relative });
        return { mailbox, place, index: indexOf(source, mailbox), asItStands: false };
      }),
  );
}

function indexOf(source: SourceTrees, { place, hasFiles, name }: SourceMailbox) {
  const bytes = hasFiles && source.root(place.roots.meta.index)?.read(`${place.relative}/cyrus.index`);
  const empty = IndexWriter.create(12, 0);
  empty.seal();
  return readIndexHeader(bytes || empty.bytes, name);
}
