import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.js';
import { ServiceManager } from '../../src/watch/service-manager.js';
import { generatedJob } from '../support/generated-job.js';
import { RunningWatch } from './running-watch.js';

/** What a manager does: binds a datagram socket, prints each message on a line. */
const LISTEN = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
path = sys.argv[1]
s.bind('\\0' + path[1:] if path[0] == '@' else path)
print('bound', flush=True)
while True: print(s.recv(4096).decode().replace('\\n', '|'), flush=True)
`;

const hasPython = spawnSync('python3', ['--version']).status === 0;

let dir: string;
let listener: ChildProcess | undefined;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'cyrsync-notify-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
afterEach(() => listener?.kill('SIGKILL'));

async function listen(path: string): Promise<string[]> {
  const child = spawn('python3', ['-c', LISTEN, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  listener = child;
  const lines: string[] = [];
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop()!;
    lines.push(...parts);
  });
  while (lines.length === 0) await sleep(10);
  return lines;
}

describe.skipIf(!hasPython)('systemd', () => {
  it.each(['path', 'abstract'])('is told by a socket: %s', async (kind) => {
    const path = kind === 'path' ? join(dir, 'notify') : `@cyrsync-test-${process.pid}`;
    const lines = await listen(path);
    const manager = new ServiceManager({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '90000' }, silentLog);
    manager.ready('first');
    manager.status('one\nline');
    manager.status('too soon');
    await sleep(200);
    manager.stopping();
    await sleep(100);
    const beats = lines.filter((line) => line === 'WATCHDOG=1').length;
    expect(lines.filter((line) => line !== 'WATCHDOG=1')).toEqual([
      'bound',
      'READY=1|STATUS=first',
      'STATUS=one line',
      'STOPPING=1',
    ]);
    expect(beats).toBeGreaterThanOrEqual(3);
  });

  it('does not hear a watchdog that is for another process, and its absence is said once', async () => {
    const said: string[] = [];
    const log = { ...silentLog, warn: (event: string) => void said.push(event) };
    const path = join(dir, 'nobody');
    const manager = new ServiceManager({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '30000', WATCHDOG_PID: '1' }, log);
    await sleep(100);
    expect(said).toEqual([]);
    manager.ready('first');
    manager.stopping();
    expect(said).toEqual(['the service manager can not be told']);
  });

  it('hears from a watch that starts, copies within a limit that holds copies up for seconds, and stops', {
    timeout: 60_000,
  }, async () => {
    const { job, spool } = generatedJob(dir, { mailboxes: 10, messages: 1, meanBytes: 800 });
    await job.presync();
    const path = join(dir, 'notify-watch');
    expect(existsSync(path)).toBe(false);
    const lines = await listen(path);
    const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '300000' };
    const watch = new RunningWatch(job.file, ['--hints', 'sweep', '--bwlimit', '10K'], env);
    try {
      await watch.caughtUp();
      for (let n = 0; n < 8; n++) spool.append(3, 1000 + n, 8000);
      const before = lines.length;
      const begun = Date.now();
      await watch.until('copied', ({ copied }) => copied.messages === 8);
      const seconds = (Date.now() - begun) / 1000;
      expect(seconds).toBeGreaterThan(3);
      const beats = lines.slice(before).filter((line) => line === 'WATCHDOG=1').length;
      expect(beats).toBeGreaterThan(seconds * 5); // ten a second, were nothing else to do here
      expect((await watch.stop()).code).toBe(130);
      await sleep(50);
      expect(lines[1]).toBe('READY=1|STATUS=the first pass');
      expect(lines.some((line) => line.startsWith('STATUS=following 10 mailboxes'))).toBe(true);
      expect(lines.at(-1)).toBe('STOPPING=1');
    } finally {
      await watch.stop('SIGKILL');
    }
  });
});
