/** Quota roots for the target: limits kept, usage summed from the indexes that lie there. */

import type { DbEntry } from '../cyrus/db/entry.js';
import { quotaDirectory, quotaFile } from '../cyrus/layout/config-paths.js';
import { isWrapped, printQuotaFile, printQuotaValue, type Quota, type QuotaResource } from '../cyrus/records/quota.js';
import { quotaRootOf } from '../inventory/quota-roots.js';
import { databaseFile } from '../inventory/read-mailboxes-db.js';
import type { Wave } from '../inventory/wave.js';
import type { Job } from '../job/job.js';
import type { ConfigWriters } from './config-writer.js';
import type { Migrated } from './migrated.js';
import type { QuotaCorrection } from './report.js';
import { targetDatabase } from './target-database.js';

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

/** Of a target that serves others: the roots that this wave alone fills, and those that it shares, with what others use. */
export function waveQuotas(
  job: Job,
  wave: Wave,
  migrated: Migrated,
): { quotas: Map<string, Quota>; corrected: QuotaCorrection[] } {
  const { quotas: all, corrected } = computeQuotas(job, wave.quotaRoots, migrated);
  const quotas = new Map<string, Quota>();
  for (const [root, quota] of all) {
    if (wave.isOwnRoot(root)) {
      quotas.set(root, quota);
      continue;
    }
    const { resources } = quota;
    if ((resources['X-NUM-FOLDERS']?.used ?? 0n) === 0n) continue; // none of this wave's is below it
    const others = wave.usageOfOthers(root);
    const add = (resource: QuotaResource, used: bigint) => ({
      limit: resources[resource]?.limit,
      used: (resources[resource]?.used ?? 0n) + used,
    });
    quotas.set(root, {
      modseq: quota.modseq,
      resources: {
        STORAGE: add('STORAGE', others.bytes),
        MESSAGE: add('MESSAGE', others.messages),
        'X-ANNOTATION-STORAGE': add('X-ANNOTATION-STORAGE', others.annotations),
        'X-NUM-FOLDERS': add('X-NUM-FOLDERS', others.folders),
      },
    });
  }
  return { quotas, corrected: corrected.filter(({ root }) => wave.isOwnRoot(root)) };
}

/** @param existing Of a database that has others' roots as well: these stay. */
export function writeQuotas(
  job: Job,
  quotas: ReadonlyMap<string, Quota>,
  writers: ConfigWriters,
  nowSec: number,
  existing: readonly DbEntry[] = [],
): void {
  const { conf } = job.target;
  if (conf.databases.quota.backend === 'quotalegacy') {
    const writer = writers.at(quotaDirectory(conf));
    for (const [root, quota] of quotas)
      writer.write(quotaFile(conf, root), Buffer.from(printQuotaFile(quota, conf.version), 'latin1'));
    return;
  }
  const others = existing.filter(({ key }) => !quotas.has(key));
  const own = [...quotas].map(([key, quota]) => ({ key, value: printQuotaValue(quota, conf.version) }));
  const { dir, name } = databaseFile(conf, 'quota', 'quotas.db');
  writers.at(dir).write(name, targetDatabase(conf, 'quota', [...others, ...own], nowSec));
}
