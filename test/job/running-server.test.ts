/** What of a running Cyrus can be seen from outside: processes of this host that bear a Cyrus program's name. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Side } from '../../src/job/job.js';
import { runningServer } from '../../src/job/running-server.js';
import { confOf } from '../cyrus/conf/conf-of.js';
import { startFakeServer } from '../support/fake-server.js';

let root: string;
const children: ChildProcess[] = [];
const servers: Server[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cyrsync-running-'));
  for (const dir of ['D/conf/proc', 'D/conf/socket', 'D/spool', 'bin']) mkdirSync(join(root, dir), { recursive: true });
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const server of servers.splice(0)) server.close();
  rmSync(root, { recursive: true, force: true });
});

function side(options: Readonly<Record<string, string>> = {}): Side {
  return { conf: confOf('3.6', options), prefix: root, real: (path) => root + path, texts: [] };
}

/** A process of that name, which holds `file` open. */
async function run(name: string, args: readonly string[] = [], file = '/dev/null'): Promise<ChildProcess> {
  const child = startFakeServer(join(root, 'bin'), name, file, args);
  children.push(child);
  await sleep(150);
  return child;
}

describe('a server is seen to run', () => {
  it('not where there is nothing of it', () => {
    expect(runningServer(side())).toEqual([]);
  });

  it('by a process that its proc directory names, not by what a crash left there', async () => {
    const imapd = await run('imapd');
    writeFileSync(join(root, 'D/conf/proc', `${imapd.pid}`), 'imap\tlocalhost\talice\n');
    writeFileSync(join(root, 'D/conf/proc/999999'), 'imap\tlocalhost\talice\n'); // no such process
    writeFileSync(join(root, 'D/conf/proc', `${process.pid}`), 'imap\tlocalhost\talice\n'); // one of another program now
    expect(runningServer(side())).toEqual([`/D/conf/proc/${imapd.pid}: process ${imapd.pid} (imapd) runs`]);
  });

  it('by the proc_path of its imapd.conf', async () => {
    const lmtpd = await run('lmtpd');
    mkdirSync(join(root, 'run/proc'), { recursive: true });
    writeFileSync(join(root, 'run/proc', `${lmtpd.pid}`), '');
    expect(runningServer(side({ proc_path: '/run/proc' }))).toHaveLength(1);
    expect(runningServer(side())).toEqual([]);
  });

  it.each([
    ['a message being read', 'D/spool/1.'],
    ['mailboxes.db', 'D/conf/mailboxes.db'],
    ['a script', 'D/sieve/x.bc'],
  ])('by a Cyrus program that has %s open', async (_, file) => {
    mkdirSync(join(root, 'D/sieve'), { recursive: true });
    writeFileSync(join(root, file), '');
    const squatter = await run('squatter', [], join(root, file));
    expect(runningServer(side())).toEqual([`process ${squatter.pid} (squatter) has ${join(root, file)} open`]);
  });

  it('not by another program, nor by a Cyrus of other directories', async () => {
    writeFileSync(join(root, 'D/conf/mailboxes.db'), '');
    mkdirSync(join(root, 'D/conf2'));
    writeFileSync(join(root, 'D/conf2/mailboxes.db'), '');
    await run('backup-tool', [], join(root, 'D/conf/mailboxes.db'));
    await run('imapd', [], join(root, 'D/conf2/mailboxes.db'));
    expect(runningServer(side())).toEqual([]);
  });

  it('by a database that imapd.conf has elsewhere', async () => {
    mkdirSync(join(root, 'fast'));
    writeFileSync(join(root, 'fast/mailboxes.db'), '');
    await run('ctl_cyrusdb', [], join(root, 'fast/mailboxes.db'));
    expect(runningServer(side({ mboxlist_db_path: '/fast/mailboxes.db' }))).toHaveLength(1);
  });

  it('by a socket that somebody listens on', async () => {
    const server = createServer();
    servers.push(server);
    const path = join(root, 'D/conf/socket/lmtp');
    await new Promise<void>((resolve) => server.listen(path, resolve));
    expect(runningServer(side())).toEqual([`a process listens on ${path}`]);
  });

  it('by a master with its imapd.conf, not by one with another', async () => {
    const master = join(root, 'bin/cyrus/master');
    mkdirSync(join(root, 'bin/cyrus'));
    writeFileSync(master, '#!/bin/sh\nwhile :; do sleep 0.2; done\n', { mode: 0o755 }); // bears the script's name
    const start = async (args: readonly string[]) => {
      const child = spawn(master, args, { stdio: 'ignore' });
      children.push(child);
      await sleep(150);
      return child;
    };
    const { conf, real } = side();
    await start(['-C', '/etc/other.conf']);
    expect(runningServer(side())).toEqual([]);
    const apart = await start(['-C', real(conf.file)]);
    const together = await start([`-C${real(conf.file)}`]);
    expect(runningServer(side()).sort()).toEqual(
      [apart, together].map(({ pid }) => `process ${pid} is a Cyrus master with ${conf.file}`).sort(),
    );
  });
});
