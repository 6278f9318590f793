/**
 * Sieve scripts: each user's directory, and the global ones, to where the target looks for them. Bytecode that the
 * target is too old for is compiled from its script by the target's own `sievec`; with that at hand every script is
 * tried, and those that no longer compile are named.
 */
import { plural } from '../base/units.js';
import { globalSieveDir, parseSieveDirPath, sieveDir } from '../cyrus/layout/config-paths.js';
import { bytecodeVersion, newestBytecode } from '../cyrus/records/bytecode.js';
import { isAtLeast } from '../cyrus/version.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import { ProblemList } from '../model/problem.js';
import { ConfigReader } from './config-reader.js';
import type { ConfigWriter } from './config-writer.js';
import type { Migrated } from './migrated.js';
import type { DatabaseOutcome } from './report.js';
import { type Compiled, openCompiler, type ScriptCompiler, type ScriptMemory } from './sieve-compiler.js';
import { scriptMessages } from './sieve-messages.js';

/** A script of the source, with the place that it has on the target. */
interface Script {
  /** Of the script, or of the message that it is from 3.6 on, as the old server names it. */
  readonly path: string;
  /** Below the target's. */
  readonly to: string;
  readonly bytes: Buffer;
  /** Its bytecode is there, and the target can not run it. */
  readonly needsCompiling: boolean;
  readonly seconds: number;
}

interface SieveContext {
  readonly job: Job;
  readonly source: SourceTrees;
  /** Undefined where the source has no sievedir. */
  readonly reader: ConfigReader | undefined;
  readonly writer: () => Pick<ConfigWriter, 'write' | 'link' | 'setTimes'>;
  readonly migrated: Migrated;
  readonly problems: ProblemList;
  readonly compiler: ScriptCompiler;
  /** Of a target that serves others, whether it has a file: of the global scripts only those come that it lacks. */
  readonly isThere?: ((path: string) => boolean) | undefined;
}

/** Tries the scripts with the target's sievec ahead of the cutover, which then finds most of them known. */
export async function tryScripts(
  job: Job,
  source: SourceTrees,
  migrated: Migrated,
  memory: ScriptMemory,
): Promise<void> {
  const { sieveDir: dir, sieveUseHomedir, version } = job.source.conf;
  const root = sieveUseHomedir ? undefined : source.root(dir);
  const compiler = openCompiler(job, memory, { secondsEach: 10, secondsInAll: 900 });
  if (!root || compiler.why !== undefined) return;
  const nowhere = { write: () => undefined, link: () => undefined, setTimes: () => undefined };
  const context: SieveContext = {
    job,
    source,
    reader: new ConfigReader(root, version),
    writer: () => nowhere,
    migrated,
    problems: new ProblemList(), // the cutover says them
    compiler,
  };
  const walk = walked(context);
  await compiler.compile(walk.scripts.map(({ bytes }) => ({ bytes, needsCompiling: false })));
}

export async function migrateSieve(context: SieveContext): Promise<DatabaseOutcome[]> {
  const { job, reader, compiler } = context;
  if (job.source.conf.sieveUseHomedir)
    return [{ what: 'sieve', action: 'dropped', entries: 0, note: 'sieveusehomedir: scripts lie in home directories' }];
  if (!reader) return [{ what: 'sieve', action: 'dropped', entries: 0, note: 'the source has no sievedir' }];
  const walk = walked(context);
  const compiled = await compiler.compile(walk.scripts.map(({ bytes, needsCompiling }) => ({ bytes, needsCompiling })));
  const notes = [
    'scripts, bytecode, and which one is active',
    ...takeCompiled(context, walk.scripts, compiled),
    ...shownEncoded(job, walk.scripts),
  ];
  const outcomes: DatabaseOutcome[] = [
    { what: 'sieve', action: 'copied', entries: walk.copied, note: notes.join('; ') },
  ];
  if (walk.others.length > 0)
    outcomes.push({
      what: 'sieve, what is no script',
      action: 'dropped',
      entries: walk.others.length,
      note: walk.others.slice(0, 5).join(', '),
    });
  if (walk.staying > 0)
    outcomes.push({
      what: 'sieve, of users who do not come along',
      action: 'dropped',
      entries: walk.staying,
      note: '[select] in the job file says so; they stay as they are on the old server',
    });
  if (walk.stale > 0)
    outcomes.push({
      what: 'sieve, where the old server no longer looks',
      action: 'dropped',
      entries: walk.stale,
      note: 'cyrsync leftovers names each directory',
    });
  return outcomes;
}

