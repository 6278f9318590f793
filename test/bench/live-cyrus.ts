/** A real Cyrus over a generated spool: does it take it, and what do its clients feel of a pass? */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CyrusServer } from '../support/cyrus-server.js';
import type { ImapClient } from '../support/imap-client.js';
import { CYRSYNC, type Lab, RSYNC, runTool, SourceSpool, Target, type Tool } from './lab.js';
import { setupOf, userOfMailbox } from './spool.js';
import { table } from './table.js';

/** Its own file: the server converts what it opens. */
function liveSource(lab: Lab, mailboxes: number, messages: number): SourceSpool {
  return new SourceSpool(join(lab.work, 'live'), { mailboxes, messages, meanBytes: 10_000 });
}

export async function accept(lab: Lab): Promise<string> {
  const source = liveSource(lab, 30, 20);
  source.image.remove();
  source.open(lab.say);
  const server = CyrusServer.create(setupOf(source.dir));
  try {
    await server.start();
    const said = server.tool('reconstruct', ['-n', '-G', '-r', 'user/*']);
    const complaints = said.split('\n').filter((line) => line !== '' && !line.startsWith('user/'));
    const user = userOfMailbox(0);
    const exists = await server.as(user, async (client) => {
      const { untagged } = await client.select('INBOX');
      await client.command('UID FETCH 1:* (ENVELOPE BODYSTRUCTURE RFC822.SIZE)');
      return untagged.find(({ name }) => name === 'EXISTS')?.number;
    });
    return `reconstruct -n -G: ${complaints.length === 0 ? 'nothing to mend' : complaints.join('\n')}; INBOX of ${user} has ${exists} messages\nquota: ${server.tool('quota').split('\n')[1]}`;
  } finally {
    await server.stop();
    source.image.remove();
  }
}

/** Answers of one client that reads mail at some pace, in milliseconds, until told to stop. */
async function readMail(client: ImapClient, messages: number, until: () => boolean): Promise<number[]> {
  const folders = ['INBOX', 'INBOX/Sent', 'INBOX/Work', 'INBOX/Lists'];
  const took: number[] = [];
  for (let n = 0; !until(); n++) {
    const uid = 1 + ((n * 7919) % messages);
    for (const command of [
      `SELECT ${folders[n % folders.length]}`,
      'UID FETCH 1:* (FLAGS)',
      `UID FETCH ${uid} (ENVELOPE BODY.PEEK[])`,
      `UID STORE ${uid} +FLAGS.SILENT (\\Flagged)`,
    ]) {
      const begun = performance.now();
      await client.command(command);
      took.push(performance.now() - begun);
    }
    await sleep(5);
  }
  return took;
}

function percentile(numbers: readonly number[], p: number): number {
  return [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * p))]!;
}

export async function latency(lab: Lab): Promise<string> {
  const messages = 100;
  const source = liveSource(lab, Math.round(3000 * lab.scale), messages);
  source.image.remove();
  source.open(lab.say);
  const server = CyrusServer.create(setupOf(source.dir));
  const target = new Target(lab.images, lab.work, 'live');
  const rows: string[][] = [];
  try {
    await server.start();
    const users = [0, 10, 20].map(userOfMailbox);
    const clients = await Promise.all(users.map((user) => server.login(user)));
    for (const client of clients) await readMail(client, messages, once()); // indexes are converted at the first use
    const round = async (name: string, work: () => Promise<unknown>): Promise<void> => {
      let done = false;
      const readers = clients.map((client) => readMail(client, messages, () => done));
      await work();
      done = true;
      const took = (await Promise.all(readers)).flat();
      const of = (p: number) => percentile(took, p).toFixed(2);
      rows.push([name, String(took.length), of(0.5), of(0.99), of(0.999), Math.max(...took).toFixed(2)]);
      lab.say(rows.at(-1)!.join('  '));
    };
    const pass = (tool: Tool) => runTool(tool, source, target);
    for (let n = 0; n < (lab.runs ?? 2); n++) {
      await round('no pass', () => sleep(10_000 * Math.max(lab.scale, 0.3)));
      for (const tool of [RSYNC, CYRSYNC]) {
        target.make(source.size); // removes the last one, and disks feel that: before answers are looked at
        if (tool === CYRSYNC) target.init(source, '3.6');
        await round(`first copy, ${tool.name}`, () => pass(tool));
        await round(`later pass, ${tool.name}`, async () => {
          for (const end = Date.now() + 3000; Date.now() < end; ) await pass(tool);
        });
      }
    }
    for (const client of clients) await client.logout();
  } finally {
    await server.stop();
    target.remove();
    source.image.remove();
  }
  return table(['', 'answers', 'median ms', 'p99 ms', 'p99.9 ms', 'longest ms'], rows);
}

function once(): () => boolean {
  let calls = 0;
  return () => calls++ >= 20;
}
