/**
 * Makes fixtures/spools/3.6-virtdomains with the Cyrus 3.6.1 of this machine: users of two domains and of the
 * default domain. Run as root: `npx vite-node test/support/make-virtdomains-spool.ts`. The story is the same
 * each time; uniqueids, UIDVALIDITYs and dates of deliveries are new ones.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { CyrusServer } from './cyrus-server.js';
import type { ImapClient } from './imap-client.js';
import { internalDate, message } from './messages.js';

const NAME = '3.6-virtdomains';
const OUT = fileURLToPath(new URL('../../fixtures/spools/', import.meta.url));
const ANNA = 'anna@one.example';
const CAROL = 'carol.smith@one.example';
const BEN = 'ben@two.example';
const DORA = 'dora@two.example';
const PLAIN = 'plain';
const USERS = [ANNA, CAROL, BEN, DORA, PLAIN];

let letters = 0;

async function fill(client: ImapClient, mailbox: string, count: number, flags: readonly string[][] = [[]]) {
  for (let i = 0; i < count; i++) {
    const n = ++letters;
    await client.append(mailbox, message(n), { flags: flags[i % flags.length], internalDate: internalDate(n) });
  }
}

async function makeUser(server: CyrusServer, inbox: string, user: string, partition?: string) {
  await server.as('cyrus', (c) => c.create(inbox, partition));
  await server.as(user, async (c) => {
    for (const folder of ['Sent', 'Trash', 'Entw&APw-rfe', 'Archive', 'Archive/v1.2 notes']) {
      await c.create(`INBOX/${folder}`);
      await c.subscribe(`INBOX/${folder}`);
    }
    await fill(c, 'INBOX', 8, [[], ['\\Seen'], ['\\Flagged', 'work'], ['\\Answered', '\\Seen', '$Forwarded']]);
    await fill(c, 'INBOX/Sent', 4, [['\\Seen']]);
    await fill(c, 'INBOX/Archive/v1.2 notes', 5, [[], ['\\Seen', 'NonJunk']]);
    await c.unsubscribe('INBOX/Trash');
    await c.subscribe('INBOX');
  });
  await server.deliver([user], message(++letters)); // the first delivery makes #sieve
  const sieve = await server.sieve(user);
  await sieve.putScript(
    'main',
    'require ["fileinto"];\r\nif header :contains "subject" "x" { fileinto "INBOX/Sent"; }\r\n',
  );
  await sieve.putScript('unused', 'keep;\r\n');
  await sieve.setActive('main');
  sieve.close();
}

/** What users do to their mail, and the administrator to the domain. */
async function live(server: CyrusServer) {
  await server.as('cyrus', async (c) => {
    for (const [shared, partition] of [
      ['list@one.example', undefined],
      ['list/dev@one.example', 'p2'],
      ['board@two.example', undefined],
    ] as const) {
      await c.create(shared, partition);
      await c.setAcl(shared, 'anyone', 'lrsp');
    }
    await c.setAcl('list@one.example', ANNA, 'lrswipkxtea');
    await c.setAcl('board@two.example', BEN, 'lrswipkxtea');
    await c.setAcl('user/anna@one.example', CAROL, 'lrs');
    await c.setAcl('user/anna/Archive/v1.2 notes@one.example', 'ben@two.example', 'lrs');
    await c.setAcl('user/carol.smith/Sent@one.example', ANNA, 'lrst');
    await c.setQuota('user/carol.smith@one.example', 'STORAGE 20000 MESSAGE 1000');
    await c.setQuota('user/ben@two.example', 'STORAGE 10000');
    await c.setQuota('user/plain', 'STORAGE 9000 MESSAGE 900');
    await c.setMetadata('', '/shared/comment', 'a server of several domains');
    // not on mailboxes in domains: SETMETADATA of a global administrator there is an assertion that fails in
    // 3.6.1 (mboxlist.c 1088, user_isnamespacelocked) and ends the imapd
  });
  await server.as(ANNA, async (c) => {
    await fill(c, 'list', 5, [[], ['\\Flagged']]);
    await c.setMetadata('INBOX', '/shared/comment', 'Anna');
    await c.setMetadata('INBOX', '/private/comment', 'mine');
    await c.setMetadata('INBOX/Archive', '/private/comment', 'old things');
    await c.subscribe('list');
  });
  await server.as(BEN, async (c) => {
    await fill(c, 'board', 4, [[]]);
    await c.subscribe('board');
  });
  await server.as(CAROL, async (c) => {
    await c.setMetadata('user/anna', '/private/comment', "Carol's view of Anna's INBOX");
    await c.subscribe('user/anna');
    await c.select('user/anna');
    await c.store('1:3', '+FLAGS', ['\\Seen']); // seen state of another's mailbox
    await c.ok('UID STORE 2 ANNOTATION (/comment (value.priv "of one message"))');
    await c.close();
  });
  for (const user of USERS) {
    await server.as(user, async (c) => {
      await c.select('INBOX');
      await c.store('2,5', '+FLAGS', ['\\Deleted']);
      await c.expunge();
      await c.copy('1', 'INBOX/Archive');
      await c.store('3', '+FLAGS', ['\\Seen', 'later']);
      await c.close();
    });
  }
  await server.as('cyrus', async (c) => {
    await c.setAcl('user/anna/Trash@one.example', 'cyrus', 'lrswipkxtecda');
    await c.delete('user/anna/Trash@one.example');
    await c.create('user/goner@two.example');
    await c.setAcl('user/goner@two.example', 'cyrus', 'lrswipkxtecda');
    await fill(c, 'user/goner@two.example', 3);
    await c.delete('user/goner@two.example');
    await c.rename('user/ben/Archive@two.example', 'user/ben/Old things@two.example');
    await c.rename('user/carol.smith/Sent@one.example', 'user/carol.smith/Sent@one.example', 'default');
  });
}

