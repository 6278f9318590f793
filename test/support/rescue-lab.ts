import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { runCyrsync } from './cyrsync.js';
import { type SpoolName, unpackSpool } from './spool.js';

const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

export interface Rescued {
  readonly directory: string | null;
  readonly messages: number;
  readonly written: number;
  readonly entries: readonly { file: string | null; guid: string; bytes: number; from: string[]; class: string }[];
  readonly mailboxes: readonly { name: string; messages: number }[];
}

/** A source, and an empty target that belongs to this process. */
export async function lab(name: SpoolName, migrate = '', rules = '') {
  const dir = mkdtempSync(join(tmpdir(), 'cyrsync-rescue-'));
  made.push(dir);
  const spool = await unpackSpool(name, join(dir, 'old'));
  for (const path of ['new/conf', 'new/spool/n1', 'new/sieve']) mkdirSync(join(dir, path), { recursive: true });
  const conf = join(dir, 'new/imapd.conf');
  const lines = ['admins: cyrus', 'defaultpartition: n1', 'unixhierarchysep: yes', 'virtdomains: off'];
  writeFileSync(
    conf,
    `configdirectory: ${dir}/new/conf\npartition-n1: ${dir}/new/spool/n1\nsievedir: ${dir}/new/sieve\n${lines.join('\n')}\n`,
  );
  const job = join(dir, 'job.toml');
  writeFileSync(
    job,
    `[source]\nimapd_conf = "${spool.confFile}"\nroot = "${spool.root}"\nversion = "${name.split('-')[0]}"\n` +
      `[target]\nimapd_conf = "${conf}"\nversion = "3.6"\nowner = "${process.getuid!()}"\ngroup = "${process.getgid!()}"\n` +
      `[migrate]\n${migrate}\n${rules}`,
  );
  const run = async (command: string, args: string[] = [], exit = [0, 3]) =>
    (await runCyrsync([command, ...args, '--job', job], { exit })).document;
  const cutover = async (...args: string[]) => (await run('cutover', args)).rescued as unknown as Rescued;
  const addRule = (text: string) => writeFileSync(job, `${readFileSync(job, 'utf8')}\n[[leftovers]]\n${text}\n`);
  return { dir, spool, job, run, cutover, addRule, rescued: join(dir, 'new/spool/n1-rescued') };
}
