import { describe, expect, it } from 'vitest';
import { leftoverTotalsText } from '../../src/report/leftover-totals.js';

const TOTALS = [
  { class: 'stale-copy', directories: 2, files: 40, bytes: 4096 },
  { class: 'deleted-awaiting-expire', directories: 3, files: 9, bytes: null },
];

describe('the table of what is left behind', () => {
  it('says that DELETED mailboxes come along, and no size that nobody measured', () => {
    const lines = leftoverTotalsText('Left behind', TOTALS, 'migrate').split('\n');
    expect(lines[3]).toMatch(/^stale-copy +2 +40 +4\.0 KiB$/);
    expect(lines[4]).toMatch(/^deleted-awaiting-expire +3 +9 +migrated, with their users$/);
  });

  it('says nothing of the kind where the job file leaves them', () =>
    expect(leftoverTotalsText('Left behind', TOTALS, 'leave')).not.toContain('migrated'));
});
