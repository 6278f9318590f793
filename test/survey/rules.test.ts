import { describe, expect, it } from 'vitest';
import { parseJobFile } from '../../src/job/job-file.js';
import { compileRules, type RuleSubject } from '../../src/survey/rules.js';

const FILE = '[source]\nimapd_conf = "/a"\nversion = "2.4"\n[target]\nimapd_conf = "/b"\nversion = "3.6"\n';
const SUBJECT: RuleSubject = {
  paths: ['/spool/p1/user/ben/Old', '/meta/p1/user/ben/Old'],
  class: 'orphan-mailbox',
  mailbox: 'user.ben.Old',
};

function decide(rules: string, subject: Partial<RuleSubject> = {}): string | undefined {
  const found = compileRules(parseJobFile(FILE + rules, 'job.toml').leftovers)({ ...SUBJECT, ...subject });
  return found && `${found.number} ${found.rule.action}`;
}
const rule = (...lines: string[]) => `[[leftovers]]\n${lines.join('\n')}\n`;

describe('a rule of the job file', () => {
  it.each([
    ['any path of the leftover', rule('path = "/meta/p1/user/ben/Old/"', 'action = "skip"'), '1 skip'],
    ['no path below it', rule('path = "/spool/p1/user/ben"', 'action = "skip"'), undefined],
    ['one of several paths', rule('path = ["/x", "/spool/p1/user/ben/Old"]', 'action = "rescue"'), '1 rescue'],
    ['a glob across directories', rule('glob = "/spool/**/Old"', 'action = "skip"'), '1 skip'],
    ['a star within one name only', rule('glob = "/spool/*/Old"', 'action = "skip"'), undefined],
    ['braces and negation', rule('glob = "/{spool,archive}/p1/!(x)/ben/*"', 'action = "skip"'), '1 skip'],
    ['a class', rule('class = "orphan-mailbox"', 'action = "skip"'), '1 skip'],
    ['one of several classes', rule('class = ["debris", "orphan-mailbox"]', 'action = "skip"'), '1 skip'],
    ['a mailbox', rule('mailbox = "user.ben.Old"', 'action = "rescue"'), '1 rescue'],
    [
      'only where all of its keys do',
      rule('class = "debris"', 'mailbox = "user.ben.Old"', 'action = "skip"'),
      undefined,
    ],
    [
      'first of those that do',
      rule('class = "debris"', 'action = "skip"') +
        rule('glob = "/**"', 'action = "rescue"') +
        rule('glob = "/**"', 'action = "skip"'),
      '2 rescue',
    ],
    ['everything where it has no key', rule('action = "skip"'), '1 skip'],
  ])('fits %s', (_, rules, expected) => expect(decide(rules)).toBe(expected));

  it('fits names with bytes that are no pattern', () => {
    expect(
      decide(rule('path = "/spool/p1/user/ben/[br]*"', 'action = "skip"'), { paths: ['/spool/p1/user/ben/[br]*'] }),
    ).toBe('1 skip');
    expect(decide(rule('glob = "/spool/**"', 'action = "skip"'), { paths: ['/spool/p1/user/ben/.hidden'] })).toBe(
      '1 skip',
    );
  });

  it.each([
    ['an unknown class', 'class = "junk"\naction = "skip"'],
    ['an unknown action', 'path = "/x"\naction = "delete"'],
    ['migrate-as-live without a mailbox', 'path = "/x"\naction = "migrate-as-live"'],
    ['migrate-as-live by glob', 'glob = "/x"\nmailbox = "user.ben"\naction = "migrate-as-live"'],
  ])('is refused with %s', (_, lines) => {
    expect(() => parseJobFile(`${FILE}[[leftovers]]\n${lines}\n`, 'job.toml')).toThrow(/not a job file/);
  });
});