/** Writes the bytecode that was made, names the scripts that do not compile. @returns notes for the outcome */
function takeCompiled(
  { job, writer, problems, compiler }: SieveContext,
  scripts: readonly Script[],
  compiled: readonly Compiled[],
): string[] {
  let made = 0;
  let missing = 0;
  let failed = 0;
  let unchecked = 0;
  for (const [i, { path, to, needsCompiling, seconds }] of scripts.entries()) {
    const result = compiled[i]!;
    if (result.kind === 'failed') {
      failed++;
      problems.add({
        code: 'sieve-does-not-compile',
        message: `the new server's sievec says: ${result.error}`,
        advice: needsCompiling
          ? 'The new server can not run it: mend the script, and activate it on the new server.'
          : 'Its old bytecode goes on to run; the new server refuses the script as soon as it is changed.',
        path,
      });
    } else if (result.kind === 'unchecked') unchecked++;
    if (!needsCompiling) continue;
    if (result.kind === 'compiled' && result.bytecode) {
      writer().write(`${to}.bc`, result.bytecode);
      writer().setTimes(`${to}.bc`, seconds); // not older than its script, or it would count as out of date
      made++;
    } else missing++;
  }
  if (missing > 0)
    problems.add({
      code: 'sieve-needs-compiling',
      message: `${plural(missing, 'script')} ${missing === 1 ? 'has' : 'have'} bytecode of a newer version than the new server runs`,
      advice: `Run on the new server: ${masssievec(job)}`,
      path: job.target.conf.sieveDir,
    });
  const notes: string[] = [];
  if (made > 0) notes.push(`${plural(made, 'script')} compiled for the new server`);
  if (failed > 0)
    notes.push(`${plural(failed, 'script')} no longer ${failed === 1 ? 'compiles' : 'compile'}, see problems`);
  if (compiler.why !== undefined) notes.push(`not tried with the new server's sievec: ${compiler.why}`);
  else if (unchecked > 0) notes.push(`${plural(unchecked, 'script')} not tried for want of time; the next run goes on`);
  return notes;
}

/**
 * A server of 3.6 and later that makes a message of a script encodes its name for the Subject, and shows it so from
 * then on: `Grüße` of a real 3.2.6 was `=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=` in 3.6.1 and in 3.12.4, upgraded in place too.
 * @see cyrus-imapd 3.12.3 imap/sieve_db.c migrate_cb, store_script
 */
function shownEncoded({ source, target }: Job, scripts: readonly Script[]): string[] {
  if (isAtLeast(source.conf.version, '3.6') || !isAtLeast(target.conf.version, '3.6')) return [];
  const names = scripts.map(({ to }) => to.slice(to.lastIndexOf('/') + 1));
  const count = names.filter((name) => /[^\x00-\x7f]/.test(name)).length;
  if (count === 0) return [];
  return [
    `${plural(count, 'name')} with letters beyond ASCII will be shown as =?UTF-8?Q?…?=, as after an upgrade in place`,
  ];
}

/** Compiles every script below sievedir; in the packages of Debian. */
function masssievec({ target: { conf } }: Job): string {
  return `/usr/lib/cyrus/upgrade/masssievec /usr/lib/cyrus/bin/sievec ${conf.file}`;
}

/** All scripts of the source, taken to where the target looks for them. */
function walked(context: SieveContext): SieveWalk {
  const { compiler, job } = context;
  const walk = new SieveWalk(context, compiler.newest ?? newestBytecode(job.target.conf.version));
  walk.visit('', 6);
  walk.messages();
  return walk;
}

class SieveWalk {
  readonly scripts: Script[] = [];
  readonly others: string[] = [];
  copied = 0;
  staying = 0;
  stale = 0;
  readonly #context: SieveContext;
  readonly #newest: number;

  /** @param newest Version of bytecode that the target runs at most. */
  constructor(context: SieveContext, newest: number) {
    this.#context = context;
    this.#newest = newest;
  }

  visit(directory: string, depth: number): void {
    const { reader } = this.#context;
    const entries = reader!.list(directory);
    const files = entries.filter(({ kind }) => kind !== 'directory');
    const place = directory === '' ? undefined : placeOf(this.#context, directory);
    if (place === 'stays') this.staying += files.length;
    else if (place?.isLive && place.to !== undefined) this.#copy(directory, place.to, this.#missing(place, files));
    else if (place) this.stale += files.length;
    else this.others.push(...files.map(({ name }) => (directory === '' ? name : `${directory}/${name}`)));
    if (depth === 0) return;
    for (const { name, kind } of entries)
      if (kind === 'directory') this.visit(directory === '' ? name : `${directory}/${name}`, depth - 1);
  }

  /** Scripts that are messages; a server before 3.6 looks for them in files. */
  messages(): void {
    const { job, source, migrated, reader, writer } = this.#context;
    const [from, to] = [job.source.conf, job.target.conf];
    if (!isAtLeast(from.version, '3.6')) return;
    const asFiles = !isAtLeast(to.version, '3.6');
    for (const { user, name, text, path, seconds } of scriptMessages(source, migrated)) {
      const bytecode = reader!.bytes(`${sieveDir(from, user, migrated.sourceInboxUuid(user))}/${name}.bc`);
      const stem = `${sieveDir(to, user, migrated.targetInboxUuid(user))}/${name}`;
      if (asFiles) {
        writer().write(`${stem}.script`, text);
        writer().setTimes(`${stem}.script`, seconds);
        this.copied++;
      }
      const needsCompiling = bytecode !== undefined && this.#isTooNew(bytecode);
      this.scripts.push({ path, to: stem, bytes: text, needsCompiling, seconds });
    }
  }

  /** Bytecode that the target can not run. */
  #isTooNew(bytecode: Buffer): boolean {
    return (bytecodeVersion(bytecode) ?? 0) > this.#newest;
  }

