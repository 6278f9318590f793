import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeOf } from '../../src/cyrus/layout/mailbox-place.js';
import { asInternalName, userOf } from '../../src/cyrus/names/mailbox-name.js';
import type { SourceTrees } from '../../src/disk/trees.js';
import type { Inventory } from '../../src/inventory/inventory.js';
import { unitOf } from '../../src/inventory/listed-mailbox.js';
import type { Job } from '../../src/job/job.js';
import { parseJobFile } from '../../src/job/job-file.js';
import type { Durable } from '../../src/model/durable.js';
import { asSeen } from '../../src/plan/as-seen.js';
import type { DiskSpace, ProbeDisk } from '../../src/plan/disks.js';
import { makePlan, type PlanOptions, planOf } from '../../src/plan/plan.js';
import { inputOf } from '../../src/plan/plan-input.js';
import { idleRules, newProblems } from '../../src/plan/problems.js';
import { largestUnits, plannedMoves, sumsAfter, sumsBefore } from '../../src/plan/sums.js';
import { State } from '../../src/state/state.js';
import { confOf } from '../cyrus/conf/conf-of.js';

const MIB = 2 ** 20;
let dir: string;
let state: State;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cyrsync-plan-'));
  state = new State(join(dir, 'state.sqlite'));
});
afterEach(() => {
  state.close();
  rmSync(dir, { recursive: true });
});

const source = confOf('3.6');

interface Box {
  readonly name: string;
  readonly bytes: number;
  readonly files?: number;
  /** Partition of the target that has it, whole. */
  readonly on?: string;
  readonly archivedBytes?: number;
}

/** A job onto partitions whose roots are `/disk/partition`. */
function jobOf(target: Record<string, string>, toml = 'policy = "balance"'): Job {
  const sides = ['source', 'target'].map((side) => `[${side}]\nimapd_conf = "/c"\nversion = "3.6"\n`).join('');
  const conf = confOf('3.6', { 'partition-default': target['partition-default'] ?? '/x/default', ...target });
  const side = (of: typeof conf) => ({ conf: of, prefix: '', real: (path: string) => path, texts: [] });
  return {
    options: parseJobFile(`${sides}[placement]\n${toml}`, 'job.toml'),
    source: side(source),
    target: side(conf),
    layout: 'name',
  } as unknown as Job;
}

/** A source whose roots are not there. */
const NO_SOURCE = { root: () => undefined } as unknown as SourceTrees;

const TWO = { 'partition-default': '/a/default', 'partition-p2': '/b/p2' };

function probeOf(disks: Record<string, { total: number; free: number; inodes?: number }>): ProbeDisk {
  return (path): DiskSpace => {
    const id = path.split('/')[1]!;
    const { total, free, inodes = 1e9 } = disks[id] ?? { total: 1e15, free: 1e15 };
    return { id, totalBytes: total, freeBytes: free, totalInodes: inodes, freeInodes: inodes, blockBytes: 4096 };
  };
}

function inventoryOf(boxes: readonly Box[]) {
  const rowIds: number[] = [];
  const mailboxes = boxes.map(({ name, bytes, files = 1 }, at) => {
    const internal = asInternalName(name);
    const place = placeOf(source, { name: internal, partition: 'default', legacy: true })!;
    const summary = { indexVersion: 17, uidvalidity: 1, lastUid: files, messages: files, files, bytes };
    const user = userOf(internal, source);
    return {
      at,
      name: internal,
      uniqueid: `id-${name}`,
      unit: unitOf(internal, source),
      user,
      place,
      summary,
      print: 'p',
    };
  });
  const sums = mailboxes.map(({ summary, uniqueid, name, place }) => ({
    ...{ ...summary, uniqueid, name: name as string, headerPrint: 'h', print: 'p' },
    sourceKey: `${place.partition} ${place.relative}`,
  }));
  state.mailboxes.sight(sums, ({ uniqueid }, id) => {
    rowIds[mailboxes.findIndex((m) => m.uniqueid === uniqueid)] = id;
  });
  const done = boxes.flatMap(({ on }, at) =>
    on === undefined
      ? []
      : [{ id: rowIds[at]!, syncedPrint: 'p', form: 'f', making: '', targetPartition: on, targetRelative: 'r' }],
  );
  state.mailboxes.settle({ done, left: [] } as unknown as Durable<{ done: typeof done; left: [] }>);
  state.placement.saveSizes(
    boxes.map(({ name, archivedBytes = 0 }) => ({
      ...{ uniqueid: `id-${name}`, print: 'p', archivedBytes, archivedFiles: archivedBytes > 0 ? 1 : 0 },
      ...{ indexBytes: 1000, cacheBytes: 0 },
    })),
  );
  const syncedFiles = boxes.map(({ on, files = 1 }) => (on === undefined ? -1 : files));
  return { mailboxes, table: { rowIds, syncedFiles }, selection: { isWave: false } } as unknown as Inventory;
}

