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

describe('the evidence', () => {
  it.each<[string, Partial<PlaceFacts>, readonly string[]]>([
    ['nothing but an unknown uniqueid', {}, ['no live mailbox has uniqueid 1252eca66b047e01']],
    ['no header', { uniqueid: undefined }, ['nothing here says which mailbox it was: there is no header']],
    [
      'a path that nothing leads to',
      { isWrongPath: true },
      ['no live mailbox has uniqueid 1252eca66b047e01', 'no mailbox of this server is kept below this hash directory'],
    ],
    [
      'a live mailbox of that name',
      { nameLivesAt: '/spool/x' },
      ['no live mailbox has uniqueid 1252eca66b047e01', 'the mailbox of this name lies at /spool/x now'],
    ],
    [
      'a live mailbox of that name, where the one with its uniqueid is told already',
      { nameLivesAt: '/spool/x', twin: TWIN },
      [`uniqueid 1252eca66b047e01 is that of ${TWIN.name}, which mailboxes.db keeps at ${TWIN.path}`],
    ],
    [
      'a tombstone',
      { record: 'tombstone' },
      ['no live mailbox has uniqueid 1252eca66b047e01', 'mailboxes.db says that this name was deleted or renamed'],
    ],
    [
      'a reserved name',
      { record: 'reserved' },
      [
        'no live mailbox has uniqueid 1252eca66b047e01',
        'mailboxes.db has this name as reserved: a RENAME or CREATE that did not end',
      ],
    ],
    [
      'all of the rest',
      { isMarkedDeleted: true, missingMessages: 1, deletedAtSec: 0x6b047da5, messages: 0 },
      [
        'no live mailbox has uniqueid 1252eca66b047e01',
        'its index is marked as deleted by the server',
        '1 message that its index lists is not here',
        'its path says it was deleted on 2026-11-23; mailboxes.db has it no more',
        'it holds no message',
      ],
    ],
  ])('of %s', (_, facts, expected) => {
    expect(classify({ ...PLACE, ...facts }).evidence).toEqual(expected);
  });

  it('of a stray message says whether its UID was given, and is past', () => {
    const evidence = (uid: number) => classify({ kind: 'no-record', mailbox: 'user.bob', uid, lastUid: 8 }).evidence;
    expect(evidence(9)).toEqual([
      'the index of user.bob has no record of UID 9',
      'the last UID it gave is 8: a delivery that did not end, or a file put here by hand',
    ]);
    expect(evidence(8)[1]).toBe('the last UID it gave is 8: a message that was expunged, but not removed');
  });

  it('of a user’s file says where the one in use is, or would be', () => {
    const file = { kind: 'user-file', of: 'alice', computed: '/conf/user/a/alice.sub', why: 'bucket' } as const;
    expect(classify({ ...file, computedExists: true }).evidence[1]).toBe('the file in use is /conf/user/a/alice.sub');
    expect(classify({ ...file, computedExists: false }).evidence[1]).toBe(
      'there is no /conf/user/a/alice.sub, where it would be in use',
    );
    expect(classify({ ...file, computed: undefined, computedExists: false, why: 'gone' }).evidence).toEqual([
      'user alice was renamed or deleted',
    ]);
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

  it('is never a person’s for an empty directory, whatever is doubtful', () => {
    expect(verdict({ kind: 'empty' }, {}, true)).toBe('skip');
  });

  it('is a person’s where two places may be one mailbox, compared or not, and says what happens meanwhile', () => {
    const mayBeLive = { name: 'user.alice', path: '/spool/p2/user/alice' };
    const doubt = { ...PLACE, twin: TWIN, mayBeLive };
    const all = (facts: Facts, proof: Partial<Proof> | undefined, rivals: readonly string[] = []) =>
      judge(facts, proof && { ...PROOF, ...proof }, { isDoubtful: false, rivals });
    const why =
      'mailboxes.db keeps user.alice at /spool/p2/user/alice, where there is no index: this may be the live one';
    const rescued = 'until a rule of the job file decides, copies of these are rescued';
    const found = 'its message exists nowhere else (by SHA-1)';
    expect(all(doubt, { onlyHere: 1 })).toEqual({ verdict: 'person', evidence: [why, found, rescued] });
    expect(all(doubt, { inTwin: 1 }).verdict).toBe('person');
    expect(all({ ...doubt, messages: 0 }, undefined)).toEqual({ verdict: 'person', evidence: [why] });

    const rival = '/spool/p3/x has mail of the same uniqueid: nothing says which is the mailbox';
    expect(all(PLACE, { onlyHere: 1 }, ['/spool/p3/x'])).toEqual({
      verdict: 'person',
      evidence: [rival, found, rescued],
    });
    expect(all(PLACE, { elsewhere: 1 }, ['/spool/p3/x']).evidence).not.toContain(rescued);
    expect(all({ ...PLACE, messages: 0 }, undefined, ['/spool/p3/x']).verdict).toBe('person');
    expect(all({ ...PLACE, messages: 0 }, undefined).verdict).toBe('skip');
  });

  it('is a person’s for what is on its way in, as long as it was not compared', () => {
    expect(verdict({ kind: 'debris', what: 'staging' }, undefined)).toBe('person');
    expect(verdict({ kind: 'debris', what: 'unfinished-write' }, undefined)).toBe('skip');
  });

  it.each<[Partial<Proof>, string]>([
    [{ inTwin: 812 }, 'harmless: all 812 messages are in user.alice.Crossed (by SHA-1)'],
    [{ inTwin: 1 }, 'harmless: its message is in user.alice.Crossed (by SHA-1)'],
    [{ elsewhere: 2 }, 'harmless: all 2 messages are in other live mailboxes (by SHA-1)'],
    [{ expunged: 2 }, 'harmless: all 2 messages were expunged in user.alice.Crossed since'],
    [
      { inTwin: 4, elsewhere: 1, expunged: 2 },
      'harmless: of 7 messages 4 are in user.alice.Crossed, 1 is in other live mailboxes, 2 were expunged in user.alice.Crossed since (by SHA-1)',
    ],
    [{ onlyHere: 3, uids: [5, 7, 9] }, 'all 3 messages exist nowhere else (by SHA-1): UIDs 5, 7, 9'],
    [
      { onlyHere: 1, inTwin: 7, uids: [54] },
      '1 of 8 messages exists nowhere else (by SHA-1): UID 54; 7 are in user.alice.Crossed',
    ],
    [
      { onlyHere: 21, unreadable: 1, uids: Array.from({ length: 21 }, (_, i) => i + 1) },
      '21 of 22 messages exist nowhere else (by SHA-1): UIDs 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, …; 1 of 22 could not be read',
    ],
    [{ inTwin: 7, unreadable: 1 }, '7 are in user.alice.Crossed; 1 of 8 could not be read'],
  ])('has its proof in a sentence: %j', (proof, expected) => {
    const all = judge({ ...PLACE, twin: TWIN }, { ...PROOF, ...proof }, { isDoubtful: false, rivals: [] });
    expect(all.evidence).toEqual([expected]);
  });

  it('is migrate for deleted mailboxes unless the job leaves them', () => {
    const deleted = { kind: 'deleted', mailbox: 'DELETED.user.bob.Old.6B047DA5', atSec: 0x6b047da5 } as const;
    expect(verdict({ ...deleted, migrated: true }, {})).toBe('migrate');
    expect(verdict({ ...deleted, migrated: false }, {})).toBe('skip');
  });
});
