import { describe, expect, it } from 'vitest';
import { spoolState } from './spool.js';
import { type AllowedDifference, diffStates, requireSame, rulesFor } from './state-diff.js';
import { UPGRADE_DIFFERENCES } from './upgrade-differences.js';

const box = (messages: unknown[], more: object = {}) => ({ mailboxes: { INBOX: { messages, ...more } } });

describe('two states', () => {
  it('are alike when only what belongs to the server differs', () => {
    const metadata = (value: string) => ({ metadata: { '/shared/vendor/cmu/cyrus-imapd/lastupdate': value } });
    expect(diffStates(metadata('a'), metadata('b')).differences).toEqual([]);
  });

  it.each<[string, unknown, unknown, string]>([
    [
      'a flag',
      box([{ uid: 1, flags: ['\\Seen'] }]),
      box([{ uid: 1, flags: [] }]),
      'mailboxes > INBOX > messages > 1 > flags',
    ],
    ['a lost message', box([{ uid: 1 }, { uid: 2 }]), box([{ uid: 1 }]), 'mailboxes > INBOX > messages > 2'],
    ['a message too many', box([{ uid: 1 }]), box([{ uid: 1 }, { uid: 2 }]), 'mailboxes > INBOX > messages > 2'],
    ['all messages lost', box([{ uid: 1 }]), box([]), 'mailboxes > INBOX > messages'],
    ['a lost mailbox', { mailboxes: { a: {}, b: {} } }, { mailboxes: { a: {} } }, 'mailboxes > b'],
    ['null and absent', box([], { modseq: null }), box([]), 'mailboxes > INBOX > modseq'],
    ['a number and its text', { n: 1 }, { n: '1' }, 'n'],
    ['a lost subscription', { subscriptions: ['a', 'b'] }, { subscriptions: ['a'] }, 'subscriptions'],
  ])('differ in %s', (_, want, have, path) => {
    const { differences } = diffStates(want, have);
    expect(differences.map((d) => d.path.join(' > '))).toEqual([path]);
    expect(() => requireSame(want, have)).toThrow(path);
  });

  it('each message is compared by its UID, whatever the order', () => {
    expect(diffStates(box([{ uid: 1 }, { uid: 2 }]), box([{ uid: 2 }, { uid: 1 }])).differences).toEqual([]);
  });

  it('a whole recorded spool is like itself, and one changed digest in it is found', () => {
    const [want, have] = [spoolState('3.2-uhs-meta'), spoolState('3.2-uhs-meta')];
    expect(diffStates(want, have).differences).toEqual([]);
    const message = have.users.alice!.mailboxes.INBOX!.messages![0]! as { sha256: string };
    message.sha256 = 'f'.repeat(64);
    expect(diffStates(want, have).differences).toHaveLength(1);
  });
});

describe('an allowed difference', () => {
  const allow = (rule: Omit<AllowedDifference, 'why'>) => [{ ...rule, why: 'because' }];

  it.each<[string, Omit<AllowedDifference, 'why'>, unknown, unknown, boolean]>([
    ['new, from absent', { path: /^x$/, from: 'absent' }, undefined, 'id', true],
    ['changed, from absent', { path: /^x$/, from: 'absent' }, 'old', 'id', false],
    ['gone, to absent', { path: /^x$/, to: 'absent' }, 'old', undefined, true],
    ['emptied, to absent', { path: /^x$/, to: 'absent' }, 'old', '', false],
    ['another path', { path: /^y$/ }, 1, 2, false],
    ['figures alike', { path: /^x$/, same: /\(.*\)/ }, ['user.42 (STORAGE 1 9)'], ['INBOX (STORAGE 1 9)'], true],
    ['figures changed', { path: /^x$/, same: /\(.*\)/ }, ['user.42 (STORAGE 1 9)'], ['INBOX (STORAGE 2 9)'], false],
    ['no figures at all', { path: /^x$/, same: /\(.*\)/ }, ['user.42'], ['INBOX'], false],
    ['but for an item', { path: /^x$/, but: /^\\Sent$/ }, ['\\HasChildren'], ['\\HasChildren', '\\Sent'], true],
    ['another item too', { path: /^x$/, but: /^\\Sent$/ }, ['\\HasChildren'], ['\\Sent'], false],
  ])('%s', (_, rule, want, have, allowed) => {
    const side = (value: unknown) => (value === undefined ? {} : { x: value });
    const diff = diffStates(side(want), side(have), allow(rule));
    expect(diff.differences).toHaveLength(allowed ? 0 : 1);
    expect(diff.waived).toEqual(allowed ? { because: 1 } : {});
  });

  it('is only for the spools it names: a 3.6 target of a 3.6 source may recompute sums and nothing else', () => {
    expect(rulesFor('3.6-uuid-archive', UPGRADE_DIFFERENCES).map((r) => r.why)).toEqual(['recomputed by the server']);
    expect(rulesFor('2.3-skiplist-uhs', UPGRADE_DIFFERENCES).length).toBeGreaterThan(5);
  });
});