  #missing<T extends { readonly name: string }>({ to, isGlobal }: ScriptPlace, files: readonly T[]): readonly T[] {
    const { isThere } = this.#context;
    return isThere && isGlobal ? files.filter(({ name }) => !isThere(`${to}/${name}`)) : files;
  }

  #copy(from: string, to: string, files: readonly { name: string; kind: string }[]): void {
    const { reader, writer, problems } = this.#context;
    const names = new Set(files.map(({ name }) => name));
    for (const { name, kind } of files) {
      if (kind === 'file' && /\.(?:script|bc)$/.test(name)) this.#file(from, to, name, names);
      else if (kind === 'link' && name === 'defaultbc') {
        const pointsTo = reader!.root.readLink(`${from}/${name}`) ?? '';
        // Only a plain name beside it: what else a link may say must not be carried over.
        if (/^[^/]+\.bc$/.test(pointsTo) && names.has(pointsTo)) {
          writer().link(`${to}/${name}`, pointsTo);
          this.copied++;
          continue;
        }
        problems.add({
          code: 'sieve-active-broken',
          message: `defaultbc points to "${pointsTo}", which is not there`,
          advice: 'Activate a script for this user on the target.',
          path: `${reader!.root.path}/${from}/${name}`,
        });
        this.others.push(`${from}/${name}`);
      } else this.others.push(`${from}/${name}`);
    }
  }

  #file(from: string, to: string, name: string, names: ReadonlySet<string>): void {
    const { reader, writer } = this.#context;
    const path = `${from}/${name}`;
    const bytes = reader!.bytes(path);
    const stat = reader!.root.stat(path);
    if (!bytes || !stat) return;
    const seconds = Number(stat.mtimeNs / 1_000_000_000n); // becomes "last updated"
    this.copied++;
    // Bytecode that the target refuses would only hide that there is none; of scripts that are messages it is made anew.
    const hasScript =
      names.has(name.replace(/bc$/, 'script')) || isAtLeast(this.#context.job.source.conf.version, '3.6');
    if (hasScript && name.endsWith('.bc') && this.#isTooNew(bytes)) return;
    writer().write(`${to}/${name}`, bytes);
    writer().setTimes(`${to}/${name}`, seconds);
    if (!name.endsWith('.script')) return;
    const bytecode = reader!.bytes(path.replace(/script$/, 'bc'));
    const needsCompiling = bytecode !== undefined && this.#isTooNew(bytecode);
    const stem = name.slice(0, -'.script'.length);
    const shown = `${reader!.root.path}/${path}`;
    this.scripts.push({ path: shown, to: `${to}/${stem}`, bytes, needsCompiling, seconds });
  }
}

interface ScriptPlace {
  readonly isLive: boolean;
  readonly to: string | undefined;
  readonly isGlobal?: boolean;
}

/**
 * Whose scripts lie in a directory below sievedir; undefined where none can. `to` is undefined without a place for them,
 * `stays` means those of a user who does not come along.
 */
function placeOf({ job, migrated }: SieveContext, directory: string): ScriptPlace | 'stays' | undefined {
  const [from, to] = [job.source.conf, job.target.conf];
  const found = parseSieveDirPath(directory, from);
  switch (found?.kind) {
    case undefined:
      return undefined;
    case 'global':
      return {
        isLive: globalSieveDir(from, found.domain) === directory,
        to: globalSieveDir(to, found.domain),
        isGlobal: true,
      };
    case 'user': {
      const { user } = found;
      if (!migrated.takesUser(user)) return 'stays';
      const isLive = sieveDir(from, user, migrated.sourceInboxUuid(user)) === directory && !migrated.isGone(user);
      return { isLive, to: sieveDir(to, user, migrated.targetInboxUuid(user)) };
    }
    case 'user-by-id': {
      if (migrated.staysById(found.uniqueid)) return 'stays';
      const owner = migrated.ownerById(found.uniqueid);
      if (!owner) return { isLive: false, to: undefined };
      const { user, isDeleted, targetUuid } = owner;
      return { isLive: true, to: isDeleted && targetUuid === undefined ? undefined : sieveDir(to, user, targetUuid) };
    }
    default:
      return found satisfies never;
  }
}
