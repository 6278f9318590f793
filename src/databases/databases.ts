/**
 * All that is not a message: at cutover the source's databases, which no longer move, are read whole and the target's
 * are written, mailboxes.db last. Every file of the configdirectory ends in one line of the outcome.
 */
import { CONFIG_KINDS, type ConfigKind, type ConfigWhat } from '../cyrus/layout/config-files.js';
import { writeMailboxEntries } from '../cyrus/records/mailboxes-db.js';
import { isMissing } from '../disk/os-path.js';
import { SourceTrees, type TargetTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import { chosenQuotaRoots, quotaPrints } from '../inventory/quota-roots.js';
import { databaseFile } from '../inventory/read-mailboxes-db.js';
import { entriesOfOthers } from '../inventory/serving-target.js';
import type { Wave } from '../inventory/wave.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import { migrateAnnotations } from './annotations.js';
import { type ConfigCensus, takeCensus } from './config-census.js';
import { type ConfigReader, ConfigReaders } from './config-reader.js';
import { type ConfigWriter, ConfigWriters } from './config-writer.js';
import { migrateDeliverDb } from './deliver.js';
import { searchOutcome, workOf } from './derived.js';
import { targetEntries } from './mailboxes-db.js';
import type { Migrated } from './migrated.js';
import { computeQuotas, waveQuotas, writeQuotas } from './quotas.js';
import type { DatabaseOutcome, QuotaCorrection } from './report.js';
import { migrateSieve } from './sieve.js';
import { openCompiler, type ScriptMemory } from './sieve-compiler.js';
import { targetDatabase } from './target-database.js';
import { addDenials, migrateUserDeny } from './user-deny.js';
import { migrateUserFiles } from './user-files.js';
import { annotationsOfWave, existingEntries, isOfWave } from './wave-databases.js';
import { removeUnwritten, type WrittenFiles } from './written-files.js';

export interface DatabasesResult {
  readonly outcomes: readonly DatabaseOutcome[];
  readonly quotaRoots: { readonly total: number; readonly corrected: readonly QuotaCorrection[] };
  /** Files of the source that changed since they were read. */
  changedSince(): string[];
}

/** Of a target that serves others. */
export interface WaveDatabases extends Wave {
  /** Denials by unit as they were when it was first seen. */
  readonly denied: ReadonlyMap<string, string>;
}

/**
 * @param below Files go below this directory of the target's (a rehearsal); `''` in place.
 * @param wave The target serves others: what is theirs stays.
 */
export async function migrateDatabases(
  job: Job,
  inventory: Inventory,
  migrated: Migrated,
  target: TargetTrees,
  memory: WrittenFiles & ScriptMemory,
  problems: ProblemList,
  below = '',
  wave?: WaveDatabases | undefined,
): Promise<DatabasesResult> {
  const source = new SourceTrees(job.source);
  const nowSec = Math.floor(Date.now() / 1000);
  const [from, to] = [job.source.conf, job.target.conf];
  const readers = new ConfigReaders(source, from.version);
  const writers = new ConfigWriters(target, below);
  const reader = readers.at(from.configDirectory)!;
  const writer = writers.at(to.configDirectory);
  const census = takeCensus(job, reader, migrated);

  const outcomes: DatabaseOutcome[] = [];
  const isAdded = wave !== undefined;
  outcomes.push(...migrateUserFiles({ job, reader, writer, migrated, inventory, problems, nowSec, isAdded }, census));
  if (!wave) outcomes.push(...copyPlainFiles(reader, writer, census));
  const compiler = openCompiler(job, memory);
  const sieve = {
    job,
    source,
    reader: readers.at(from.sieveDir),
    writer: () => writers.at(to.sieveDir),
    migrated,
    problems,
    compiler,
    isThere: wave && ((path: string) => writers.at(to.sieveDir).root.stat(path) !== undefined),
  };
  outcomes.push(...(await migrateSieve(sieve)));
  const annotated = wave && annotationsOfWave(job, source, migrated);
  const existing = wave && existingEntries(job, target, 'annotations');
  outcomes.push(migrateAnnotations(job, readers, writers, migrated, problems, nowSec, existing));
  const deny = wave
    ? addDenials(job, readers, writers, migrated, target, wave, problems, nowSec)
    : migrateUserDeny(job, readers, writers, migrated, nowSec);
  if (deny) outcomes.push(deny);
  const deliver = wave ? undefined : migrateDeliverDb(job, readers, writers, nowSec);
  if (deliver) outcomes.push(deliver);
  // Of a wave they were read before, to see which of them it shares with others.
  const quotasBefore = new Map(wave?.quotaPrints);
  const roots = wave?.quotaRoots ?? chosenQuotaRoots(job, source, inventory, problems, quotasBefore);
  const { quotas, corrected } = wave ? waveQuotas(job, wave, migrated) : computeQuotas(job, roots, migrated);
  writeQuotas(job, quotas, writers, nowSec, wave && existingEntries(job, target, 'quota'));
  outcomes.push({
    what: 'quota',
    action: 'written',
    entries: quotas.size,
    note: `limits kept, usage summed from the indexes; ${corrected.length} recorded figures were wrong`,
  });
  outcomes.push(searchOutcome(from, to, workOf(migrated.mailboxes)));
  const entries = targetEntries(job, inventory, migrated, nowSec);
  const { dir, name } = databaseFile(to, 'mailboxes', 'mailboxes.db');
  if (wave) writers.barrier(); // whatever it leads to is there before it says so
  const records = writeMailboxEntries(entries.all, to);
  const others = wave && entriesOfOthers(job, wave.serving, records);
  writers.at(dir).write(name, targetDatabase(to, 'mailboxes', others ? [...others, ...records] : records, nowSec));
  outcomes.unshift({
    what: 'mailboxes.db',
    action: 'written',
    entries: migrated.mailboxes.length + entries.nameOnly,
    note: `${migrated.mailboxes.length} mailboxes and ${entries.nameOnly} names without one${others ? `, added to ${others.length} records of the new server` : ''}`,
  });
  outcomes.push(...restOf(census, new Set(outcomes.map(({ what }) => what))));
  if (below === '') {
    if (!wave) removeOldState(job, writers, deliver?.action !== 'copied' && deliver?.action !== 'converted');
    removeUnwritten(job, inventory, writers, memory);
  }
  writers.barrier();
  const quotasMoved = () => {
    const now = quotaPrints(job, source);
    return [...new Set([...quotasBefore.keys(), ...now.keys()])].filter(
      (path) => quotasBefore.get(path) !== now.get(path),
    );
  };
  return {
    outcomes,
    quotaRoots: { total: quotas.size, corrected },
    changedSince: () => {
      const changed = [...readers.changed(), ...quotasMoved()];
      if (!wave) return changed;
      // Others go on to work there: what counts is what is the wave's.
      const own = changed.filter(isOfWave(inventory, from));
      return annotationsOfWave(job, source, migrated) === annotated ? own : [...own, 'annotations.db'];
    },
  };
}

/** What a test boot left of the last try: caches and databases that speak of other mailboxes. */
function removeOldState({ target: { conf } }: Job, writers: ConfigWriters, withDeliver: boolean): void {
  for (const stale of ['annotations.db.OLD', 'mailboxes.db.NEW']) removeCache(writers, conf.configDirectory, stale);
  const caches = [databaseFile(conf, 'statuscache', 'statuscache.db')];
  if (withDeliver) caches.push(databaseFile(conf, 'duplicate', 'deliver.db'));
  for (const { dir, name } of caches) removeCache(writers, dir, name);
}

/** It may lie in a directory that is there only while a server runs. */
function removeCache(writers: ConfigWriters, dir: string, name: string): void {
  try {
    writers.at(dir).remove(name);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** What every server reads as it is. */
function copyPlainFiles(reader: ConfigReader, writer: ConfigWriter, census: ConfigCensus): DatabaseOutcome[] {
  const outcomes: DatabaseOutcome[] = [];
  for (const what of ['msg/motd', 'fetchnews.db, fetchnews.stamp, newsstamp', 'dkim.public'] as const) {
    const paths = census.files.get(what);
    if (!paths) continue;
    let entries = 0;
    for (const path of paths) {
      const bytes = reader.bytes(path);
      if (!bytes) continue;
      writer.write(path, bytes);
      entries++;
    }
    outcomes.push({ what, action: 'copied', entries, note: noteOf(what) });
  }
  return outcomes;
}

/** Kinds of which no one above has said anything, and what is of none. */
function restOf({ files, staying, stale, foreign }: ConfigCensus, said: ReadonlySet<string>): DatabaseOutcome[] {
  const outcomes: DatabaseOutcome[] = [];
  for (const kind of CONFIG_KINDS as readonly ConfigKind[]) {
    const paths = files.get(kind.what as ConfigWhat);
    if (!paths || said.has(kind.what)) continue;
    outcomes.push({ what: kind.what, action: kind.actions[0], entries: paths.length, note: kind.note });
  }
  if (staying.length > 0)
    outcomes.push({
      what: 'of users who do not come along',
      action: 'dropped',
      entries: staying.length,
      note: '[select] in the job file says so; they stay as they are on the old server',
    });
  if (stale.length > 0)
    outcomes.push({
      what: 'where the old server no longer looks',
      action: 'dropped',
      entries: stale.length,
      note: `cyrsync leftovers names each: ${some(stale)}`,
    });
  if (foreign.length > 0)
    outcomes.push({
      what: "no files of Cyrus's",
      action: 'dropped',
      entries: foreign.length,
      note: `copy by hand what you need of them; cyrsync leftovers --class foreign names each: ${some(foreign)}`,
    });
  return outcomes;
}

function some(paths: readonly string[]): string {
  return `${paths.slice(0, 5).join(', ')}${paths.length > 5 ? ' …' : ''}`;
}

function noteOf(what: ConfigWhat): string {
  return CONFIG_KINDS.find((kind) => kind.what === what)?.note ?? '';
}
