import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.js';
import { asInternalName } from '../../src/cyrus/names/mailbox-name.js';
import { bytesOfText } from '../../src/disk/os-path.js';
import { unitOf } from '../../src/inventory/listed-mailbox.js';
import { parseJobFile } from '../../src/job/job-file.js';
import { defaultPolicy } from '../../src/plan/placement.js';
import { PlacementRules, type Policy } from '../../src/plan/rules.js';
import { confOf } from '../cyrus/conf/conf-of.js';

const PARTITIONS = ['p1', 'p2', 'fast'];
const conf = confOf('3.6', { defaultdomain: 'home.example', virtdomains: 'userid', unixhierarchysep: 'yes' });

/** Rules as a job file writes them. */
function rulesOf(toml: string, policy: Policy = 'balance', partitions = PARTITIONS): PlacementRules {
  const sides = ['source', 'target'].map((side) => `[${side}]\nimapd_conf = "/c"\nversion = "3.6"\n`).join('');
  const { placement } = parseJobFile(`${sides}[placement]\n${toml}`, 'job.toml');
  return new PlacementRules(placement, policy, partitions, conf, bytesOfText);
}

function ruled(rules: PlacementRules, name: string, sourcePartition = 'old', uniqueid = 'id1') {
  const { key, rule } = rules.of({ name, uniqueid, unit: unitOf(asInternalName(name), conf), sourcePartition });
  return { key, to: rule.partitions };
}

