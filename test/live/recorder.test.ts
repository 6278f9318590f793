import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { liveTest } from '../support/live-test.js';
import { MailTraffic } from '../support/mail-traffic.js';
import { BUSY, populate } from '../support/populate.js';
import { readConfOptions, spoolState } from '../support/spool.js';
import { requireSame } from '../support/state-diff.js';

// The state was recorded by another program (Python, imaplib) from the server that wrote the spool.
liveTest('what our recorder sees of an untouched 3.6 spool is what was recorded of it', async (live) => {
  const spool = await live.unpack('3.6-uuid-archive');
  const old = readConfOptions(join(spool.dir, 'imapd.conf'));
  const options = Object.fromEntries(
    ['unixhierarchysep', 'altnamespace', 'annotation_allow_undefined'].map((key) => [key, old.get(key) ?? 'no']),
  );
  const archive = { archiveAfter: '1d', archivePartitions: ['default'] };
  const server = live.server('server', { hash: 'basic', partitions: ['default', 'p2'], ...archive, options });
  for (const d of ['conf', 'spool', 'archive', 'sieve']) {
    cpSync(join(spool.dir, d), join(server.dir, d), {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
    });
  }
  server.ownAll();
  await server.start();
  const recorded = spoolState(spool.name);
  requireSame(recorded, await server.imapState(Object.keys(recorded.users), { sieve: true }));
  await server.stop();
  expect(server.isRunning).toBe(false);
  // nothing of it is left: no process has the configuration in its arguments
  expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'latin1' })).not.toContain(server.confFile);
});

liveTest('a server shows the same after a restart: recording changes nothing that is recorded', async (live) => {
  const server = live.server('server', {
    hash: 'none',
    partitions: ['default', 'p2'],
    meta: ['p2'],
    metaFiles: 'header index cache expunge',
    options: { annotation_allow_undefined: 'yes' },
  });
  await populate(server);
  await new MailTraffic(server, BUSY).untilAll();
  const before = await server.imapState([...BUSY, 'oldname'], { sieve: true });
  await server.stop();
  await server.start();
  requireSame(before, await server.imapState([...BUSY, 'oldname'], { sieve: true }));
});
