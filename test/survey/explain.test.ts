import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classify, type Facts, type PlaceFacts } from '../../src/survey/classify.js';
import { reasoning } from '../../src/survey/explain.js';

const text = fc.string({ maxLength: 8 });
const place: fc.Arbitrary<PlaceFacts> = fc.record({
  kind: fc.constant('place'),
  uniqueid: fc.option(text, { nil: undefined }),
  isWrongPath: fc.boolean(),
  twin: fc.option(fc.record({ name: text, path: text }), { nil: undefined }),
  nameLivesAt: fc.option(text, { nil: undefined }),
  record: fc.constantFrom(undefined, 'tombstone', 'reserved'),
  missingMessages: fc.nat(3),
  isMarkedDeleted: fc.boolean(),
  messages: fc.nat(3),
  deletedAtSec: fc.option(fc.nat(), { nil: undefined }),
  mayBeLive: fc.option(fc.record({ name: text, path: text }), { nil: undefined }),
});
const why = fc.constantFrom('bucket', 'by-uniqueid', 'gone', 'backend');
const computed = fc.option(text, { nil: undefined });
const facts: fc.Arbitrary<Facts> = fc.oneof(
  { arbitrary: place, weight: 5 },
  fc.constant({ kind: 'empty' }),
  fc.record({ kind: fc.constant('debris'), what: fc.constantFrom('unfinished-write', 'staging', 'out-of-place') }),
  fc.record({ kind: fc.constant('no-record'), mailbox: text, uid: fc.nat(), lastUid: fc.nat() }),
  fc.record({
    kind: fc.constantFrom('user-file', 'quota-file'),
    of: text,
    computed,
    computedExists: fc.boolean(),
    why,
  }),
  fc.record({ kind: fc.constant('foreign'), what: text }),
  fc.record({ kind: fc.constant('deleted'), mailbox: text, atSec: fc.constant(undefined), migrated: fc.boolean() }),
) as fc.Arbitrary<Facts>;

describe('the reasoning that explain shows', () => {
  it('ends at the class of the classifier, with no rule before it that fits', () =>
    fc.assert(
      fc.property(facts, (some) => {
        const steps = reasoning(some);
        expect(steps.at(-1)).toMatchObject({ class: classify(some).class, fits: true });
        expect(steps.slice(0, -1).filter(({ fits }) => fits)).toEqual([]);
        for (const { asks, saw } of steps) expect([asks, typeof saw]).not.toContain('');
      }),
    ));

  it('says of each rule what it saw', () => {
    const steps = reasoning({
      kind: 'place',
      uniqueid: 'abc',
      isWrongPath: false,
      twin: { name: 'user.ben.Sent', path: '/p2/user/ben/Sent' },
      nameLivesAt: undefined,
      record: undefined,
      missingMessages: 0,
      isMarkedDeleted: false,
      messages: 3,
      deletedAtSec: undefined,
      mayBeLive: undefined,
    });
    expect(steps.map((step) => step.class)).toEqual([
      'empty-directory',
      'debris',
      'message-without-record',
      'stale-user-file',
      'stale-quota-file',
      'foreign',
      'deleted-awaiting-expire',
      'wrong-hash',
      'unfinished-rename',
      'stale-copy',
    ]);
    expect(steps.at(-1)!.saw).toBe('uniqueid abc is user.ben.Sent’s, at /p2/user/ben/Sent');
    expect(steps[8]!.saw).toContain('0 messages of its index are missing');
  });
});
