import { expect, it } from 'vitest';
import { FormatError } from '../../../src/base/errors.js';
import { parseUserDeny, printUserDeny } from '../../../src/cyrus/records/user-deny.js';

// no spool has a user_deny.db; forms as imap/userdeny_db.c of 3.6.1 parses and prints them
it.each([
  ['1\timap,pop3', { services: 'imap,pop3' }],
  ['1\timap\tignored', { services: 'imap' }],
  ['2\t*', { services: '*' }],
  ['2\t*\tGo\taway', { services: '*', message: 'Go\taway' }],
])('user_deny record %j is read', (value, expected) => expect(parseUserDeny(value, 'x')).toEqual(expected));

it.each(['2\t*', '2\t*\tGo\taway', '2\timap\t'])('user_deny record %j comes back', (value) =>
  expect(printUserDeny(parseUserDeny(value, 'x'))).toBe(value),
);

it.each(['', '3\t*', '0\t*', '2', '2 *'])('user_deny record %j is refused', (value) =>
  expect(() => parseUserDeny(value, 'x')).toThrow(FormatError),
);
