import { describe, expect, it } from 'vitest';
import type { LeftoverClass } from '../../src/model/leftover-class.js';
import { classify, type Facts, judge, type PlaceFacts, type Proof } from '../../src/survey/classify.js';

const PLACE: PlaceFacts = {
  kind: 'place',
  uniqueid: '1252eca66b047e01',
  isWrongPath: false,
  twin: undefined,
  nameLivesAt: undefined,
  record: undefined,
  missingMessages: 0,
  isMarkedDeleted: false,
  messages: 8,
  deletedAtSec: undefined,
  mayBeLive: undefined,
};
const TWIN = { name: 'user.alice.Crossed', path: '/spool/p2/user/alice/Crossed' };
const PROOF: Proof = { inTwin: 0, elsewhere: 0, expunged: 0, onlyHere: 0, unreadable: 0 };

describe('the class of a place, the first that fits', () => {
  it.each<[string, Partial<PlaceFacts>, LeftoverClass]>([
    [
      'a path that nothing hashes to, though its mailbox is live',
      { isWrongPath: true, twin: TWIN, missingMessages: 3 },
      'wrong-hash',
    ],
    ['a path that nothing hashes to, of no mailbox', { isWrongPath: true }, 'wrong-hash'],
    [
      'the live mailbox is elsewhere, messages of the own index are missing',
      { twin: TWIN, missingMessages: 3 },
      'unfinished-rename',
    ],
    ['the live mailbox is elsewhere, complete here', { twin: TWIN }, 'stale-copy'],
    ['the same, where the server marked the index as deleted', { twin: TWIN, isMarkedDeleted: true }, 'stale-copy'],
    ['no mailbox has the uniqueid, but one has the name', { nameLivesAt: TWIN.path }, 'replaced'],
    [
      'the same with messages missing: no RENAME explains it',
      { nameLivesAt: TWIN.path, missingMessages: 3 },
      'replaced',
    ],
    ['neither uniqueid nor name is live', {}, 'orphan-mailbox'],
    ['no header, and no mailbox of that name', { uniqueid: undefined }, 'orphan-mailbox'],
    ['no header, but a mailbox of that name', { uniqueid: undefined, nameLivesAt: TWIN.path }, 'replaced'],
    ['a tombstone has the name', { record: 'tombstone' }, 'orphan-mailbox'],
  ])('%s', (_, facts, expected) => {
    const found = classify({ ...PLACE, ...facts });
    expect(found.class).toBe(expected);
    expect(found.evidence[0]).not.toBe('');
  });

  it('says which mailbox is the live one, and where', () => {
    expect(classify({ ...PLACE, twin: TWIN }).evidence[0]).toBe(
      'uniqueid 1252eca66b047e01 is that of user.alice.Crossed, which mailboxes.db keeps at /spool/p2/user/alice/Crossed',
    );
  });
});

describe('the class of all else', () => {
  it.each<[Facts, LeftoverClass]>([
    [{ kind: 'empty' }, 'empty-directory'],
    [{ kind: 'debris', what: 'unfinished-write' }, 'debris'],
    [{ kind: 'debris', what: 'staging' }, 'debris'],
    [{ kind: 'debris', what: 'out-of-place' }, 'debris'],
    [{ kind: 'no-record', mailbox: 'user.bob', uid: 63, lastUid: 8 }, 'message-without-record'],
    [
      { kind: 'user-file', of: 'alice', computed: '/conf/user/a/alice.sub', computedExists: true, why: 'bucket' },
      'stale-user-file',
    ],
    [
      { kind: 'quota-file', of: 'user.alice', computed: undefined, computedExists: false, why: 'backend' },
      'stale-quota-file',
    ],
    [{ kind: 'foreign', what: 'a symbolic link' }, 'foreign'],
    [
      { kind: 'deleted', mailbox: 'DELETED.user.bob.Old.6B047DA5', atSec: 0x6b047da5, migrated: true },
      'deleted-awaiting-expire',
    ],
  ])('%j', (facts, expected) => {
    expect(classify(facts).class).toBe(expected);
  });
});

describe('the verdict', () => {
  const verdict = (
    facts: Facts,
    proof: Partial<Proof> | undefined,
    isDoubtful = false,
    rivals: readonly string[] = [],
  ) => judge(facts, proof && { ...PROOF, ...proof }, { isDoubtful, rivals }).verdict;
  const stray: Facts = { kind: 'no-record', mailbox: 'user.bob', uid: 63, lastUid: 8 };

  it('is rescue where one message is nowhere else, whatever holds for the others', () => {
    expect(verdict({ ...PLACE, twin: TWIN }, { inTwin: 7, onlyHere: 1 })).toBe('rescue');
    expect(verdict({ ...PLACE, twin: TWIN }, { onlyHere: 1, unreadable: 1 })).toBe('rescue');
    expect(verdict(stray, { onlyHere: 1 })).toBe('rescue');
    expect(verdict({ kind: 'debris', what: 'staging' }, { onlyHere: 1 }, true)).toBe('rescue');
  });

  it('is skip where each message is live or known to be expunged', () => {
    expect(verdict({ ...PLACE, twin: TWIN }, { inTwin: 4, elsewhere: 1, expunged: 2 })).toBe('skip');
    expect(verdict(stray, { elsewhere: 1 })).toBe('skip');
    expect(verdict({ kind: 'empty' }, {})).toBe('skip');
  });

  it('is a person’s where a message can not be read, or was not compared', () => {
    expect(verdict({ ...PLACE, twin: TWIN }, { inTwin: 7, unreadable: 1 })).toBe('person');
    expect(verdict({ ...PLACE, twin: TWIN }, undefined)).toBe('person');
    expect(verdict(stray, undefined)).toBe('person');
  });

  it('is a person’s for what is not Cyrus’s, and for a user’s file that has none in the right place', () => {
    expect(verdict({ kind: 'foreign', what: 'x' }, {})).toBe('person');
    const file = { kind: 'user-file', of: 'alice', computed: '/conf/user/a/alice.sub', why: 'bucket' } as const;
    expect(verdict({ ...file, computedExists: false }, {})).toBe('person');
    expect(verdict({ ...file, computedExists: true }, {})).toBe('skip');
  });

  it('is never skip where most mailboxes are not where the configuration says', () => {
    expect(verdict({ ...PLACE, isWrongPath: true, twin: TWIN }, { inTwin: 8 }, true)).toBe('person');
  });

  it('is migrate for deleted mailboxes unless the job leaves them', () => {
    const deleted = { kind: 'deleted', mailbox: 'DELETED.user.bob.Old.6B047DA5', atSec: 0x6b047da5 } as const;
    expect(verdict({ ...deleted, migrated: true }, {})).toBe('migrate');
    expect(verdict({ ...deleted, migrated: false }, {})).toBe('skip');
  });
});
