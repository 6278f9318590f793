/** The quota roots of the source, and which of them a mailbox belongs to. */

import { FormatError } from '../base/errors.js';
import { parseConfigPath, quotaDirectory, quotaFile } from '../cyrus/layout/config-paths.js';
import { type InternalName, type NameConf, splitDomain } from '../cyrus/names/mailbox-name.js';
import { parseQuota, type Quota } from '../cyrus/records/quota.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import { databaseFile, readSourceDatabase } from './read-mailboxes-db.js';

/** Every live quota root by internal name (`dom!` for a whole domain). A file in the wrong bucket is none. */
export function readQuotaRoots(job: Job, trees: SourceTrees, problems: ProblemList): Map<string, Quota> {
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
    for (const { key, value } of readSourceDatabase(trees.root(dir), name, conf.version) ?? [])
      take(key, value, `${dir}/${name}`);
    return roots;
  }
  const base = quotaDirectory(conf);
  const root = trees.root(base);
  const visit = (relative: string, depth: number): void => {
    const dir = root?.dir(relative);
    if (!dir) return;
    for (const { name, kind } of dir.list()) {
      const path = `${relative}/${name}`;
      if (kind === 'directory' && depth > 0) visit(path, depth - 1);
      if (kind !== 'file' || name.endsWith('.NEW')) continue;
      const file = parseConfigPath(path);
      if (file?.kind !== 'quota' || quotaFile(conf, file.root) !== path) continue;
      const bytes = dir.read(name);
      if (bytes) take(file.root, bytes.toString('latin1'), `${base}/${path}`);
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
  return roots;
}

/**
 * The longest root that is the mailbox or stands above it, within its domain; else the whole domain's, to which deleted
 * mailboxes of the domain belong as well (seen: 3.6.1 with a root on `one.example!`). Without domains deleted ones have
 * none, for no root stands above `DELETED`.
 * @see cyrus-imapd 3.6.1 imap/quota_db.c quota_findroot; reference cyrus-names-and-databases.md 7
 */
export function quotaRootOf(
  name: InternalName,
  roots: ReadonlyMap<string, unknown>,
  conf: NameConf,
): string | undefined {
  const { domain, rest } = splitDomain(name, conf);
  const prefix = domain === undefined ? '' : `${domain}!`;
  for (let at = rest; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.'))))
    if (roots.has(prefix + at)) return prefix + at;
  return domain !== undefined && roots.has(prefix) ? prefix : undefined;
}
