import { describe, expect, it } from 'vitest';
import { askGuard, type GuardInput } from '../../src/sync/guard.js';

/** A job of 100 mailboxes with 1000 messages that lost nothing. */
const QUIET: GuardInput = {
  missingRoots: [],
  emptiedRoots: [],
  mailboxesBefore: 100,
  mailboxesGone: 0,
  mailboxesLeftOut: 0,
  messagesBefore: 1000,
  messagesGone: 0,
  accepted: 0,
  limits: { mailboxes: 20, mailboxes_percent: 10, messages_percent: 10 },
};

describe('the guard against emptying the target', () => {
  it.each<[string, Partial<GuardInput>, string]>([
    ['nothing is gone', {}, 'go'],
    ['a first pass: the target has nothing yet', { mailboxesBefore: 0, messagesBefore: 0 }, 'go'],
    ['a root is missing', { missingRoots: ['/old/a'] }, 'refuse'],
    ['a root is missing, whatever was accepted', { missingRoots: ['/old/a'], accepted: 1e9 }, 'refuse'],
    ['a partition is empty that had mailboxes', { emptiedRoots: ['/old/a'] }, 'refuse'],
    ['a partition is empty, whatever was accepted', { emptiedRoots: ['/old/a'], accepted: 1e9 }, 'refuse'],
    ['20 of 100 mailboxes are gone: a fifth, but few', { mailboxesGone: 20 }, 'go'],
    ['21 of 100 mailboxes are gone', { mailboxesGone: 21 }, 'refuse'],
    ['100 of 1000 mailboxes are gone: many, but just a tenth', { mailboxesBefore: 1000, mailboxesGone: 100 }, 'go'],
    ['101 of 1000 mailboxes are gone', { mailboxesBefore: 1000, mailboxesGone: 101 }, 'refuse'],
    ['all of 21 mailboxes are gone', { mailboxesBefore: 21, mailboxesGone: 21 }, 'refuse'],
    ['the 30 that are gone were accepted', { mailboxesGone: 30, accepted: 30 }, 'go'],
    ['one more is gone than was accepted', { mailboxesGone: 30, accepted: 29 }, 'refuse'],
    ['100 of 1000 messages are gone: just a tenth', { messagesGone: 100 }, 'go'],
    ['101 of 1000 messages are gone', { messagesGone: 101 }, 'hold-removals'],
    ['the 101 messages that are gone were accepted', { messagesGone: 101, accepted: 101 }, 'go'],
    ['all messages of a small job are gone', { messagesBefore: 21, messagesGone: 21 }, 'hold-removals'],
    ['too many mailboxes and messages: the stricter answer', { mailboxesGone: 50, messagesGone: 500 }, 'refuse'],
    [
      'the mailboxes were accepted, more messages are gone',
      { mailboxesGone: 50, messagesGone: 500, accepted: 50 },
      'hold-removals',
    ],
    [
      'limits of nought: one mailbox is one too many',
      { mailboxesGone: 1, limits: { mailboxes: 0, mailboxes_percent: 0, messages_percent: 10 } },
      'refuse',
    ],
    [
      'a limit of 100 % never refuses',
      {
        mailboxesGone: 100,
        messagesGone: 1000,
        limits: { mailboxes: 20, mailboxes_percent: 100, messages_percent: 100 },
      },
      'go',
    ],
  ])('%s', (_case, change, kind) => expect(askGuard({ ...QUIET, ...change }).kind).toBe(kind));

  it('names each root that is missing', () => {
    const answer = askGuard({ ...QUIET, missingRoots: ['/old/a', '/old/b'], emptiedRoots: ['/old/c'] });
    expect(answer).toMatchObject({ kind: 'refuse', why: 'the source has no /old/a, /old/b' });
  });

  it('goes on with the very number that its refusal printed', () => {
    const input = { ...QUIET, mailboxesGone: 37 };
    const answer = askGuard(input);
    const accepted = Number(/--accept-removals (\d+)/.exec(answer.kind === 'refuse' ? answer.next : '')?.[1]);
    expect(askGuard({ ...input, accepted }).kind).toBe('go');
  });

  it('goes on with the number of messages that it held back', () => {
    const input = { ...QUIET, messagesGone: 444 };
    const answer = askGuard(input);
    expect(answer).toMatchObject({ kind: 'hold-removals', accept: 444 });
    expect(askGuard({ ...input, accepted: answer.kind === 'hold-removals' ? answer.accept : 0 }).kind).toBe('go');
  });
});
