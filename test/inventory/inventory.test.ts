import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SourceTrees } from '../../src/disk/trees.js';
import { takeInventory } from '../../src/inventory/inventory.js';
import { loadJob } from '../../src/job/job.js';
import { ProblemList } from '../../src/model/problem.js';
import { State } from '../../src/state/state.js';
import { Lab, type TortureJob } from '../torture/lab.js';

let lab: Lab;
let job: TortureJob;

beforeAll(async () => {
  lab = await Lab.open('3.2-uhs-meta', { hash: 'full', partitions: ['n1'] });
  job = await lab.job('job');
});
afterAll(() => lab.close());

/** Of one mailbox, as the next pass would take it. */
function taken(name: string) {
  const loaded = loadJob(job.file);
  const state = new State(loaded.stateFile);
  const trees = new SourceTrees(loaded.source);
  try {
    const { hasFiles, summary } = takeInventory(loaded, state, trees, new ProblemList()).mailboxes.find(
      (mailbox) => mailbox.name === name,
    )!;
    return { hasFiles, summary };
  } finally {
    trees.close();
    state.close();
  }
}

it('what the state knows of a mailbox is no summary of an index that is gone, however often it is looked for', () => {
  const entry = lab.live().find(({ name }) => name === 'user.alice')!;
  expect(taken(entry.name)).toMatchObject({ hasFiles: true, summary: { messages: expect.any(Number) } });
  expect(taken(entry.name).summary!.messages).toBeGreaterThan(0); // by its row
  rmSync(lab.indexFile(entry));
  for (let n = 0; n < 3; n++) expect(taken(entry.name)).toEqual({ hasFiles: false, summary: undefined });
});
