import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readDatabase } from '../../../src/cyrus/db/database.js';
import { readIndex } from '../../../src/cyrus/mailbox/index.js';
import { syncCrcAnnot } from '../../../src/cyrus/mailbox/sync-crc.js';
import { type Annotation, readAnnotations } from '../../../src/cyrus/records/annotations.js';
import { fixtureIndex } from './fixtures.js';

function annotated(mailbox: string) {
  const read = (file: string) =>
    readFileSync(fileURLToPath(new URL(`../../../fixtures/mailbox/${mailbox}/${file}`, import.meta.url)));
  const index = readIndex(read('cyrus.index'), mailbox);
  const { entries } = readDatabase(read('cyrus.annotations'), mailbox);
  return { index, annotations: readAnnotations(entries, mailbox).annotations };
}

// what a real server wrote into the header is the expectation
describe('the sync_crc of annotations', () => {
  it('of 3.2 counts annotations of messages, save dates and modseqs of creation', () => {
    const { index, annotations } = annotated('v16-annotated');
    expect(annotations.length).toBe(3);
    expect(syncCrcAnnot(index, annotations)).toBe(index.syncCrcAnnot);
  });

  it('of 3.0 starts from 0 in place of 12345678', () => {
    const { index, annotations } = annotated('v13-annotated');
    expect(annotations.length).toBe(2);
    expect((syncCrcAnnot(index, annotations) ^ 12345678) >>> 0).toBe(index.syncCrcAnnot);
  });

  it.each(['v16-one', 'v17-archived', 'v19-boomerang', 'v19-expunged'] as const)('of %s, without any', (mailbox) => {
    const index = fixtureIndex(mailbox);
    expect(syncCrcAnnot(index, [])).toBe(index.syncCrcAnnot);
  });

  it('leaves out tombstones, messages that are expunged or not there, and what the record has itself', () => {
    const index = fixtureIndex('v19-expunged');
    const expunged = Array.from({ length: index.count }, (_, i) => i).find((i) => index.isExpunged(i))!;
    const live = Array.from({ length: index.count }, (_, i) => i).find((i) => !index.isExpunged(i))!;
    const annotation = (uid: number, more: Partial<Annotation> = {}): Annotation => ({
      target: String(uid),
      entry: '/comment',
      userid: '',
      value: 'x',
      contentType: '',
      modifiedSinceSec: 0,
      deleted: false,
      ...more,
    });
    const none = [
      annotation(index.uid(expunged)),
      annotation(index.lastUid + 1),
      annotation(index.uid(live), { deleted: true }),
      annotation(index.uid(live), { entry: '/vendor/cmu/cyrus-imapd/savedate' }),
    ];
    expect(syncCrcAnnot(index, none)).toBe(index.syncCrcAnnot);
    expect(syncCrcAnnot(index, [annotation(index.uid(live))])).not.toBe(index.syncCrcAnnot);
  });
});
