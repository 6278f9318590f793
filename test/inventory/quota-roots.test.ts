import { describe, expect, it } from 'vitest';
import { asInternalName } from '../../src/cyrus/names/mailbox-name.js';
import { quotaRootOf } from '../../src/inventory/quota-roots.js';
import { confOf } from '../cyrus/conf/conf-of.js';

const domains = confOf('3.6', { virtdomains: 'userid', defaultdomain: 'home.example' });
const plain = confOf('2.3', { delete_mode: 'delayed' });

describe('the quota root of a mailbox', () => {
  // The rule as reference cyrus-names-and-databases.md 7 has it: the longest root at or above the name, then the domain's.
  it.each<[string, string[], string | undefined]>([
    ['user.ben', ['user.ben'], 'user.ben'],
    ['user.ben.Sent', ['user.ben'], 'user.ben'],
    ['user.ben.Sent.2020', ['user.ben', 'user.ben.Sent'], 'user.ben.Sent'],
    ['user.ben', ['user.ben.Sent'], undefined],
    ['user.benedict', ['user.ben'], undefined],
    ['user.ben', ['user'], 'user'],
    ['shared.lists', ['shared'], 'shared'],
    ['user.carol^smith.Sent', ['user.carol', 'user.carol^smith'], 'user.carol^smith'],
    ['DELETED.user.ben.6B047DA5', ['user.ben'], undefined],
    ['DELETED.user.ben.6B047DA5', ['user.ben', 'DELETED'], 'DELETED'],
    ['user.ben', [], undefined],
  ])('%s with roots %j: %s', (name, roots, expected) =>
    expect(quotaRootOf(asInternalName(name), new Map(roots.map((root) => [root, {}])), plain)).toBe(expected),
  );

  it.each<[string, string[], string | undefined]>([
    ['one.example!user.anna.Sent', ['one.example!user.anna'], 'one.example!user.anna'],
    ['one.example!user.anna', ['user.anna'], undefined],
    ['user.anna', ['one.example!user.anna'], undefined],
    ['one.example!user.anna', ['one.example!'], 'one.example!'],
    ['one.example!user.anna', ['one.example!', 'one.example!user.anna'], 'one.example!user.anna'],
    ['two.example!user.anna', ['one.example!'], undefined],
    ['user.anna', ['one.example!'], undefined],
    ['one.example!DELETED.user.anna.6B047DA5', ['one.example!'], 'one.example!'],
    ['one.example!DELETED.user.anna.6B047DA5', ['one.example!', 'one.example!DELETED'], 'one.example!DELETED'],
  ])('with domains, %s with roots %j: %s', (name, roots, expected) =>
    expect(quotaRootOf(asInternalName(name), new Map(roots.map((root) => [root, {}])), domains)).toBe(expected),
  );
});
