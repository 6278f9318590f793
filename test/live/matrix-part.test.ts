import { expect } from 'vitest';
import { type Cell, cellOf, type Features } from '../matrix/cells.js';
import { runCell } from '../matrix/run-cell.js';
import { findSpools } from '../matrix/spools.js';
import { findTargets } from '../matrix/targets.js';
import { liveTest } from '../support/live-test.js';

/** Of the matrix, in the Cyrus of this machine: kinds of conversions that migrate-spools.test.ts has not. */
const CASES: readonly { story: string; source: string; layout: Cell['layout']; features: Features }[] = [
  {
    story:
      'mailboxes by name become ones by uniqueid, a dot between names a slash, every metapartition one for some files of one partition',
    source: '2.4-netnews-meta',
    layout: 'uuid',
    features: {
      meta: 'some',
      archive: 'off',
      unixhierarchysep: 'yes',
      virtdomains: 'off',
      database: 'flat',
      indexes: 'all',
    },
  },
  {
    story: 'mailboxes by uniqueid with archived messages become ones by name without',
    source: '3.6-uuid-archive',
    layout: 'full',
    features: {
      meta: 'all',
      archive: 'off',
      unixhierarchysep: 'yes',
      virtdomains: 'off',
      database: 'skiplist',
      indexes: 'all',
    },
  },
  {
    story: 'domains by name and by uniqueid, all by name without hashing',
    source: '3.6-virtdomains',
    layout: 'none',
    features: {
      meta: 'off',
      archive: 'on',
      unixhierarchysep: 'yes',
      virtdomains: 'userid',
      database: 'twoskip',
      indexes: 'needed',
    },
  },
  {
    story: 'no hashing becomes hashimapspool, virtual domains are switched on',
    source: '3.2-netnews-plain',
    layout: 'basic',
    features: {
      meta: 'all',
      archive: 'on',
      unixhierarchysep: 'no',
      virtdomains: 'userid',
      database: 'twoskip',
      indexes: 'needed',
    },
  },
];

for (const { story, source: name, layout, features } of CASES) {
  liveTest(`${name}: ${story}`, async () => {
    const source = findSpools('').find((spool) => spool.name === name);
    const target = findTargets('').at(-1);
    if (!source || !target) throw new Error(`no spool ${name}, or no Cyrus`);
    const { color, reasons } = await runCell(cellOf(source, target, layout, features));
    expect({ color, reasons }).toEqual({ color: 'green', reasons: [] });
  });
}
