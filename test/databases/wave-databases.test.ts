import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readDatabase } from '../../src/cyrus/db/database.js';
import { asInternalName, type NameConf } from '../../src/cyrus/names/mailbox-name.js';
import { readMailboxEntries, writeMailboxEntries } from '../../src/cyrus/records/mailboxes-db.js';
import type { CyrusVersion } from '../../src/cyrus/version.js';
import { mergeAnnotations, mergeDenials } from '../../src/databases/wave-databases.js';
import { entriesOfOthers, requireRoom, type ServingTarget } from '../../src/inventory/serving-target.js';
import type { Job } from '../../src/job/job.js';

const NAMES = {
  virtDomains: 'off',
  deletedPrefix: 'DELETED',
  unixHierarchySep: true,
  defaultDomain: undefined,
} as const;
const confOf = (version: CyrusVersion): NameConf => ({ ...NAMES, version });
/** What of a job is looked at. */
const jobOf = (version: CyrusVersion) =>
  ({ source: { conf: confOf('3.2') }, target: { conf: confOf(version) } }) as Job;

/** A real mailboxes.db that serves others; `ours` by name. */
function serving(version: '3.0' | '3.10', ours: readonly string[] = []): ServingTarget {
  const path = `fixtures/db/${version}-mailboxes.db`;
  const { entries } = readDatabase(readFileSync(path), path);
  const { mailboxes } = readMailboxEntries(entries, confOf(version), path);
  return { path, entries, mailboxes, problems: [], ours: new Set(mailboxes.filter(({ name }) => ours.includes(name))) };
}

describe.each(['3.0', '3.10'] as const)('the mailboxes.db of a %s server that serves others', (version) => {
  const target = serving(version);
  const live = target.mailboxes.filter(({ deleted, intermediate, reserved }) => !deleted && !intermediate && !reserved);
  const some = live[3]!;

  it('keeps each of its records, byte by byte, but for what it derives of them', () => {
    const kept = entriesOfOthers(jobOf(version), target, []);
    const derived = version === '3.0' ? /^\$(RACL|RUNQ)/ : /^A[US]\x1e/;
    expect(kept).toEqual(target.entries.filter(({ key }) => !derived.test(key)));
  });

  it('loses what an earlier try of this job put in, both of its records, and nothing else', () => {
    const job = jobOf(version);
    const kept = entriesOfOthers(job, serving(version, [some.name]), []);
    const gone = entriesOfOthers(job, target, []).filter(({ key }) => !kept.some((entry) => entry.key === key));
    const expected = writeMailboxEntries([some], confOf(version)).map(({ key }) => key);
    expect(gone.map(({ key }) => key).sort()).toEqual(expected.sort());
  });

  it.each<[string, { name: string; uniqueid: string }, string | undefined]>([
    ['a new name and uniqueid', { name: 'user.nobody', uniqueid: 'fresh' }, undefined],
    ['a name that is there', { name: some.name, uniqueid: 'fresh' }, some.name],
    ['a uniqueid that is there', { name: 'user.nobody', uniqueid: some.uniqueid! }, `that of ${some.name}`],
  ])('has room for %s', (_what, { name, uniqueid }, refused) => {
    const act = () => requireRoom(target, [{ name: asInternalName(name), uniqueid }]);
    if (refused === undefined) expect(act).not.toThrow();
    else
      expect(act).toThrow(expect.objectContaining({ code: 'target-not-ours', why: expect.stringContaining(refused) }));
  });

  it('has room for what an earlier try of this job put in', () =>
    expect(() =>
      requireRoom(serving(version, [some.name]), [{ name: some.name, uniqueid: some.uniqueid! }]),
    ).not.toThrow());
});

describe('annotations of a server that serves others', () => {
  const migrated = { mailboxes: [{ mailbox: { uniqueid: 'id1', name: 'user.alice' } }] } as never;
  const entry = (target: string, value: string) => ({ key: `${target}\0/comment\0\0`, value });

  it.each<[CyrusVersion, string]>([
    ['3.6', 'id1'],
    ['3.2', 'user.alice'],
  ])('of %s: those of others and its own stay, those of the wave are replaced', (version, own) => {
    const existing = [entry('', 'the new server'), entry('id2', 'of another'), entry(own, 'of a try that died')];
    const { entries, left } = mergeAnnotations(
      jobOf(version),
      existing,
      [entry('', 'the old server'), entry(own, 'now')],
      migrated,
    );
    expect(entries).toEqual([entry('', 'the new server'), entry('id2', 'of another'), entry(own, 'now')]);
    expect(left).toBe(1);
  });
});

describe('who is denied a service', () => {
  const existing = [
    { key: 'other', value: '2\timap' },
    { key: 'there', value: '2\tpop3' },
  ];
  it.each<[string, string, Record<string, string>, string[], object]>([
    [
      'was when first seen, and is',
      'carol.smith',
      { 'user.carol^smith': '2\t*' },
      ['other', 'there', 'carol.smith'],
      { carried: ['carol.smith'], unsure: [] },
    ],
    [
      'was not when first seen: it is the lock of the wave',
      'carol.smith',
      { 'user.carol^smith': '' },
      ['other', 'there'],
      { left: ['carol.smith'] },
    ],
    [
      'was otherwise when first seen',
      'carol.smith',
      { 'user.carol^smith': '2\tpop3' },
      ['other', 'there'],
      { left: ['carol.smith'] },
    ],
    [
      'was never seen before the cutover',
      'carol.smith',
      {},
      ['other', 'there', 'carol.smith'],
      { unsure: ['carol.smith'] },
    ],
    ['is denied on the new server already', 'there', {}, ['other', 'there'], { carried: ['there'] }],
  ])('%s', (_what, user, firstSeen, keys, more) => {
    const result = mergeDenials(
      jobOf('3.6'),
      existing,
      [{ key: user, value: '2\t*' }],
      new Map(Object.entries(firstSeen)),
    );
    expect(result.entries.map(({ key }) => key)).toEqual(keys);
    expect(result).toMatchObject(more);
    expect(result.entries.slice(0, 2)).toEqual(existing);
  });
});
