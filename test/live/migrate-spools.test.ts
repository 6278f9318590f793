import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import { findTargets } from '../matrix/targets.js';
import {
  inconsistentDatabases,
  whatExamineFinds,
  whatMboxlistFinds,
  whatQuotaFinds,
  whatReconstructFinds,
} from '../matrix/tool-findings.js';
import { type Correction, correctedUsage } from '../support/corrected-usage.js';
import type { CyrusSetup } from '../support/cyrus-conf.js';
import { liveTest } from '../support/live-test.js';
import { changedPaths, keptOptions, SPOOLS, type SpoolName, snapshotTree, spoolState } from '../support/spool.js';
import { requireSame, rulesFor } from '../support/state-diff.js';
import { UPGRADE_DIFFERENCES } from '../support/upgrade-differences.js';

/** A target laid out otherwise than its source, each. */
const TARGETS: Readonly<Record<SpoolName, Omit<CyrusSetup, 'dir'>>> = {
  '2.2-virt-fullhash': { hash: 'full', partitions: ['n1', 'n2'] },
  '2.3-skiplist-uhs': { hash: 'full', partitions: ['n1', 'n2'] },
  '2.4-netnews-meta': { hash: 'full', partitions: ['n1', 'n2', 'n3'], meta: true },
  '2.5-conv-meta': { hash: 'basic', partitions: ['n1', 'n2'], meta: ['n2'] },
  '3.0-uhs-plain': {
    hash: 'basic',
    partitions: ['n1'],
    meta: true,
    metaFiles: 'header index cache expunge annotations',
  },
  '3.2-uhs-meta': { hash: 'full', partitions: ['n1', 'n2'], meta: ['n2'] },
  '3.6-uuid-archive': { hash: 'none', partitions: ['n1', 'n2'], archiveAfter: '1d' },
  '3.6-virtdomains': { hash: 'basic', partitions: ['n1', 'n2'], meta: true },
};

/** Release line of the Cyrus of this machine. */
function targetVersion(): string {
  const version = findTargets('').at(-1)?.version;
  if (version === undefined) throw new Error('no Cyrus here');
  return version;
}

interface Place {
  readonly data: string | null;
  readonly meta: string | null;
}
interface Where {
  readonly mailboxes: readonly { readonly name: string; readonly external: string; readonly to: Place }[];
}

for (const name of SPOOLS) {
  liveTest(`a real Cyrus serves the migrated ${name} as the old server did`, async (live) => {
    const spool = await live.unpack(name);
    const newServer = live.server('new', { ...TARGETS[name], options: keptOptions(spool) });
    const job = live.job(spool, newServer);
    const untouched = snapshotTree(spool.dir);

    expect((await job.init()).schema).toBe('init/1');
    expect((await job.run('survey', [], { exit: [0, 3] })).schema).toBe('survey/1');
    expect((await job.run('plan', [], { exit: [0, 3] })).schema).toBe('plan/1');

    const first = await job.presync();
    expect(first.messages.copied).toBeGreaterThan(0);
    const second = await job.presync();
    expect(second.messages).toMatchObject({ copied: 0, removed: 0, linked: 0 });
    expect(second.mailboxes).toMatchObject({ created: 0, moved: 0, removed: 0, failed: 0, deferred: 0 });

    const cutover = await job.cutover({ exit: [0, 3] });
    expect(cutover.final).toBe(true);
    expect((cutover.checks as { check: string; ok: boolean }[]).filter((c) => !c.ok)).toEqual([]);
    expect((await job.run('verify')).mismatches).toEqual([]);
    const where = (await job.run('where')) as unknown as Where;
    expect((await job.run('presync', [], { exit: [4] })).exit).toBe(4); // after final

    expect(changedPaths(untouched, snapshotTree(spool.dir))).toEqual([]);

    await newServer.start();
    const recorded = spoolState(name);
    const withSieve = Object.values(recorded.users).some((user) => user.sieve !== undefined);
    const served = await newServer.imapState(Object.keys(recorded.users), { sieve: withSieve });
    const corrected = (cutover.quotaRoots as { corrected: Correction[] }).corrected;
    requireSame(recorded, served, [...rulesFor(name, UPGRADE_DIFFERENCES), ...corrected.map((c) => correctedUsage(c))]);

    expect(where.mailboxes.length).toBeGreaterThan(0);
    const nowhere = where.mailboxes.filter(({ to }) => ![to.data, to.meta].some((d) => d !== null && existsSync(d)));
    expect(nowhere).toEqual([]);
    const odd = where.mailboxes
      .filter(({ to }) => to.data !== null)
      .map(({ external, to }) => {
        const mbpath = newServer.tool('mbpath', ['-7', '-D', external], 'any').replace(/\/?\n$/, '');
        return { external, where: to.data!.replace(/\/$/, ''), mbpath };
      })
      .filter((m) => m.where !== m.mbpath);
    expect(odd).toEqual([]);

    await newServer.stop();
    const cell = { source: { name }, target: { version: targetVersion() }, features: { indexes: 'needed' } } as const;
    expect(whatMboxlistFinds(newServer, where.mailboxes)).toEqual([]);
    expect(inconsistentDatabases(newServer)).toEqual([]);
    const names = where.mailboxes.map(({ external }) => external);
    expect(whatExamineFinds(newServer, names)).toEqual([]);
    expect(whatQuotaFinds(newServer, cell)).toEqual([]);
    expect(whatReconstructFinds(newServer, cell, new Set(where.mailboxes.map((m) => m.name)))).toEqual([]);
  });
}
