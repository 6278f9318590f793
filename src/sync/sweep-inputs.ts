/** What the list of stats stands on (sweep-list.ts): where any of it changed, the next pass is a whole one. */
import { readdirSync } from 'node:fs';
import { VERSION } from '../base/version.js';
import { quotaDirectory } from '../cyrus/layout/config-paths.js';
import { fingerprintOf } from '../disk/file-stat.js';
import { ifThere, osPath } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import { databaseFile } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';

/** What all else of a pass follows from, apart from the mailboxes' own files. */
export interface Inputs {
  readonly program: string;
  readonly texts: readonly string[];
  readonly mailboxesDb: string;
  readonly quotaRoots: string;
}

/** @returns undefined where this source has something that stats can't vouch for. */
export function inputsOf(job: Job, trees: SourceTrees): Inputs | undefined {
  if (job.options.source.mailboxes_dump !== undefined) return undefined;
  const { conf } = job.source;
  const { dir, name } = databaseFile(conf, 'mailboxes', 'mailboxes.db');
  const stat = trees.root(dir)?.stat(name);
  if (!stat || conf.databases.quota.backend !== 'quotalegacy') return undefined;
  return {
    program: VERSION,
    texts: job.texts,
    mailboxesDb: fingerprintOf(stat),
    quotaRoots: quotaNames(job.source.real(quotaDirectory(conf))),
  };
}

/** Which quota roots there are; what they hold is no part of a pass. Their directories change with each delivery. */
function quotaNames(base: string): string {
  const out: string[] = [];
  const list = (path: string): string[] =>
    ifThere(() => readdirSync(osPath(path), { encoding: 'latin1' as BufferEncoding }).sort()) ?? [];
  const visit = (path: string, depth: number) => {
    for (const name of list(path)) {
      if (name.endsWith('.NEW')) continue; // one that is being replaced
      out.push(name);
      if (depth > 0) visit(`${path}/${name}`, depth - 1);
    }
    out.push('/');
  };
  visit(`${base}/quota`, 1);
  for (const hash of list(`${base}/domain`))
    for (const domain of list(`${base}/domain/${hash}`)) {
      out.push(domain);
      visit(`${base}/domain/${hash}/${domain}/quota`, 1);
    }
  return out.join('\n');
}
