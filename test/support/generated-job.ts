import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateSpool, type Owner, type SpoolSize, SpoolWriter } from '../bench/spool.js';
import { writeCyrusTree } from './cyrus-conf.js';
import { Job } from './job.js';

/**
 * Below `dir`: a generated spool of 3.0 in `old`, an empty target in `new`, all of whoever runs this, and a job from one
 * to the other. No Cyrus is needed.
 * @param conf Lines for the end of the old imapd.conf. @param owner Of what the target gets, where it is another.
 */
export function generatedJob(dir: string, size: SpoolSize, conf = '', owner?: Owner): { job: Job; spool: SpoolWriter } {
  const me = { uid: process.getuid!(), gid: process.getgid!() };
  const from = join(dir, 'old/imapd.conf');
  generateSpool(join(dir, 'old'), size, me, () => {});
  appendFileSync(from, conf);
  const spool = new SpoolWriter(join(dir, 'old'), readFileSync(from, 'utf8'), me);
  const { uid, gid } = owner ?? me;
  const options = { cyrus_user: String(uid), cyrus_group: String(gid) };
  const to = writeCyrusTree({ dir: join(dir, 'new'), options }, 'generated');
  return { job: new Job({ dir, from, to }), spool };
}