describe('the rules of placement', () => {
  it.each([
    // pins = , mailbox, unit, partitions
    ['"user.ceo" = "fast"', 'user.ceo', 'user.ceo', ['fast']],
    ['"user.ceo" = "fast"', 'user.ceo.Sent.2019', 'user.ceo', ['fast']],
    ['"user.ceo" = "fast"', 'DELETED.user.ceo.Sent.5F000000', 'user.ceo', ['fast']],
    ['"user.ceo" = "fast"', 'user.ceo2', 'user.ceo2', PARTITIONS],
    ['"user.ceo" = "fast"', 'one.example!user.ceo', 'one.example!user.ceo', PARTITIONS],
    ['"one.example!user.ceo" = "fast"', 'one.example!user.ceo.Sent', 'one.example!user.ceo', ['fast']],
    ['"user.c^smith" = "fast"', 'user.c^smith.Work', 'user.c^smith', ['fast']],
    ['"user.ceo" = ["fast", "p1"]', 'user.ceo', 'user.ceo', ['fast', 'p1']],
    ['"user.ceo" = "FAST"', 'user.ceo', 'user.ceo', ['fast']],
    ['"user" = "p2"', 'user.anybody.Sent', 'user.anybody', ['p2']],
    ['"news" = "p1"', 'news.local.test', 'news', ['p1']],
    // deeper than a user: a unit of its own
    ['"user.ceo.Archive" = "p2"', 'user.ceo.Archive.2019', 'user.ceo.Archive', ['p2']],
    ['"user.ceo.Archive" = "p2"', 'user.ceo.Archives', 'user.ceo', PARTITIONS],
    ['"user.ceo.Archive" = "p2"\n"user.ceo" = "fast"', 'user.ceo.Sent', 'user.ceo', ['fast']],
    ['"user.ceo.Archive" = "p2"\n"user.ceo" = "fast"', 'user.ceo.Archive', 'user.ceo.Archive', ['p2']],
    ['"user.ceo.Archive" = "p2"', 'DELETED.user.ceo.Archive.2019.5F000000', 'user.ceo.Archive', ['p2']],
    // globs: a star stays within a part
    ['"user.s*" = "p1"', 'user.sam.Work', 'user.sam', ['p1']],
    ['"user.s*" = "p1"', 'user.ben.sent', 'user.ben', PARTITIONS],
    ['"user.*.Archive" = "p2"', 'user.ben.Archive.2020', 'user.ben.Archive', ['p2']],
    ['"user.*.Archive" = "p2"', 'user.ben.Old.Archive', 'user.ben', PARTITIONS],
    ['"user.**.Archive" = "p2"', 'user.ben.Old.Archive', 'user.ben.Old.Archive', ['p2']],
    ['"user.{ann,bob}" = "p2"', 'user.bob', 'user.bob', ['p2']],
    ['"*!user.ceo" = "fast"', 'one.example!user.ceo', 'one.example!user.ceo', ['fast']],
    ['"*.example!user.*" = "fast"', 'one.example!user.x', 'one.example!user.x', ['fast']],
    ['"*.example!user.*" = "fast"', 'one.test!user.x', 'one.test!user.x', PARTITIONS],
    ['"user.ben.[Gmail]" = "p2"', 'user.ben.[Gmail].All', 'user.ben.[Gmail]', ['p2']],
    // the literal one first, then the first glob
    ['"user.s*" = "p1"\n"user.sam" = "fast"', 'user.sam', 'user.sam', ['fast']],
    ['"user.s*" = "p1"\n"user.sa*" = "fast"', 'user.sam', 'user.sam', ['p1']],
    ['"user.M&APw-ller" = "p1"', 'user.M&APw-ller', 'user.M&APw-ller', ['p1']],
    ['"user.mü" = "p1"', 'user.m\xc3\xbc', 'user.m\xc3\xbc', ['p1']],
  ])('pins %s: %s belongs to %s and may lie on %j', (pins, name, key, to) => {
    expect(ruled(rulesOf(`[placement.pins]\n${pins}`), name)).toEqual({ key, to });
  });

  it.each([
    ['[placement.domains]\n"one.example" = "p2"', 'one.example!user.a', ['p2']],
    ['[placement.domains]\n"ONE.example" = ["p1", "p2"]', 'one.example!news.x', ['p1', 'p2']],
    ['[placement.domains]\n"*.example" = "p2"', 'two.example!user.a', ['p2']],
    ['[placement.domains]\n"home.example" = "p2"', 'user.a', ['p2']], // the default domain, which names leave out
    ['[placement.domains]\n"one.example" = "p2"', 'two.example!user.a', PARTITIONS],
    ['shared = "p1"', 'news.x', ['p1']],
    ['shared = "p1"', 'DELETED.news.x.5F000000', ['p1']],
    ['shared = "p1"', 'user.a', PARTITIONS],
    ['shared = "p1"\n[placement.domains]\n"one.example" = "p2"', 'one.example!news', ['p2']],
    [
      '[placement.domains]\n"*" = "p2"\n[placement.pins]\n"one.example!user.a" = "fast"',
      'one.example!user.a',
      ['fast'],
    ],
    ['exclude = ["fast"]', 'user.a', ['p1', 'p2']],
    ['exclude = ["fast"]\n[placement.pins]\n"user.ceo" = "fast"', 'user.ceo', ['fast']],
  ])('%s: %s may lie on %j', (toml, name, to) => expect(ruled(rulesOf(toml), name).to).toEqual(to));

  it('makes each mailbox a unit, by its uniqueid, where it is told to', () => {
    const rules = rulesOf('unit = "mailbox"\n[placement.pins]\n"user.ceo.Archive" = "p2"');
    expect(ruled(rules, 'user.ceo.Archive', 'old', 'abc')).toEqual({ key: 'mailbox/abc', to: ['p2'] });
    expect(ruled(rules, 'user.ceo.Sent', 'old', 'def')).toEqual({ key: 'mailbox/def', to: PARTITIONS });
  });

  it("keeps each mailbox on the partition of its name, a user's on two of them too", () => {
    const rules = rulesOf('', 'keep', ['a', 'b']);
    expect(ruled(rules, 'user.anna', 'a')).toEqual({ key: 'user.anna\ta', to: ['a'] });
    expect(ruled(rules, 'user.anna.Old', 'b')).toEqual({ key: 'user.anna\tb', to: ['b'] });
  });

  it('maps by name, many to one, and keeps what the map does not name', () => {
    const rules = rulesOf('[placement.map]\na = "p1"\nb = "p1"', 'map');
    expect(['a', 'b', 'p2'].map((from) => ruled(rules, 'user.x', from).to[0])).toEqual(['p1', 'p1', 'p2']);
  });

  it('lets pins and domains beat what the source says', () => {
    const rules = rulesOf('[placement.pins]\n"user.ceo" = "fast"\n[placement.map]\na = "p1"', 'map');
    expect(ruled(rules, 'user.ceo', 'a').to).toEqual(['fast']);
  });

  it.each<[string, Policy, string]>([
    ['[placement.pins]\n"user.a" = "nowhere"', 'balance', 'pins "user.a" = "nowhere"'],
    ['[placement.domains]\n"x" = ["p1", "nowhere"]', 'balance', 'domains "x"'],
    ['shared = "nowhere"', 'balance', 'shared = "nowhere"'],
    ['exclude = ["nowhere"]', 'balance', 'exclude = ["nowhere"]'],
    ['[placement.map]\na = "nowhere"', 'map', 'map "a" = "nowhere"'],
  ])('%j (%s) is refused, with what was written and what there is', (toml, policy, text) => {
    try {
      rulesOf(toml, policy);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as ConfigError).message).toContain('"nowhere"');
      expect((error as ConfigError).why).toContain(text);
      expect((error as ConfigError).why).toContain('p1, p2, fast');
    }
  });

  it('refuses a kept partition that the target does not have', () => {
    expect(() => ruled(rulesOf('', 'keep'), 'user.a', 'gone')).toThrow('no partition "gone"');
  });

  it('refuses to exclude every partition', () => {
    expect(() => rulesOf('exclude = ["p1", "p2", "fast"]')).toThrow('Every partition of the target is excluded');
  });

  it('tells which rules fit nothing', () => {
    const rules = rulesOf('[placement.pins]\n"user.a" = "p1"\n"user.typo" = "p1"\n[placement.domains]\n"x" = "p1"');
    ruled(rules, 'user.a');
    expect(rules.written.filter(({ uses }) => uses === 0).map(({ text }) => text)).toEqual([
      'pins "user.typo" = "p1"',
      'domains "x" = "p1"',
    ]);
  });

  it.each([
    [['default'], ['default', 'more'], 'keep'],
    [['default', 'old'], ['default', 'new'], 'balance'],
  ])('without a policy, source partitions %j on target partitions %j: %s', (from, to, expected) => {
    const of = (names: string[]) =>
      confOf('3.6', Object.fromEntries(names.map((name) => [`partition-${name}`, `/D/${name}`])));
    expect(defaultPolicy(of(from), of(to))).toBe(expected);
  });
});
