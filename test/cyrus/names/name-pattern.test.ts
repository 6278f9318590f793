import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asInternalName, type NameConf } from '../../../src/cyrus/names/mailbox-name.js';
import {
  type NamePattern,
  NamePatterns,
  parseNamePattern,
  subjectOfName,
  textOfSubject,
} from '../../../src/cyrus/names/name-pattern.js';

const CONF = { deletedPrefix: 'DELETED', unixHierarchySep: true, defaultDomain: 'main.example' } as const;
const VIRT: NameConf = { ...CONF, version: '3.6', virtDomains: 'userid' };
const OLD: NameConf = { ...CONF, version: '2.3', virtDomains: 'off', defaultDomain: undefined };

function fits(pattern: string, name: string, conf = VIRT): boolean {
  const parsed = parseNamePattern(pattern, conf);
  if ('wrong' in parsed) throw new Error(parsed.wrong);
  return parsed.fits(subjectOfName(asInternalName(name), conf));
}

describe('a pattern for users and shared mailboxes', () => {
  it.each([
    ['anna', 'user.anna', true],
    ['anna', 'user.anna.Sent', true],
    ['anna', 'DELETED.user.anna.6B047DA5', true],
    ['anna', 'DELETED.user.anna.Sent.6B047DA5', true],
    ['anna', 'user.annabel', false],
    ['anna', 'user.Anna', false],
    ['anna', 'anna', false],
    ['anna', 'one.example!user.anna', false],
    ['carol.smith', 'user.carol^smith.Work', true],
    ['carol^smith', 'user.carol^smith.Work', true],
    ['carol', 'user.carol^smith', false],
    ['test*', 'user.test', true],
    ['test*', 'user.test^3.Sent', true],
    ['test*', 'one.example!user.test', false],
    ['test?', 'user.test', false],
    ['*', 'user.anna', true],
    ['*', 'lists', false],
    ['*', 'one.example!user.anna', false],
    ["o'neil", "user.o'neil", true],
    ['a.b', 'user.axb', false],
    ['anna@one.example', 'one.example!user.anna', true],
    ['anna@one.example', 'one.example!DELETED.user.anna.6B047DA5', true],
    ['anna@two.example', 'one.example!user.anna', false],
    ['anna@main.example', 'user.anna', true],
    ['anna@*', 'user.anna', false],
    ['*@*.example', 'one.example!user.anna', true],
    ['@one.example', 'one.example!user.anna', true],
    ['@one.example', 'one.example!lists.dev', true],
    ['@one.example', 'two.example!user.anna', false],
    ['@one?example', 'one.example!user.anna', true],
    ['@main.example', 'user.anna', true],
    ['@main.example', 'lists', true],
    ['@main.example', 'one.example!user.anna', false],
    ['@*', 'one.example!user.anna', true],
    ['@*', 'user.anna', false],
    ['shared:lists', 'lists', true],
    ['shared:lists', 'lists.dev.old', true],
    ['shared:lists', 'DELETED.lists.dev.6B047DA5', true],
    ['shared:lists', 'user.lists', false],
    ['shared:lists', 'one.example!lists', false],
    ['shared:lists@one.example', 'one.example!lists.dev', true],
    ['shared:*', 'news', true],
    ['shared:*', 'user.news', false],
  ])('%s, held against %s: %s', (pattern, name, expected) => expect(fits(pattern, name)).toBe(expected));

  it.each([
    ['ben@x', 'user.ben@x', true],
    ['ben', 'user.ben@x', false],
    ['odd!name', 'user.odd!name', true],
  ])('of 2.3 without virtdomains, where neither @ nor ! is anything special: %s, %s: %s', (pattern, name, expected) =>
    expect(fits(pattern, name, OLD)).toBe(expected),
  );

  it.each(['', 'shared:', 'anna@', 'shared:@one.example', 'anna/Sent', 'shared:lists/dev'])(
    'is refused where it means nobody: "%s"',
    (text) => expect(parseNamePattern(text, VIRT)).toHaveProperty('wrong'),
  );

  it('fits the very mailbox that it is the text of, and is found among others by that', () =>
    fc.assert(
      fc.property(
        fc.constantFrom('', 'one.example!', 'x.y!'),
        fc.constantFrom('user.', ''),
        fc.string({ unit: fc.constantFrom(...'abAB09-_+$()[]{}\\|^ \xe4'), minLength: 1, maxLength: 6 }),
        fc.constantFrom('', '.Sent'),
        (domain, user, local, folder) => {
          const subject = subjectOfName(asInternalName(`${domain}${user}${local}${folder}`), VIRT);
          const pattern = parseNamePattern(textOfSubject(subject), VIRT);
          if ('wrong' in pattern) return false;
          const many = new NamePatterns([pattern]);
          return pattern.fits(subject) && many.find(subject) === pattern.text && many.unmet.length === 0;
        },
      ),
    ));

  it('that is literal and met nobody is told', () => {
    const patterns = ['anna', 'bob', 'c*', '@x'].map((text) => parseNamePattern(text, VIRT));
    const many = new NamePatterns(patterns.filter((pattern): pattern is NamePattern => !('wrong' in pattern)));
    expect(many.find(subjectOfName(asInternalName('user.anna'), VIRT))).toBe('anna');
    expect(many.unmet).toEqual(['bob']);
  });
});
