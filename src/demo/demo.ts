/**
 * The whole of a migration with nothing set up: a bundled spool of a real Cyrus 3.2 goes, in two passes with a delivery
 * between them and a cutover, into the layout of a Cyrus 3.6. Each step is the command that an administrator would type.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CyrsyncError } from '../base/errors.js';
import { deliver } from './deliver.js';

const SPOOL = '3.2-netnews-plain';
const HERE = fileURLToPath(new URL('.', import.meta.url));

/** @param keep Directory to work in, which stays; without it a temporary one, which is named at the end and stays too. */
export function runDemo(keep: string | undefined, say: (text: string) => void): string {
  const dir = keep === undefined ? mkdtempSync(join(tmpdir(), 'cyrsync-demo-')) : resolve(keep);
  const old = join(dir, 'old', 'srv', 'old', SPOOL);
  const fresh = join(dir, 'new');
  mkdirSync(old, { recursive: true });
  execFileSync('tar', ['-xzf', join(HERE, '../../fixtures/demo', `${SPOOL}.tar.gz`), '-C', old, '--no-same-owner']);
  for (const part of ['conf', 'sieve', 'spool/n1', 'spool/n2']) mkdirSync(join(fresh, part), { recursive: true });
  const conf = join(fresh, 'imapd.conf');
  writeFileSync(conf, newConf(fresh));
  const job = join(dir, 'campus.toml');

  say(
    `A spool of Cyrus 3.2, as it lay on the old server, is in ${old}\nThe new server is a Cyrus 3.6 with fulldirhash and two partitions: ${conf}\n`,
  );
  const step = (...args: string[]) => command(say, [...args, '--job', job]);
  command(say, [
    'init',
    '--from',
    `/srv/old/${SPOOL}/imapd.conf`,
    '--from-root',
    join(dir, 'old'),
    '--to',
    conf,
    '--to-version',
    '3.6',
    '--job',
    job,
  ]);
  // Files belong to whoever runs the demo; on a real target they belong to cyrus.
  writeFileSync(
    job,
    readFileSync(job, 'utf8').replace(
      /^# owner = .*\n# group = .*$/m,
      `owner = "${process.getuid?.() ?? 0}"\ngroup = "${process.getgid?.() ?? 0}"`,
    ),
  );
  step('survey');
  step('plan');
  step('presync');
  const inbox = join(old, 'spool/default/user/3com');
  const uid = deliver(
    inbox,
    'From: demo@example.org\nTo: 3com@example.org\nSubject: between two passes\n\nHello.\n',
    Math.floor(Date.now() / 1000),
  );
  say(`--- meanwhile the old server delivers a message to user.3com: UID ${uid}\n`);
  step('presync');
  step('cutover');
  step('verify');
  say(
    `Look at:\n  ${old}        the old spool, untouched but for that delivery\n  ${fresh}/spool    the new one: n1 and n2, hashed by fulldirhash\n  ${fresh}/conf     mailboxes.db and the other databases of Cyrus 3.6\n  ${job}      the job file, with comments\nRemove it with: rm -r ${dir}`,
  );
  return dir;
}

function command(say: (text: string) => void, args: readonly string[]): void {
  say(`$ cyrsync ${args.join(' ')}`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(HERE, '../main.js'), ...args], {
    encoding: 'utf8',
  });
  say(`${stdout}${stderr}`);
  if (status !== 0 && status !== 3)
    throw new CyrsyncError(
      `cyrsync ${args[0]} ended with exit code ${status}`,
      'see its output above',
      'Report it as a defect.',
    );
}

function newConf(dir: string): string {
  return `configdirectory: ${dir}/conf
defaultpartition: n1
partition-n1: ${dir}/spool/n1
partition-n2: ${dir}/spool/n2
sievedir: ${dir}/sieve
hashimapspool: yes
fulldirhash: yes
unixhierarchysep: no
altnamespace: no
virtdomains: off
admins: cyrus
delete_mode: delayed
expunge_mode: delayed
`;
}
