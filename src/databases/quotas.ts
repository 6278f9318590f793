/** Quota roots for the target: limits kept, usage summed from the indexes that lie there. */

import { writeDatabase } from '../cyrus/db/database.js';
import { quotaDirectory, quotaFile } from '../cyrus/layout/config-paths.js';
import { isWrapped, printQuotaFile, printQuotaValue, type Quota, type QuotaResource } from '../cyrus/records/quota.js';
import { quotaRootOf } from '../inventory/quota-roots.js';
import { databaseFile } from '../inventory/read-mailboxes-db.js';
import type { Job } from '../job/job.js';
import type { ConfigWriters } from './config-writer.js';
import { sortOf, writableBackend } from './mailboxes-db.js';
import type { Migrated } from './migrated.js';
import type { QuotaCorrection } from './report.js';

/** Each root's limits as recorded, its usage as the indexes say; and where the record was wrong. */
export function computeQuotas(
  job: Job,
  roots: ReadonlyMap<string, Quota>,
  migrated: Migrated,
): { quotas: Map<string, Quota>; corrected: QuotaCorrection[] } {
  const sums = new Map<string, Record<QuotaResource, bigint>>();
  for (const root of roots.keys())
    sums.set(root, { STORAGE: 0n, MESSAGE: 0n, 'X-ANNOTATION-STORAGE': 0n, 'X-NUM-FOLDERS': 0n });
  for (const { mailbox, index } of migrated.mailboxes) {
    const root = quotaRootOf(mailbox.name, roots, job.source.conf);
    const sum = root === undefined ? undefined : sums.get(root);
    if (!sum) continue;
    sum.STORAGE += BigInt(index.quotaUsedBytes);
    sum.MESSAGE += BigInt(index.exists);
    sum['X-ANNOTATION-STORAGE'] += BigInt(index.quotaAnnotUsed);
    sum['X-NUM-FOLDERS'] += 1n;
  }
  const quotas = new Map<string, Quota>();
  const corrected: QuotaCorrection[] = [];
  for (const [root, recorded] of roots) {
    const sum = sums.get(root)!;
    const resources: Quota['resources'] = {};
    for (const resource of Object.keys(sum) as QuotaResource[]) {
      const was = recorded.resources[resource];
      const actual = sum[resource];
      resources[resource] = { used: actual, limit: was?.limit };
      if (was && was.used !== actual)
        corrected.push({ root, resource, recorded: was.used, actual, wrapped: isWrapped(was.used, actual) });
    }
    quotas.set(root, { resources, modseq: recorded.modseq });
  }
  return { quotas, corrected };
}

export function writeQuotas(
  job: Job,
  quotas: ReadonlyMap<string, Quota>,
  writers: ConfigWriters,
  nowSec: number,
): void {
  const { conf } = job.target;
  const { backend } = conf.databases.quota;
  if (backend === 'quotalegacy') {
    const writer = writers.at(quotaDirectory(conf));
    for (const [root, quota] of quotas)
      writer.write(quotaFile(conf, root), Buffer.from(printQuotaFile(quota, conf.version), 'latin1'));
    return;
  }
  const entries = [...quotas].map(([key, quota]) => ({ key, value: printQuotaValue(quota, conf.version) }));
  const { dir, name } = databaseFile(conf, 'quota', 'quotas.db');
  writers
    .at(dir)
    .write(name, writeDatabase(writableBackend(backend), entries, { ...sortOf(conf), version: conf.version, nowSec }));
}
