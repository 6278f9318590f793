/**
 * How fast the installed Cyrus makes anew what a cutover leaves to it: the figures of src/databases/derived.ts. That of
 * Xapian is from the batches that `squatter -v` reports: over this spool 3.6.1 did not come to an end with it in 300 s.
 * As root: `npx vite-node test/bench/derived-rates.ts DIR` (DIR is made, and removed).
 */
import { mkdirSync, rmSync } from 'node:fs';
import { CyrusServer } from '../support/cyrus-server.js';
import { OWNER } from './lab.js';
import { generateSpool, setupOf } from './spool.js';

const SIZE = { mailboxes: 40, messages: 500, meanBytes: 10_000 };
const messages = SIZE.mailboxes * SIZE.messages;

const [dir = '/tmp/cyrsync-rates'] = process.argv.slice(2);
rmSync(dir, { recursive: true, force: true });
mkdirSync(dir, { recursive: true });

const server = CyrusServer.create(setupOf(dir));
generateSpool(dir, SIZE, OWNER, () => undefined);
server.setOption('conversations', 'yes');
server.ownAll();
server.tool('ctl_cyrusdb', ['-r']);

function time(what: string, unit: string, units: number, act: () => void): void {
  const begun = performance.now();
  act();
  const seconds = (performance.now() - begun) / 1000;
  console.log(`${what}: ${seconds.toFixed(1)} s, ${Math.round(units / seconds)} ${unit} a second`);
}

time('ctl_conversationsdb -b -r', 'messages', messages, () => server.tool('ctl_conversationsdb', ['-b', '-r']));
const bytes = messages * SIZE.meanBytes;
server.setOption('search_engine', 'squat');
time('squatter (squat)', 'bytes', bytes, () => server.tool('squatter', []));
rmSync(dir, { recursive: true, force: true });
