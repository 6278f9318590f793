import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { detectBackend } from '../../src/cyrus/db/detect.js';
import type { Quota } from '../../src/cyrus/records/quota.js';
import type { CyrusVersion } from '../../src/cyrus/version.js';
import { ConfigWriters } from '../../src/databases/config-writer.js';
import { writeQuotas } from '../../src/databases/quotas.js';
import { SourceTrees, TargetTrees } from '../../src/disk/trees.js';
import { readQuotaRoots } from '../../src/inventory/quota-roots.js';
import type { Job } from '../../src/job/job.js';
import { ProblemList } from '../../src/model/problem.js';
import { confOf } from '../cyrus/conf/conf-of.js';

const NAMES = ['user.anna', 'user.anna.Work', 'one.example!', 'one.example!user.ben', 'shared'];
const VIRT = { virtdomains: 'userid' };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cyrsync-test-'));
  for (const name of ['/D/conf', '/Q']) mkdirSync(dir + name, { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A job whose target lies below `dir`, and that can be read as a source again. */
function jobOf(version: CyrusVersion, options: Record<string, string>): Job {
  const side = { conf: confOf(version, { ...VIRT, ...options }), prefix: dir, real: (path: string) => dir + path };
  return { source: side, target: side } as Job;
}

function written(job: Job): ReadonlyMap<string, Quota> {
  const resources: Quota['resources'] = { STORAGE: { used: 5_000_000_000n, limit: 10_000_000n } };
  const target = new TargetTrees(job.target, undefined);
  writeQuotas(job, new Map(NAMES.map((name) => [name, { resources }])), new ConfigWriters(target), 1_700_000_000);
  target.close();
  const source = new SourceTrees(job.source);
  const problems = new ProblemList();
  const roots = readQuotaRoots(job, source, problems);
  source.close();
  expect(problems.all).toEqual([]);
  return roots;
}

describe('quota roots of the target', () => {
  it.each<[CyrusVersion, Record<string, string>, string]>([
    ['3.6', {}, '/D/conf/quota/a/user.anna'],
    ['3.6', { quota_db_path: '/Q/quotas.db' }, '/Q/domain/o/one.example/quota/b/user.ben'],
    ['2.4', { quota_db_path: '/Q/quotas.db' }, '/Q/quota/a/user.anna'],
    ['3.6', { quota_db: 'twoskip' }, '/D/conf/quotas.db'],
    ['3.6', { quota_db: 'flat', quota_db_path: '/Q/limits' }, '/Q/limits'],
    ['3.2', { quota_db: 'skiplist', improved_mboxlist_sort: 'yes' }, '/D/conf/quotas.db'],
  ])('%s %j are in %s, and read back', (version, options, path) => {
    const roots = written(jobOf(version, options));
    expect(existsSync(dir + path)).toBe(true);
    expect([...roots.keys()].sort()).toEqual([...NAMES].sort());
    for (const { resources } of roots.values())
      expect(resources.STORAGE).toEqual({ used: 5_000_000_000n, limit: 10_000_000n });
  });

  it('are in the backend that quota_db names', () => {
    written(jobOf('3.6', { quota_db: 'skiplist' }));
    expect(detectBackend(readFileSync(`${dir}/D/conf/quotas.db`))).toBe('skiplist');
  });
});
