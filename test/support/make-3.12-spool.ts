/**
 * Makes fixtures/spools/3.12-mixed with a Cyrus 3.12 in a chroot (test/matrix/make-chroots.sh): what `populate` fills,
 * by name and by uniqueid, and what users and the administrator do to it. Run as root:
 * `npx vite-node test/support/make-3.12-spool.ts /tmp/chroots/forky`. The story is the same each time.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { CyrusServer } from './cyrus-server.js';
import { internalDate, message } from './messages.js';
import { populate } from './populate.js';

const NAME = '3.12-mixed';
const OUT = fileURLToPath(new URL('../../fixtures/spools/', import.meta.url));
const USERS = ['alice', 'carol.smith', 'new.name', 'bob', 'dave'];

async function live(server: CyrusServer): Promise<void> {
  await server.as('cyrus', async (c) => {
    await c.rename('user/oldname', 'user/new.name');
    await c.rename('user/alice/Archive', 'user/alice/Old things');
    await c.rename('user/bob/Sent', 'user/bob/Sent', 'p2');
    await c.setQuota('user/bob', 'STORAGE 500000 MESSAGE 5000 MAILBOX 100 ANNOTATION-STORAGE 1000');
    await c.setMetadata('news', '/shared/vendor/cmu/cyrus-imapd/sharedseen', 'true');
    await c.setMetadata('news', '/shared/comment', 'Neues "und" \\ mehr');
    await c.delete('user/goner');
    await c.setAcl('news/local', '-bob', 'w');
  });
  for (const user of USERS)
    await server.as(user, async (c) => {
      await c.ok('CREATE INBOX/Junk (USE (\\Junk))');
      await c.setMetadata('INBOX', '/private/comment', `${user}'s own`);
      await c.select('INBOX');
      await c.ok('UID STORE 3 ANNOTATION (/comment (value.priv "mine" value.shared "everyone\'s"))');
      await c.copy('1:3', 'INBOX/Sent');
      await c.store('2,5', '+FLAGS', ['\\Deleted']);
      await c.expunge();
      await c.store('7', '+FLAGS', ['$Forwarded', 'later']);
      await c.close();
      await c.append('INBOX/Sent', message(900), { internalDate: internalDate(900) });
      await c.delete('INBOX/v1.2 notes'); // subscribed to still
    });
  await server.as('dave', async (c) => {
    await c.select('news');
    await c.store('2', '+FLAGS', ['\\Seen']);
    await c.close();
  });
  server.tool('cyr_expire', ['-E', '1', '-A', '1d']);
  server.tool('cyr_deny', ['oldname']);
  await server.as('cyrus', async (c) => {
    for (const { name } of await c.list('DELETED/*')) await c.setAcl(name, 'cyrus', 'lrs');
  });
}

const root = process.argv[2]!;
const dir = mkdtempSync(join(root, 'tmp/cyrsync-make-'));
chmodSync(dir, 0o755);
const server = CyrusServer.create({
  root,
  dir: join(dir.slice(root.length), 's'),
  hash: 'full',
  partitions: ['default', 'p2'],
  meta: ['p2'],
  metaFiles: 'header index cache annotations',
  archiveAfter: '1d',
  archivePartitions: ['default'],
  options: { conversations: 'yes', annotation_allow_undefined: 'yes', syslog_prefix: 'cyrus' },
});
try {
  await populate(server);
  await live(server);
  await server.imapState(USERS, { sieve: true }); // the first login by ManageSieve makes #sieve
  const state = await server.imapState(USERS, { sieve: true });
  await server.stop();
  server.addUser('cyrus', 'secret');
  for (const file of ['imapd.conf', 'cyrus.conf']) {
    const path = join(server.realDir, file);
    writeFileSync(path, readFileSync(path, 'latin1').replaceAll(server.dir, `/srv/old/${NAME}`), 'latin1');
  }
  for (const file of ['master.log', 'run/master.pid']) rmSync(join(server.realDir, file), { force: true });
  writeFileSync(join(OUT, `${NAME}.state.json.gz`), gzipSync(JSON.stringify(state, undefined, 1), { level: 9 }));
  const planted = {
    root: `/srv/old/${NAME}`,
    planted: ['conversations', 'counters', 'dav', 'sub'].map((suffix) => ({
      kind: 'stale-user-file-left-by-the-server',
      paths: [`conf/user/F/oldname.${suffix}`],
    })),
    empty_directories_left_by_the_server: ['spool/default/F', 'archive/default/F'], // of oldname
    note: 'nothing was planted, no server was killed; RENAME of a whole user left his files',
  };
  writeFileSync(join(OUT, `${NAME}.planted.json`), `${JSON.stringify(planted, undefined, 1)}\n`);
  const tarball = join(OUT, `${NAME}.tar.gz`);
  const pack = ['--numeric-owner', '--sort=name', '--exclude=./run/*/*', '--exclude=./conf/socket/*'];
  execFileSync('tar', ['-czf', tarball, ...pack, '-C', server.realDir, '.']);
} catch (error) {
  console.error(server.log());
  throw error;
} finally {
  await server.stop();
  if (!process.env.CYRSYNC_KEEP) rmSync(dir, { recursive: true, force: true });
}
