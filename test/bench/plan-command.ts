/**
 * `cyrsync plan --as-seen` as a whole process: from the state's rows to the output. The state is made up: users with one
 * mailbox each, sizes as mail has them. Targets lie on /proc and /sys, file systems that say nothing of their room, so
 * that any number of users fits anywhere.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { State } from '../../src/state/state.js';
import { MAIN } from '../support/cyrsync.js';
import { randoms } from '../support/randoms.js';
import { measure, type Run } from './measure.js';

export interface PlannedAsProcess {
  readonly spread: number;
  readonly lowerBound: number;
  readonly after: readonly { readonly users: number }[];
}

/** A job whose state has seen so many users. @returns the job file */
export function makeSeenJob(dir: string, users: number, partitions: number): string {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(join(dir, 'old'), { recursive: true });
  const job = join(dir, 'job.toml');
  writeFileSync(
    join(dir, 'old.conf'),
    `configdirectory: ${dir}/old\ndefaultpartition: a\npartition-a: ${dir}/old/a\npartition-b: ${dir}/old/b\n`,
  );
  const roots = Array.from(
    { length: partitions },
    (_, p) => `partition-p${p}: ${p % 2 === 0 ? '/proc' : '/sys'}/none/p${p}\n`,
  );
  writeFileSync(join(dir, 'new.conf'), `configdirectory: ${dir}/new\ndefaultpartition: p0\n${roots.join('')}`);
  writeFileSync(
    job,
    `[source]\nimapd_conf = "${dir}/old.conf"\nversion = "3.0"\n[target]\nimapd_conf = "${dir}/new.conf"\nversion = "3.6"\nowner = "0"\ngroup = "0"\n[placement]\npolicy = "balance"\n`,
  );
  const random = randoms(7);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  function* sightings() {
    for (let u = 0; u < users; u++) {
      const files = Math.ceil(Math.exp(6 + 1.6 * normal()));
      const name = `user.u${String(u).padStart(8, '0')}`;
      const print = `${u.toString(16).padStart(40, '0')}`; // as long as real ones
      yield {
        name,
        uniqueid: `6f0c1b52-4a7e-4d11-9c3a-${u.toString(16).padStart(12, '0')}`,
        sourceKey: `${u % 3 === 0 ? 'b' : 'a'} ${name.replace('.', '/')}`,
        headerPrint: print,
        print: print + print + print,
        ...{ indexVersion: 13, uidvalidity: 1_700_000_000, lastUid: files, messages: files, files },
        bytes: Math.ceil(files * Math.exp(10 + 0.9 * normal())),
      };
    }
  }
  const state = new State(join(dir, 'job.state.sqlite'));
  state.mailboxes.sight(sightings());
  state.close();
  return job;
}

/** On one core. */
export async function planAsProcess(job: string): Promise<{ run: Run; plan: PlannedAsProcess }> {
  const argv = ['taskset', '-c', '0', process.execPath, MAIN, 'plan', '--as-seen', '--json', '--job', job];
  const run = await measure(argv);
  return { run, plan: JSON.parse(run.stdout) as PlannedAsProcess };
}