function planFor(job: Job, boxes: readonly Box[], options: PlanOptions = {}) {
  const inventory = inventoryOf(boxes);
  const plan = makePlan(job, state, inventory, options);
  const where = Object.fromEntries(inventory.mailboxes.map((m) => [m.name as string, plan.partitionOf(m)]));
  return { plan, where, inventory };
}

const users = (count: number, bytes: number, change: Partial<Box> = {}): Box[] =>
  Array.from({ length: count }, (_, i) => ({ name: `user.u${i + 100}`, bytes, ...change }));

describe('what the state saw', () => {
  const boxes: Box[] = [
    ...users(30, MIB, { files: 7 }),
    ...users(10, 2 * MIB, { on: 'p2' }).map((box) => ({ ...box, name: `${box.name}.Sent` })),
    { name: 'user.big', bytes: 9 * MIB, archivedBytes: 8 * MIB },
    { name: 'lists.news', bytes: MIB },
  ];
  const conf = { ...TWO, archive_enabled: 'yes', 'archivepartition-p2': '/c/p2' };

  it.each([
    ['', {}],
    ['unit = "mailbox"', {}],
    ['[placement.pins]\n"user.u100.Sent" = "default"', {}],
    ['', { rebalanceTo: 1.01 }],
  ])('is planned as the source itself is: %s', (toml, change) => {
    const job = jobOf(conf, `policy = "balance"\n${toml}`);
    const probe = probeOf({});
    const inventory = inventoryOf(boxes);
    const options = { probe, dryRun: true, ...change };
    const looked = makePlan(job, state, inventory, { ...options, trees: NO_SOURCE });
    const seen = planOf(job, state, asSeen(state, source), { ...options, asSeen: true });
    for (const mailbox of inventory.mailboxes) expect(seen.placeOf(mailbox)).toEqual(looked.placeOf(mailbox));
    const shown = (plan: typeof seen) =>
      [sumsBefore(job, plan, probe), sumsAfter(plan), largestUnits(plan, 10)] as const;
    expect(shown(seen)).toEqual(shown(looked));
    expect(plannedMoves(seen, asSeen(state, source))).toEqual(plannedMoves(looked, inputOf(inventory, state)));
    const [before, after] = shown(looked);
    expect(before[0]).toMatchObject({ users: 31, mailboxes: 42 });
    expect(after.reduce((sum, { mailboxes }) => sum + mailboxes, 0)).toBe(42);
  });
});

