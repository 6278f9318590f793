import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';

/** A process of a server's name, its program in `dir`, which holds `file` open. It runs a moment after this returns. */
export function startFakeServer(dir: string, name: string, file: string, args: readonly string[] = []): ChildProcess {
  const program = join(dir, name);
  copyFileSync('/bin/sleep', program);
  chmodSync(program, 0o755);
  // through a shell, so that the descriptor is open before the program starts
  return spawn('/bin/sh', ['-c', 'exec "$0" 60 3<"$1"', program, file, ...args], { stdio: 'ignore' });
}
