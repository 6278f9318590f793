import { describe, expect, it } from 'vitest';
import type { ImapState } from '../support/imap-state.js';
import type { Cell } from './cells.js';
import { expectedView } from './expected-view.js';

const cell = (before: 'yes' | 'no', after: 'yes' | 'no', version: string) =>
  ({ source: { unixhierarchysep: before }, target: { version }, features: { unixhierarchysep: after } }) as Cell;

const box = (quota: string[]) => ({ attributes: [], quota, messages: [{ uid: 1 }] });
const STATE = {
  admin: { mailboxes: {}, subscriptions: [], namespace: 'NIL (("user." ".")) (("" "."))' },
  users: {
    'carol-smith': {
      mailboxes: {
        'INBOX.Caf&AOk-.a^b': box([
          'user.carol-smith (STORAGE 39 99999 X-ANNOTATION-STORAGE 0 100 X-NUM-FOLDERS 5 100)',
        ]),
      },
      subscriptions: ['INBOX.a^b', 'INBOX.a'],
      namespace: '(("INBOX." ".")) (("user." ".")) (("" "."))',
    },
  },
} as unknown as ImapState;

describe('what a target has to show', () => {
  it('with unixhierarchysep switched on: / between the parts, a dot where 3.6.1 shows ^ otherwise, all else alike', () => {
    const view = expectedView(STATE, cell('no', 'yes', '3.6')).users['carol-smith']!;
    expect(view).toEqual({
      mailboxes: {
        'INBOX/Caf&AOk-/a.b': box([
          'user/carol-smith (STORAGE 39 99999 X-ANNOTATION-STORAGE 0 100 X-NUM-FOLDERS 5 100)',
        ]),
      },
      subscriptions: ['INBOX/a', 'INBOX/a.b'],
      namespace: '(("INBOX/" "/")) (("user/" "/")) (("" "/"))',
    });
  });

  it('of 3.10 and later: resources by the names of RFC 9208', () => {
    const quota = (version: string) =>
      expectedView(STATE, cell('no', 'no', version)).users['carol-smith']!.mailboxes['INBOX.Caf&AOk-.a^b']!.quota;
    expect(quota('3.10')).toEqual(['user.carol-smith (STORAGE 39 99999 ANNOTATION-STORAGE 0 100 MAILBOX 5 100)']);
    expect(quota('3.6')).toEqual([
      'user.carol-smith (STORAGE 39 99999 X-ANNOTATION-STORAGE 0 100 X-NUM-FOLDERS 5 100)',
    ]);
  });

  it('is what was recorded where nothing differs', () => {
    expect(expectedView(STATE, cell('no', 'no', '3.6'))).toEqual(STATE);
    expect(expectedView(STATE, cell('yes', 'yes', '3.2'))).toEqual(STATE);
  });
});
