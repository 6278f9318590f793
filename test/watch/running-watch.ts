import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WatchStatus } from '../../src/model/watch-status.js';
import { readWatchStatus } from '../../src/watch/status-file.js';
import { type CyrsyncDocument, MAIN } from '../support/cyrsync.js';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly document: CyrsyncDocument | undefined;
  readonly stderr: string;
}

/** So quick that a test need not wait. */
export const QUICK = ['--quiet-time', '0.3', '--at-most-every', '0.5', '--max-delay', '5', '--sweep-percent', '50'];

/** `cyrsync watch` as a process of its own. */
export class RunningWatch {
  readonly ended: Promise<Ended>;
  readonly process: ChildProcess;
  readonly #stateFile: string;
  #end: Ended | undefined;
  #stderr = '';

  /** @param env Beside this process's own. */
  constructor(
    jobFile: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
    command = [process.execPath, MAIN],
  ) {
    this.#stateFile = jobFile.replace(/\.toml$/, '.state.sqlite');
    const [program, ...first] = command;
    const child = spawn(program!, [...first, 'watch', '--job', jobFile, '--json', ...QUICK, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = child;
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        const document = out === '' ? undefined : (JSON.parse(out) as CyrsyncDocument);
        this.#end = { code, signal, document, stderr: this.#stderr };
        resolve(this.#end);
      });
    });
  }

  get stderr(): string {
    return this.#stderr;
  }

  status(): WatchStatus | undefined {
    const read = readWatchStatus(this.#stateFile);
    return read?.isRunning && read.status.pid === this.process.pid ? read.status : undefined;
  }

  /** Waits for a status. @throws where that takes too long, or it has ended */
  async until(what: string, isSo: (status: WatchStatus) => boolean, limitMs = 60_000): Promise<WatchStatus> {
    for (const end = Date.now() + limitMs; ; await sleep(50)) {
      const status = this.status();
      if (status && isSo(status)) return status;
      if (this.#end || Date.now() > end)
        throw new Error(`never ${what}: ${JSON.stringify(this.#end ?? status)}\n${this.#stderr.slice(-3000)}`);
    }
  }

  /** Until a sweep that began after now finds nothing left to do. */
  async caughtUp(limitMs?: number): Promise<WatchStatus> {
    const now = Date.now();
    return this.until(
      'caught up',
      ({ doing, dirty, lagSeconds, sweep }) =>
        doing === 'following' && dirty === 0 && lagSeconds === 0 && Date.parse(sweep.lastAt ?? '') > now,
      limitMs,
    );
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.process.kill(signal);
    return this.ended;
  }
}
