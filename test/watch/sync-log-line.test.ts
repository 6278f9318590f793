import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hintsOfLogLine } from '../../src/watch/sync-log-line.js';

/** As lmtpd, imapd and ctl_mboxlist of Cyrus 3.6.1 wrote them (live test `watch-log`), or as sync_log.h has them. */
it.each([
  ['APPEND user.alice', [{ kind: 'mailbox', name: 'user.alice' }]],
  ['MAILBOX user.carol^smith.Sent', [{ kind: 'mailbox', name: 'user.carol^smith.Sent' }]],
  ['MAILBOX "user.alice.Made while it ran"', [{ kind: 'mailbox', name: 'user.alice.Made while it ran' }]],
  ['MAILBOX "user.alice.a\\"b\\\\c"', [{ kind: 'mailbox', name: 'user.alice.a"b\\c' }]],
  [
    'DOUBLEMAILBOX user.alice "user.alice.Old (1)"',
    [
      { kind: 'mailbox', name: 'user.alice' },
      { kind: 'mailbox', name: 'user.alice.Old (1)' },
    ],
  ],
  ['UNMAILBOX user.bob', [{ kind: 'databases' }]],
  ['RENAME user.bob user.rob', [{ kind: 'databases' }]],
  ['QUOTA user.bob', [{ kind: 'databases' }]],
  ['SEEN bob 6f0c1b52-4a7e', [{ kind: 'read-states' }]],
  ['META bob', []],
  ['SUB bob user.alice', []],
  ['', []],
  ['MAILBOX', []],
  ['MAILBOX "torn', []],
])('%s', (line, hints) => expect(hintsOfLogLine(line)).toEqual(hints));

it('never fails, whatever a line holds, and finds each name that sync_quote_name wrote', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (line) => void hintsOfLogLine(line)));
  const quote = (name: string) => `"${name.replace(/[\\"{}]/g, (c) => `\\${c}`)}"`;
  const names = fc.string({ minLength: 1 }).filter((name) => !/[\r\n]/.test(name));
  fc.assert(
    fc.property(names, (name) => {
      expect(hintsOfLogLine(`MAILBOX ${quote(name)}`)).toEqual([{ kind: 'mailbox', name }]);
    }),
  );
});
