import { describe, expect, it } from 'vitest';
import { allCells, chooseCells, missedPairs } from './cells.js';
import type { RecordedSpool } from './spools.js';
import type { Target } from './targets.js';

const spool = (name: string, more: Partial<RecordedSpool> = {}): RecordedSpool => ({
  ...{ name, version: name.split('-')[0]!, tar: '', state: '', hasAt: false },
  ...{ unixhierarchysep: 'yes', virtdomains: 'off', ...more },
});
const target = (version: string): Target => ({
  version,
  package: version,
  root: undefined,
  hasUuid: version !== '3.2',
});

const SOURCES = [
  spool('2.3-a'),
  spool('2.4-b', { unixhierarchysep: 'no' }),
  spool('3.0-at', { hasAt: true }),
  spool('3.6-c', { virtdomains: 'userid' }),
  spool('3.10-d'),
];
const TARGETS = ['3.2', '3.6', '3.10', '3.12'].map(target);
const cells = chooseCells(SOURCES, TARGETS);

describe('the cells', () => {
  it('are each source into each target in each layout that it has, once', () => {
    const places = cells.map((c) => `${c.source.name} ${c.target.version} ${c.layout}`);
    expect(new Set(places).size).toBe(places.length);
    expect(places).toHaveLength(SOURCES.length * (3 + 4 + 4 + 4));
    expect(places).not.toContain('2.3-a 3.2 uuid');
  });

  it('show every value of every feature with every source, target and layout, where it is fair', () => {
    expect(missedPairs(cells, SOURCES)).toEqual([]);
    const first = cells[0]!;
    const other = first.features.archive === 'on' ? 'off' : 'on';
    expect(missedPairs([first], SOURCES)).toContain(`2.3-a archive=${other}`);
  });

  it('are to be refused where the source has newer indexes than the target reads', () => {
    const refused = new Set(cells.filter((c) => c.refusalIsDue).map((c) => `${c.source.name} ${c.target.version}`));
    expect([...refused]).toEqual(['3.6-c 3.2', '3.10-d 3.2', '3.10-d 3.6']);
  });

  it('leave a user with a dot, a domain and an @ in a name where they can be reached', () => {
    const of = (name: string) => cells.filter((c) => c.source.name === name).map((c) => c.features);
    expect(of('2.3-a').every((f) => f.unixhierarchysep === 'yes')).toBe(true);
    expect(of('3.6-c').every((f) => f.virtdomains === 'userid')).toBe(true);
    expect(of('3.0-at').every((f) => f.virtdomains === 'off')).toBe(true);
    expect(of('2.4-b').some((f) => f.unixhierarchysep === 'no')).toBe(true);
  });

  it('keep the features that they were run with when another source comes, and its pairs are met as well', () => {
    const run = Object.fromEntries(cells.map((c) => [c.id, { features: c.features }]));
    const more = [spool('2.2-new', { unixhierarchysep: 'no' }), ...SOURCES];
    const grown = chooseCells(more, TARGETS, run);
    expect(grown.slice(15)).toEqual(cells);
    expect(missedPairs(grown, more)).toEqual([]);
  });

  it('all of them are every combination', () => {
    // meta 3 × archive 2 × backend 3 × indexes 2, and 2 each of what is free
    expect(allCells([SOURCES[0]!], [TARGETS[1]!])).toHaveLength(4 * 36 * 2);
    expect(allCells([SOURCES[1]!], [TARGETS[0]!])).toHaveLength(3 * 36 * 4);
  });
});
