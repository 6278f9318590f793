import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { liveTest } from '../support/live-test.js';
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