const dir = mkdtempSync(join(tmpdir(), 'cyrsync-make-'));
chmodSync(dir, 0o755);
const server = CyrusServer.create({
  dir: join(dir, 's'),
  hash: 'full',
  partitions: ['default', 'p2'],
  meta: ['p2'],
  metaFiles: 'header index cache expunge',
  options: {
    virtdomains: 'userid',
    defaultdomain: 'zero.example',
    annotation_allow_undefined: 'yes',
    mailbox_legacy_dirs: 'yes',
    syslog_prefix: 'cyrus',
  },
});
try {
  for (const user of ['cyrus', ...USERS]) if (user !== 'cyrus') server.addUser(user, 'secret');
  await server.start();
  // the root of a whole domain: only mailboxes made after it belong to it
  await server.as('cyrus', (c) => c.setQuota('@one.example', 'STORAGE 50000 MESSAGE 5000'));
  await makeUser(server, 'user/anna@one.example', ANNA);
  await makeUser(server, 'user/carol.smith@one.example', CAROL, 'p2');
  await makeUser(server, 'user/plain', PLAIN);
  await server.stop();
  server.setOption('mailbox_legacy_dirs', 'no'); // from here on by uniqueid
  await server.start();
  await makeUser(server, 'user/ben@two.example', BEN);
  await makeUser(server, 'user/dora@two.example', DORA, 'p2');
  await live(server);
  await server.as('cyrus', async (c) => {
    for (const { name } of await c.list('DELETED/*')) await c.setAcl(name, 'cyrus', 'lrs');
  });
  const state = await server.imapState(USERS, { sieve: true });
  const again = await server.imapState(USERS, { sieve: true });
  if (JSON.stringify(state) !== JSON.stringify(again)) throw new Error('recording it changed what it shows');
  await server.stop();
  server.addUser('cyrus', 'secret');
  for (const file of ['imapd.conf', 'cyrus.conf']) {
    const path = join(server.dir, file);
    writeFileSync(path, readFileSync(path, 'latin1').replaceAll(server.dir, `/srv/old/${NAME}`), 'latin1');
  }
  rmSync(join(server.dir, 'master.log'));
  rmSync(join(server.dir, 'run/master.pid'), { force: true });
  writeFileSync(join(OUT, `${NAME}.state.json.gz`), gzipSync(JSON.stringify(state, undefined, 1), { level: 9 }));
  const planted = { root: `/srv/old/${NAME}`, planted: [], note: 'nothing was planted, no server was killed' };
  writeFileSync(join(OUT, `${NAME}.planted.json`), `${JSON.stringify(planted, undefined, 1)}\n`);
  const tarball = join(OUT, `${NAME}.tar.gz`);
  execFileSync('tar', [
    '-czf',
    tarball,
    '--numeric-owner',
    '--sort=name',
    '--exclude=./run/*/*',
    '-C',
    server.dir,
    '.',
  ]);
} catch (error) {
  console.error(server.log());
  throw error;
} finally {
  await server.stop();
  if (!process.env.CYRSYNC_KEEP) rmSync(dir, { recursive: true, force: true });
}
