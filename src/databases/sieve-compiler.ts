/**
 * The target's own `sievec`, run on private copies as the server's user, each with a limit on time, memory and output:
 * a script is somebody's input. What a content came to is remembered, so that each is tried once in a job's life.
 */
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { bytecodeVersion } from '../cyrus/records/bytecode.js';
import type { Job } from '../job/job.js';

export type Compiled =
  /** `bytecode` where it was asked for. */
  | { readonly kind: 'compiled'; readonly bytecode: Buffer | undefined }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'unchecked' };

/** What a script with this digest came to: `''` is compiled, else the error. */
export interface ScriptMemory {
  scriptResult(digest: string): string | undefined;
  saveScriptResults(results: ReadonlyMap<string, string>): void;
}

export interface ScriptCompiler {
  /** Why scripts can not be tried here; undefined where they can. */
  readonly why: string | undefined;
  /** Version of the bytecode that the target's sievec writes; undefined without one. */
  readonly newest: number | undefined;
  /** One result for each script, in order. */
  compile(scripts: readonly { bytes: Buffer; needsCompiling: boolean }[]): Promise<Compiled[]>;
}

/** Debian, Red Hat, Cyrus's own `make install`. */
const PLACES = [
  '/usr/lib/cyrus/bin/sievec',
  '/usr/lib/cyrus-imapd/sievec',
  '/usr/cyrus/bin/sievec',
  '/usr/cyrus/sbin/sievec',
];

const MEMORY_BYTES = 1 << 30;
const OUTPUT_BYTES = 1 << 24;
const LONGEST_ERROR = 500;

interface CompilerLimits {
  /** Of one script. */
  readonly secondsEach: number;
  /** Of one run: the rest is tried by the next. */
  readonly secondsInAll: number;
}

/** The largest script of real life takes a hundredth of `secondsEach`. */
const CUTOVER_LIMITS: CompilerLimits = { secondsEach: 10, secondsInAll: 60 };

/** @param memory Undefined: nothing is remembered. @param places Where to look for the program, as the target names it. */
export function openCompiler(
  job: Job,
  memory: ScriptMemory | undefined,
  limits: CompilerLimits = CUTOVER_LIMITS,
  places: readonly string[] = PLACES,
): ScriptCompiler {
  const { prefix, real, conf } = job.target;
  const unusable = (why: string): ScriptCompiler => ({
    why,
    newest: undefined,
    compile: (scripts) => Promise.resolve(scripts.map(() => ({ kind: 'unchecked' }))),
  });
  const tool = places.find((path) => existsSync(real(path)));
  if (tool === undefined) return unusable('it is not installed here');
  const isRoot = process.geteuid?.() === 0;
  if (!isRoot && (prefix !== '' || process.geteuid?.() !== job.owner.uid))
    return unusable(`this runs neither as root nor as ${conf.cyrusUser}`);
  const sievec = new Sievec(job, tool, isRoot, limits.secondsEach);
  const probe = sievec.probe();
  if (typeof probe === 'string') return unusable(`it does not work here: ${probe}`);
  return {
    why: undefined,
    newest: probe.version,
    compile: (scripts) => compileAll(sievec, memory, scripts, limits.secondsInAll),
  };
}

async function compileAll(
  sievec: Sievec,
  memory: ScriptMemory | undefined,
  scripts: readonly { bytes: Buffer; needsCompiling: boolean }[],
  secondsInAll: number,
): Promise<Compiled[]> {
  const results: Compiled[] = scripts.map(() => ({ kind: 'unchecked' }));
  const learnt = new Map<string, string>();
  const until = Date.now() + secondsInAll * 1000;
  let next = 0;
  const work = async () => {
    for (let i = next++; i < scripts.length; i = next++) {
      const { bytes, needsCompiling } = scripts[i]!;
      const digest = sievec.digestOf(bytes);
      const known = needsCompiling ? undefined : (learnt.get(digest) ?? memory?.scriptResult(digest));
      if (known !== undefined) {
        results[i] = known === '' ? { kind: 'compiled', bytecode: undefined } : { kind: 'failed', error: known };
        continue;
      }
      if (Date.now() > until) continue;
      const result = await sievec.run(bytes, String(i));
      results[i] = needsCompiling || result.kind !== 'compiled' ? result : { kind: 'compiled', bytecode: undefined };
      if (result.kind !== 'unchecked') learnt.set(digest, result.kind === 'failed' ? result.error : '');
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(scripts.length, availableParallelism()) }, work));
  } finally {
    sievec.close();
    memory?.saveScriptResults(learnt);
  }
  return results;
}

class Sievec {
  readonly #job: Job;
  readonly #tool: string;
  readonly #isRoot: boolean;
  readonly #secondsEach: number;
  /** What results depend on beside the script: the program, and which extensions its imapd.conf allows. */
  readonly #identity: string;
  /** Below the target's root, private to the server's user; made at first use. */
  #dir: string | undefined;

