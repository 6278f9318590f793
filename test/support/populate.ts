import type { CyrusServer } from './cyrus-server.js';
import { internalDate, message } from './messages.js';

const BY_NAME = ['alice', 'carol.smith', 'oldname'];
const BY_UNIQUEID = ['bob', 'dave'];
/** Users whose clients are at work; `oldname` sleeps, to be renamed. */
export const BUSY: readonly string[] = ['alice', 'carol.smith', 'bob', 'dave'];

/**
 * Starts a server of the partitions default and p2 and fills it: users made while mailboxes were stored by name
 * (mailbox_legacy_dirs), later ones by uniqueid, shared mailboxes, quota roots, scripts, one user's seen state of
 * another. It runs when this comes back.
 */
export async function populate(server: CyrusServer): Promise<void> {
  server.setOption('mailbox_legacy_dirs', 'yes');
  await server.start();
  for (const user of BY_NAME) await makeUser(server, user, user === 'carol.smith' ? 'p2' : 'default');
  await server.stop();
  server.setOption('mailbox_legacy_dirs', 'no');
  await server.start();
  for (const user of BY_UNIQUEID) await makeUser(server, user, user === 'dave' ? 'p2' : 'default');
  await server.as('cyrus', async (c) => {
    await c.create('news');
    await c.create('news/local', 'p2');
    for (const name of ['news', 'news/local']) await c.setAcl(name, 'anyone', 'lrsip');
    await c.setQuota('user/alice', 'STORAGE 500000 MESSAGE 50000');
    await c.setQuota('user/dave', 'STORAGE 500000');
    await c.setQuota('news', 'MESSAGE 5000');
    await c.setMetadata('', '/shared/comment', 'the old server');
    await c.create('user/goner');
    await c.setAcl('user/goner', 'cyrus', 'lrswipkxtecda');
    await c.append('user/goner', message(1));
  });
  await server.as('alice', async (c) => {
    for (let i = 1; i <= 6; i++) await c.append('news', message(500 + i), { internalDate: internalDate(i) });
    await c.setAcl('INBOX', 'bob', 'lrs');
    await c.subscribe('news');
  });
  await server.as('bob', async (c) => {
    await c.select('user/alice');
    await c.store('1:4', '+FLAGS', ['\\Seen']);
    await c.subscribe('user/alice');
    await c.select('news'); // no traffic there: these stay
    await c.store('1:4', '+FLAGS', ['\\Seen']);
  });
}

async function makeUser(server: CyrusServer, user: string, partition: string): Promise<void> {
  await server.as('cyrus', (c) => c.create(`user/${user}`, partition));
  await server.as(user, async (c) => {
    for (const folder of ['Sent', 'Trash', 'Archive', 'Archive/2019', 'Caf&AOk-', 'v1.2 notes']) {
      await c.create(`INBOX/${folder}`);
      await c.subscribe(`INBOX/${folder}`);
      for (let i = 1; i <= 5; i++) {
        await c.append(`INBOX/${folder}`, message(i * 31 + user.length), {
          internalDate: internalDate(i),
          flags: i % 2 ? ['\\Seen'] : [],
        });
      }
    }
    for (let i = 1; i <= 20; i++) await c.append('INBOX', message(i), { flags: i % 4 ? [] : ['\\Flagged', 'work'] });
  });
  await server.deliver([user], message(77)); // makes #sieve, which would else come with the recording
  const sieve = await server.sieve(user);
  await sieve.putScript(
    'main',
    'require ["fileinto"];\r\nif header :contains "subject" "zzz" { fileinto "INBOX/Sent"; }\r\n',
  );
  await sieve.setActive('main');
  sieve.close();
}
