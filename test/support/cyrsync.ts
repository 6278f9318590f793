import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The built program; CYRSYNC_MAIN names another one (an installed copy). */
export const MAIN = process.env.CYRSYNC_MAIN ?? fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The one JSON document of a run: what cli.md promises of every one, and the command's own fields. */
export interface CyrsyncDocument {
  readonly cyrsync: string;
  readonly schema: string;
  readonly exit: number;
  readonly problems: readonly {
    readonly code: string;
    readonly message: string;
    readonly advice: string;
    readonly mailbox?: string;
  }[];
  readonly [field: string]: unknown;
}

export interface CyrsyncRun {
  readonly code: number | null;
  readonly document: CyrsyncDocument;
  readonly stderr: string;
  readonly seconds: number;
}

export interface RunOptions {
  /** Exit codes that are expected; [0] when absent. */
  readonly exit?: readonly number[] | undefined;
  readonly cwd?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

/**
 * Runs the built program with --json.
 * @throws with its stdout and stderr where the exit code is another, or stdout isn't one JSON document.
 */
export async function runCyrsync(args: readonly string[], options: RunOptions = {}): Promise<CyrsyncRun> {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm run build`);
  const started = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args, '--json'], {
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 300_000,
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const out = Buffer.concat(stdout).toString();
  const log = Buffer.concat(stderr).toString();
  const told = `cyrsync ${args.join(' ')}: exit ${code}\nstdout: ${out.slice(-3000)}\nstderr: ${log.slice(-3000)}`;
  if (code === null || !(options.exit ?? [0]).includes(code)) throw new Error(told);
  let document: CyrsyncDocument;
  try {
    document = JSON.parse(out) as CyrsyncDocument;
  } catch (cause) {
    throw new Error(`not one JSON document: ${told}`, { cause });
  }
  return { code, document, stderr: log, seconds: (performance.now() - started) / 1000 };
}
