/** Random lives of a server, over the model of it; and a job on what is left of one. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { CyrusVersion } from '../../src/cyrus/version.js';
import { SourceTrees } from '../../src/disk/trees.js';
import { takeInventory } from '../../src/inventory/inventory.js';
import { loadJob } from '../../src/job/job.js';
import { ProblemList } from '../../src/model/problem.js';
import { State } from '../../src/state/state.js';
import type { LeftoversResult } from '../../src/survey/leftover.js';
import { findLeftovers } from '../../src/survey/leftovers.js';
import type { CyrusModel } from './cyrus-model.js';

const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const NAMES = ['user.ann', 'user.ann.a', 'user.ann.a.b', 'user.ann.c', 'user.bob', 'user.bob.a', 'news', 'news.x'];
const PARTITIONS = ['p1', 'p2'];

export const act = fc.record({
  kind: fc.constantFrom(
    'create',
    'create',
    'deliver',
    'deliver',
    'deliver',
    'copy',
    'expunge',
    'rename',
    'rename',
    'move',
    'move',
    'delete',
    'delay',
    'archive',
    'archive',
    'relocate',
  ),
  a: fc.nat(20),
  b: fc.nat(20),
  busy: fc.boolean(),
  /** After so many steps it is killed; mostly not. */
  killed: fc.oneof({ arbitrary: fc.constant(undefined), weight: 2 }, { arbitrary: fc.nat(9), weight: 3 }),
});
export type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

/** A server that has some mail. */
export function settle(model: CyrusModel): void {
  for (const [i, name] of NAMES.entries())
    if (i % 3 !== 2) model.run(model.create(name, PARTITIONS[i % 2]!), undefined);
  for (let i = 0; i < 12; i++)
    model.run(model.deliver(model.names[i % model.names.length]!, `old${i % 10}`), undefined);
}

/** @param round Tells the messages of several histories of one server apart. */
export function play(model: CyrusModel, acts: readonly Act[], round = ''): void {
  for (const [i, { kind, a, b, busy, killed }] of acts.entries()) {
    const live = model.names;
    const one = live[a % Math.max(1, live.length)] ?? '';
    const other = live[b % Math.max(1, live.length)] ?? '';
    const name = NAMES[b % NAMES.length]!;
    const partition = PARTITIONS[b % 2]!;
    const steps = {
      create: () => model.create(name, PARTITIONS[a % 2]!),
      deliver: () => model.deliver(one, `m${round}${i}`),
      copy: () => model.copy(one, other),
      expunge: () => model.expunge(one, b),
      rename: () => (one.startsWith('DELETED.') ? [] : model.rename(one, name, partition, busy)),
      move: () => model.rename(one, one, partition, busy),
      delete: () => model.delete(one, false, busy),
      archive: () => model.archive(one, b),
      relocate: () => model.relocate(one),
      delay: () => (one.startsWith('DELETED.') ? [] : model.delete(one, true, busy)),
    }[kind]();
    model.run(steps, killed);
  }
}

/** How such a server is set up. */
export const setup = fc.record({
  hash: fc.constantFrom('none' as const, 'basic' as const, 'full' as const),
  meta: fc.boolean(),
  archive: fc.constantFrom('none' as const, 'both' as const, 'first' as const, 'stuck' as const),
  legacy: fc.boolean(),
});

/** A directory in memory with a job for what `write` puts below it; gone when `use` is done. */
export async function withHistory<T>(version: CyrusVersion, use: (history: History) => T | Promise<T>): Promise<T> {
  const root = mkdtempSync(join(MEMORY, 'cyrsync-history-'));
  try {
    mkdirSync(join(root, 'new'));
    writeFileSync(join(root, 'new/imapd.conf'), 'configdirectory: /n\npartition-x: /n/x\n');
    return await use(new History(root, version));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export class History {
  readonly root: string;
  readonly #version: CyrusVersion;

  constructor(root: string, version: CyrusVersion) {
    this.root = root;
    this.#version = version;
  }

  /**
   * What is left of the model's server.
   * @param memory Name of the state file: what earlier walks remember.
   * @param more Lines for the end of the job file.
   * @param meanwhile What happens when the partitions have been walked, and nothing is judged yet.
   */
  find(model: CyrusModel, memory: string, meanwhile?: () => void, more = ''): LeftoversResult {
    model.write(this.root);
    const file = join(this.root, `${memory}.toml`);
    writeFileSync(
      file,
      `[source]\nimapd_conf = "/imapd.conf"\nroot = "${this.root}"\nversion = "${this.#version}"\n[target]\nimapd_conf = "${this.root}/new/imapd.conf"\nversion = "3.12"\nowner = "0"\ngroup = "0"\n${more}`,
    );
    const job = loadJob(file);
    const state = new State(job.stateFile);
    const trees = new SourceTrees(job.source);
    const inventory = takeInventory(job, state, trees, new ProblemList());
    let asked = 0;
    const root = trees.root.bind(trees);
    trees.root = (path) => {
      if (path === job.source.conf.sieveDir && ++asked === 2) meanwhile?.();
      return root(path);
    };
    try {
      return findLeftovers(job, state, trees, inventory, { prove: true });
    } finally {
      trees.close();
      state.close();
    }
  }
}
