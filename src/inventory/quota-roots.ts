/** The quota roots of the source, and which of them a mailbox belongs to. */

import { FormatError } from '../base/errors.js';
import { parseConfigPath, quotaDirectory, quotaFile } from '../cyrus/layout/config-paths.js';
import { asInternalName, type InternalName, type NameConf, splitDomain } from '../cyrus/names/mailbox-name.js';
import { parseQuota, type Quota } from '../cyrus/records/quota.js';
import { fingerprintOf } from '../disk/file-stat.js';
import type { SourceDir } from '../disk/source.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { Inventory } from './inventory.js';
import { databaseFile, neededEntries } from './read-mailboxes-db.js';

/**
 * Every live quota root by internal name (`dom!` for a whole domain). A file in the wrong bucket is none.
 * @param prints Is given what {@link quotaPrints} says, of each file from before it was read.
 */
export function readQuotaRoots(
  job: Pick<Job, 'source'>,
  trees: SourceTrees,
  problems: ProblemList,
  prints?: Map<string, string>,
): Map<string, Quota> {
  const { conf } = job.source;
  const roots = new Map<string, Quota>();
  const take = (root: string, text: string, path: string): void => {
    try {
      const quota = parseQuota(text, path);
      if (quota) roots.set(root, quota);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      problems.add({
        code: 'quota-damaged',
        message: error.message,
        advice: 'Set the limit of this root again on the target; its usage is computed anyway.',
        path,
      });
    }
  };
  if (conf.databases.quota.backend !== 'quotalegacy') {
    const { dir, name } = databaseFile(conf, 'quota', 'quotas.db');
    prints?.set(`${dir}/${name}`, fingerprintOf(trees.root(dir)?.stat(name)));
    for (const { key, value } of neededEntries(trees, conf, 'quota', 'quotas.db')) take(key, value, `${dir}/${name}`);
    return roots;
  }
  const base = quotaDirectory(conf);
  visitQuotaFiles(job, trees, (root, path, dir, name) => {
    prints?.set(`${base}/${path}`, fingerprintOf(dir.stat(name)));
    const bytes = dir.read(name);
    if (bytes) take(root, bytes.toString('latin1'), `${base}/${path}`);
  });
  return roots;
}

/** Which quota roots there are, by name; of what they say only that it is not nothing. */
export function quotaRootNames(job: Job, trees: SourceTrees): Set<string> {
  const { conf } = job.source;
  if (conf.databases.quota.backend !== 'quotalegacy') {
    const entries = neededEntries(trees, conf, 'quota', 'quotas.db');
    return new Set(entries.filter(({ value }) => !isNothing(value)).map(({ key }) => key));
  }
  const names = new Set<string>();
  visitQuotaFiles(job, trees, (root, _, dir, name) => {
    const isShort = (dir.sizeOf(name) ?? 0) < SHORTEST_BYTES;
    if (!isShort || !isNothing(dir.read(name)?.toString('latin1') ?? '')) names.add(root);
  });
  return names;
}

/**
 * Fingerprints of what {@link readQuotaRoots} reads, by path: where one is new, gone or other, somebody has changed a
 * limit or delivered mail since.
 */
export function quotaPrints(job: Job, trees: SourceTrees): Map<string, string> {
  const { conf } = job.source;
  if (conf.databases.quota.backend !== 'quotalegacy') {
    const { dir, name } = databaseFile(conf, 'quota', 'quotas.db');
    return new Map([[`${dir}/${name}`, fingerprintOf(trees.root(dir)?.stat(name))]]);
  }
  const prints = new Map<string, string>();
  const base = quotaDirectory(conf);
  visitQuotaFiles(job, trees, (_, path, dir, name) => prints.set(`${base}/${path}`, fingerprintOf(dir.stat(name))));
  return prints;
}

/** Of a root that has neither use nor limit: `0`, newline, `0`. */
const SHORTEST_BYTES = 3;

function isNothing(value: string): boolean {
  return /^[\s\0]*$/.test(value);
}

/** Every file of quotalegacy that lies in its own bucket. */
function visitQuotaFiles(
  job: Pick<Job, 'source'>,
  trees: SourceTrees,
  onFile: (root: string, path: string, dir: SourceDir, name: string) => void,
): void {
  const { conf } = job.source;
  const root = trees.root(quotaDirectory(conf));
  const visit = (relative: string, depth: number): void => {
    const dir = root?.dir(relative);
    if (!dir) return;
    for (const { name, kind } of dir.list()) {
      const path = `${relative}/${name}`;
      if (kind === 'directory' && depth > 0) visit(path, depth - 1);
      if (kind !== 'file' || name.endsWith('.NEW')) continue;
      const file = parseConfigPath(path);
      if (file?.kind === 'quota' && quotaFile(conf, file.root) === path) onFile(file.root, path, dir, name);
    }
    dir.close();
  };
  visit('quota', 1);
  const domains = root?.dir('domain');
  for (const hash of domains?.list() ?? []) {
    const dir = root?.dir(`domain/${hash.name}`);
    for (const domain of dir?.list() ?? []) visit(`domain/${hash.name}/${domain.name}/quota`, 1);
    dir?.close();
  }
  domains?.close();
}

/** The source's roots of those who come along, and those above them that they share with others, such as a domain's. */
export function chosenQuotaRoots(
  job: Job,
  trees: SourceTrees,
  { mailboxes, selection }: Inventory,
  problems: ProblemList,
  prints?: Map<string, string>,
): Map<string, Quota> {
  const roots = readQuotaRoots(job, trees, problems, prints);
  const chosen = new Map([...roots].filter(([root]) => selection.takes(asInternalName(root))));
  if (chosen.size === roots.size) return chosen;
  for (const { name } of mailboxes) {
    const root = quotaRootOf(name, roots, job.source.conf);
    if (root !== undefined) chosen.set(root, roots.get(root)!);
  }
  return chosen;
}

/**
 * The longest root that is the mailbox or stands above it, within its domain; else the whole domain's, to which deleted
 * mailboxes of the domain belong as well (seen: 3.6.1 with a root on `one.example!`). Without domains deleted ones have
 * none, for no root stands above `DELETED`.
 * @see cyrus-imapd 3.6.1 imap/quota_db.c quota_findroot; reference cyrus-names-and-databases.md 7
 */
export function quotaRootOf(
  name: InternalName,
  roots: { has(root: string): boolean },
  conf: NameConf,
): string | undefined {
  const { domain, rest } = splitDomain(name, conf);
  const prefix = domain === undefined ? '' : `${domain}!`;
  for (let at = rest; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.'))))
    if (roots.has(prefix + at)) return prefix + at;
  return domain !== undefined && roots.has(prefix) ? prefix : undefined;
}
