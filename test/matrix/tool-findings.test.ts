import { describe, expect, it } from 'vitest';
import { quotaFindings, reconstructFindings } from './tool-findings.js';

const cell = (name: string, version: string, indexes: 'needed' | 'all' = 'needed') => ({
  source: { name },
  target: { version },
  features: { indexes },
});
const BOXES = new Set(['user.alice.deep.x', 'user.42']);

// lines as the tools of 3.2.6, 3.6.1 and 3.10.2 print them
describe('reconstruct -n', () => {
  it.each([
    ['user.42 updating quota_expunged_used: 0 => 27998', '3.2-uhs-meta', '3.10', 0],
    ['user.42 updating quota_expunged_used: 0 => 27998', '3.10-fullhash-meta', '3.10', 1],
    ['user.42 updating quota_expunged_used: 5 => 27998', '3.2-uhs-meta', '3.10', 1],
    ['user.42: updating sync_crc_annot 0 => 12345678', '2.4-netnews-meta', '3.6', 0],
    ['user.42: updating sync_crc_annot 0 => 12345678', '3.2-uhs-meta', '3.6', 1],
    ['user.42: updating quota_mailbox_used: 7 => 8', '2.4-netnews-meta', '3.6', 1],
    ['user.alice.deep: Mailbox does not exist Failed to reconstruct mailbox', '3.2-uhs-meta', '3.2', 0],
    ['user.alice.deep: Mailbox does not exist Failed to reconstruct mailbox', '3.2-uhs-meta', '3.6', 1],
    ['user.alice.deep.x: Mailbox does not exist Failed to reconstruct mailbox', '3.2-uhs-meta', '3.2', 1],
    ['user.42 uid 20 found - adding', '3.2-uhs-meta', '3.6', 1],
    ['Marking file as not archived user.carol^smith 6', '3.6-uuid-archive', '3.6', 1],
    ['user.42', '3.2-uhs-meta', '3.6', 0],
  ])('%s of %s in %s counts %i', (line, source, target, count) => {
    expect(reconstructFindings(`user.a\n${line}\nuser.b\n`, cell(source, target), BOXES)).toHaveLength(count);
  });
});

it('reconstruct -n has nothing to say of sums where all indexes are in the version of the target', () => {
  const text = 'user.42 updating quota_expunged_used: 0 => 27998\n';
  expect(reconstructFindings(text, cell('3.2-uhs-meta', '3.10', 'all'), BOXES)).toHaveLength(1);
});

describe('quota -f', () => {
  it.each([
    ['user.alice: MESSAGE usage was 3, now 99', '3.2-uhs-meta', 1],
    ['one.example!list: quota root one.example! --> (none)', '3.6-virtdomains', 0],
    ['one.example!user.anna: quota root one.example!user.anna --> (none)', '3.6-virtdomains', 1],
    ['one.example!list: quota root one.example! --> (none)', '3.2-uhs-meta', 1],
    ['one.example!: removed', '3.6-virtdomains', 0],
    ['one.example!user.ben: removed', '3.6-virtdomains', 1],
    ['       50000        0       358 user.alice', '3.2-uhs-meta', 0],
  ])('%s of %s counts %i', (line, source, count) => {
    expect(quotaFindings(`${line}\n`, cell(source, '3.6'))).toHaveLength(count);
  });
});