  constructor(job: Job, tool: string, isRoot: boolean, secondsEach: number) {
    this.#secondsEach = secondsEach;
    this.#job = job;
    this.#tool = tool;
    this.#isRoot = isRoot;
    const { size, mtimeMs } = statSync(job.target.real(tool));
    this.#identity = JSON.stringify([
      tool,
      size,
      mtimeMs,
      job.target.conf.version,
      job.target.conf.option('sieve_extensions'),
    ]);
  }

  digestOf(script: Buffer): string {
    return createHash('sha1').update(this.#identity).update(script).digest('hex');
  }

  /** Compiles a script that every server knows. @returns the version of its bytecode, or why that can't be had */
  probe(): { version: number } | string {
    try {
      const { command, args, output } = this.#prepare(Buffer.from('keep;\r\n'), 'probe');
      execFileSync(command, args, { ...this.#options(), encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'] });
      const version = bytecodeVersion(readFileSync(output));
      return version === undefined ? 'what it wrote is no bytecode' : { version };
    } catch (error) {
      return errorText(error);
    } finally {
      this.close();
    }
  }

  run(script: Buffer, name: string): Promise<Compiled> {
    const { command, args, input, output } = this.#prepare(script, name);
    return new Promise((resolve) => {
      execFile(command, args, { ...this.#options(), encoding: 'latin1' }, (error, _stdout, stderr) => {
        resolve(resultOf(error, stderr, output, this.#secondsEach));
        for (const file of [input, output]) rmSync(file, { force: true });
      });
    });
  }

  close(): void {
    if (this.#dir !== undefined) rmSync(this.#dir, { recursive: true, force: true });
    this.#dir = undefined;
  }

  #prepare(script: Buffer, name: string) {
    const { prefix, conf } = this.#job.target;
    const { uid, gid } = this.#job.owner;
    if (this.#dir === undefined) {
      this.#dir = mkdtempSync(join(`${prefix}/tmp`, 'cyrsync-sieve-')); // 0700
      if (this.#isRoot) chownSync(this.#dir, uid, gid);
    }
    const input = join(this.#dir, `${name}.script`);
    const output = join(this.#dir, `${name}.bc`);
    writeFileSync(input, script, { mode: 0o600, flag: 'wx' });
    if (this.#isRoot) chownSync(input, uid, gid);
    const inside = (path: string) => path.slice(prefix.length);
    const sievec = [this.#tool, '-C', conf.file, inside(input), inside(output)];
    const within = prefix === '' ? sievec : ['chroot', `--userspec=${uid}:${gid}`, prefix, ...sievec];
    const limited = existsSync('/usr/bin/prlimit')
      ? ['/usr/bin/prlimit', `--cpu=${this.#secondsEach}`, ...LIMITS, '--', ...within]
      : within;
    return { command: limited[0]!, args: limited.slice(1), input, output };
  }

  #options() {
    const { prefix } = this.#job.target;
    const asServer = this.#isRoot && prefix === '' ? { uid: this.#job.owner.uid, gid: this.#job.owner.gid } : {};
    return {
      ...asServer,
      cwd: '/',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      timeout: this.#secondsEach * 1000,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 20,
    } as const;
  }
}

const LIMITS = [`--as=${MEMORY_BYTES}`, `--fsize=${OUTPUT_BYTES}`, '--core=0'];

/** What sievec says where the script is at fault; anything else is its own trouble. @see cyrus-imapd 3.6.1 sieve/sievec.c */
const REFUSED = /^(?:Unable to parse script\b:?|bytecode generate failed)/;

function resultOf(error: Error | null, stderr: string, output: string, secondsEach: number): Compiled {
  if (!error) return { kind: 'compiled', bytecode: existsSync(output) ? readFileSync(output) : undefined };
  const said = stderr.trim();
  if (REFUSED.test(said)) return { kind: 'failed', error: oneLine(said.replace(/^Unable to parse script: /, '')) };
  if ('killed' in error && error.killed) return { kind: 'failed', error: `it was not done after ${secondsEach} s` };
  if ('signal' in error && error.signal) return { kind: 'failed', error: `it died of ${String(error.signal)}` };
  return { kind: 'unchecked' };
}

function errorText(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return oneLine(stderr === '' ? String(error instanceof Error ? error.message : error) : stderr);
}

/** Parts of the script itself may stand in it. */
function oneLine(text: string): string {
  const line = text.replace(/[\x00-\x20\x7f-\x9f]+/g, ' ').trim();
  return line.length > LONGEST_ERROR ? `${line.slice(0, LONGEST_ERROR)} …` : line;
}