describe('a plan', () => {
  it('shares by the room that others leave, and does not take its own copies for theirs', () => {
    const job = jobOf(TWO, 'policy = "balance"\nreserve = "0%"');
    const disks = { a: { total: 1000 * MIB, free: 900 * MIB }, b: { total: 1000 * MIB, free: 300 * MIB } };
    const first = planFor(job, users(40, MIB), { probe: probeOf(disks), dryRun: true });
    const shares = () => [...first.plan.details.decision.loads.shares];
    expect(shares()[0]).toBeCloseTo(0.75, 3);
    // the same disks with 30 of them copied to a
    const copied = users(40, MIB).map((box, i) => (i < 30 ? { ...box, on: 'default' } : box));
    const later = { ...disks, a: { total: 1000 * MIB, free: 870 * MIB } };
    const second = planFor(job, copied, { probe: probeOf(later), dryRun: true });
    expect(second.plan.details.decision.loads.shares[0]).toBeCloseTo(0.75, 3);
    expect(second.plan.details.rooms[0]!.bytes / MIB).toBeCloseTo(900, 0);
    expect(second.plan.details.rooms[0]!.others / MIB).toBeCloseTo(100, 0);
  });

  it('keeps a reserve on each disk', () => {
    const job = jobOf(TWO, 'policy = "balance"\nreserve = "100 MiB"');
    const disks = probeOf({ a: { total: 1000 * MIB, free: 300 * MIB }, b: { total: 1000 * MIB, free: 200 * MIB } });
    const { plan } = planFor(job, users(9, MIB), { probe: disks });
    expect(plan.details.decision.loads.shares[0]).toBeCloseTo(2 / 3, 3);
  });

  it('remembers where it placed what, how large that was, and nothing where that is not wanted', () => {
    const job = jobOf(TWO);
    planFor(job, users(3, MIB), { dryRun: true });
    expect([...state.placement.all()]).toEqual([]);
    expect(state.placement.growth()).toEqual([]);
    const { where } = planFor(job, users(3, MIB), { now: new Date('2026-01-02T03:04:05Z') });
    const rows = [...state.placement.all()];
    expect(Object.fromEntries(rows.map((row) => [row.unit, row.partition]))).toEqual(where);
    expect(rows[0]).toMatchObject({ reason: 'balanced', bytes: MIB, files: 1, placedAt: '2026-01-02T03:04:05.000Z' });
    expect(state.placement.growth()).toEqual([{ at: '2026-01-02T03:04:05.000Z', bytes: 3 * MIB, files: 3 }]);
  });

  it('writes nothing to the state where the source decides', () => {
    planFor(jobOf({ 'partition-default': '/a/default' }, 'policy = "keep"'), users(3, MIB));
    expect([...state.placement.all()]).toEqual([]);
  });

  it('counts archived messages on the disk of the archive, and balances both', () => {
    const job = jobOf({
      ...TWO,
      archive_enabled: 'yes',
      'archivepartition-default': '/c/default',
      'archivepartition-p2': '/d/p2',
    });
    // half the users have all in the archive: were that not seen, one partition could get all of them
    const boxes = users(40, MIB).map((box, i) => (i < 20 ? { ...box, archivedBytes: MIB } : box));
    const trees = NO_SOURCE; // nothing is to be read: the sizes stand in the state
    const { where, plan } = planFor(job, boxes, { trees });
    const archivedOn = (p: string) => boxes.filter((b) => where[b.name] === p && b.archivedBytes !== undefined).length;
    expect([archivedOn('default'), archivedOn('p2')]).toEqual([10, 10]);
    expect(plan.details.spread).toBeCloseTo(1, 6);
  });

  it('says that a partition overflows, by how much, and who grew there', () => {
    const job = jobOf(TWO, 'policy = "balance"\nreserve = "0%"');
    const disks = probeOf({ a: { total: 100 * MIB, free: 95 * MIB }, b: { total: 100 * MIB, free: 95 * MIB } });
    const boxes = [...users(10, MIB), { name: 'user.grew', bytes: MIB }];
    expect(planFor(job, boxes, { probe: disks }).plan.problems).toEqual([]);
    const { plan } = planFor(job, [...users(10, MIB), { name: 'user.grew', bytes: 120 * MIB }], { probe: disks });
    expect(plan.problems.map(({ code }) => code)).toEqual(['partition-overflows']);
    expect(plan.problems[0]!.message).toMatch(
      /more than its file system has room for; user\.grew has grown by 119 MiB/,
    );
  });

  it('counts on what hard links save, as the state remembers it from the last look, and only where they are together', () => {
    const links = { units: ['user.u100', 'user.u101', 'user.gone'], bytes: 0.8 * MIB, files: 1, squares: 1, oneIn: 1 };
    state.placement.saveLinks([links]);
    expect(state.placement.links()).toEqual([links]);
    const disks = { a: { total: 10 * MIB, free: 1.4 * MIB }, b: { total: 10 * MIB, free: 1.4 * MIB } };
    const boxes = users(2, MIB);
    const planOn = (toml: string, free = 1.4) => {
      const probe = probeOf({ a: { ...disks.a, free: free * MIB }, b: { ...disks.b, free: free * MIB } });
      return planFor(jobOf(TWO, `policy = "balance"\nreserve = "0%"\n${toml}`), boxes, { probe, dryRun: true }).plan;
    };
    const together = planOn('exclude = ["p2"]');
    expect(together.problems).toEqual([]);
    expect(together.saved[0]).toEqual({ bytes: 0.8 * MIB, inodes: 1 });
    const parted = planOn('[placement.pins]\n"user.u100" = "p2"\n"user.u101" = "default"', 0.9);
    expect(parted.problems.map(({ code }) => code)).toEqual(['partition-overflows', 'partition-overflows']);
    expect(parted.saved[0]).toEqual({ bytes: 0, inodes: 0 });
  });

  it('refuses what several old partitions bring to one, where that is too small', () => {
    const job = jobOf(TWO, 'policy = "map"\nreserve = "0%"\n[placement.map]\ndefault = "p2"');
    const probe = (mib: number) =>
      probeOf({ a: { total: 1e12, free: 1e12 }, b: { total: 100 * MIB, free: mib * MIB } });
    expect(planFor(job, users(20, MIB), { probe: probe(22) }).plan.problems).toEqual([]);
    const { plan, where } = planFor(job, users(20, MIB), { probe: probe(10) });
    expect(new Set(Object.values(where))).toEqual(new Set(['p2']));
    expect(plan.problems[0]!.message).toMatch(
      /^partition p2: what belongs there is 10 MiB more than its file system has/,
    );
  });

  it('says that the spread went too far, and only then', () => {
    const job = jobOf(TWO, 'policy = "balance"\nspread_limit = 1.3');
    planFor(job, users(20, MIB));
    expect(planFor(job, users(20, MIB)).plan.problems).toEqual([]);
    const on = new Map([...state.placement.all()].map((row) => [row.unit, row.partition]));
    const grown = users(20, MIB).map((box) => ({ ...box, bytes: on.get(box.name) === 'p2' ? 3 * MIB : MIB }));
    const { plan } = planFor(job, grown);
    expect(plan.problems.map(({ code }) => code)).toEqual(['spread-exceeded']);
    expect(plan.problems[0]!.message).toMatch(
      /^the fullest partition, p2, carries 1\.50 times its share; 1\.00 can be had; user\.u\d+ has grown by 2\.0 MiB since/,
    );
    expect(newProblems(plan, state).map(({ code }) => code)).toEqual(['spread-exceeded']);
    expect(newProblems(plan, state)).toEqual([]); // a nightly pass says it once
    const { plan: rebalanced } = planFor(job, grown, { rebalanceTo: 1.1 });
    expect(newProblems(rebalanced, state)).toEqual([]);
    expect(newProblems(plan, state)).toHaveLength(1);
    expect(rebalanced.problems).toEqual([]);
    expect(planFor(job, grown).plan.problems).toEqual([]);
  });

  it('names rules that fit nothing', () => {
    const job = jobOf(TWO, 'policy = "balance"\n[placement.pins]\n"user.u100" = "p2"\n"user.typo" = "p2"');
    expect(idleRules(planFor(job, users(2, MIB)).plan).map(({ message }) => message)).toEqual([
      '[placement] pins "user.typo" = "p2" fits no mailbox',
    ]);
  });

  it('places anew what nothing was copied of, where a partition was added', () => {
    planFor(jobOf(TWO), users(30, MIB));
    const three = { ...TWO, 'partition-p3': '/c/p3' };
    const { where } = planFor(jobOf(three), users(30, MIB));
    expect(Object.values(where).filter((p) => p === 'p3').length).toBe(10);
  });

  it('leaves what was copied, where a partition was added, and gives that to whoever comes', () => {
    const { where } = planFor(jobOf(TWO), users(30, MIB));
    const copied = users(30, MIB).map((box) => ({ ...box, on: where[box.name]! }));
    const three = { ...TWO, 'partition-p3': '/c/p3' };
    const fresh = [1, 2, 3].map((n) => ({ name: `user.new${n}`, bytes: MIB }));
    const { where: later } = planFor(jobOf(three), [...copied, ...fresh]);
    for (const { name, on } of copied) expect(later[name]).toBe(on);
    for (const { name } of fresh) expect(later[name]).toBe('p3');
  });

  it('leaves a renamed user where his mail lies', () => {
    planFor(jobOf(TWO), [{ name: 'user.old', bytes: MIB }]);
    const { where, plan } = planFor(jobOf(TWO), [...users(5, MIB), { name: 'user.renamed', bytes: MIB, on: 'p2' }]);
    expect(where['user.renamed']).toBe('p2');
    expect(plan.details.decision.reasonOf(plan.details.collected.positions.get('user.renamed')!)).toBe('lying');
  });

  it('leaves what the source decided, when balancing is begun', () => {
    const boxes = users(10, MIB, { on: 'default' });
    expect(new Set(Object.values(planFor(jobOf(TWO, 'policy = "keep"'), boxes).where))).toEqual(new Set(['default']));
    expect(new Set(Object.values(planFor(jobOf(TWO), boxes).where))).toEqual(new Set(['default']));
    expect(new Set(Object.values(planFor(jobOf(TWO), boxes, { rebalanceTo: 1.1 }).where)).size).toBe(2);
  });

  it('leaves room for growth as it was seen', () => {
    const job = jobOf(TWO, 'policy = "balance"\nreserve = "0%"\ngrowth_days = 10');
    const disks = probeOf({ a: { total: 100 * MIB, free: 15 * MIB }, b: { total: 100 * MIB, free: 15 * MIB } });
    const at = (day: number) => new Date(Date.UTC(2026, 0, day));
    planFor(job, users(10, MIB), { probe: disks, now: at(1) });
    // 10 MiB in 5 days: in 10 more 40, and there is room for 30
    const { plan } = planFor(job, users(20, MIB), { probe: disks, now: at(6) });
    expect(plan.details.growth).toMatchObject({ bytesPerDay: 2 * MIB, days: 5 });
    expect(plan.details.decision.roomForGrowth).toBe(false);
    expect(plan.problems).toEqual([]);
  });
});
