import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type MailboxHeader, readMailboxHeader } from '../../../src/cyrus/mailbox/header.js';
import { type IndexView, readIndex } from '../../../src/cyrus/mailbox/index.js';

/** Folders of fixtures/mailbox, each with an index and a header that a real server wrote. */
export const MAILBOXES = [
  'v6-by-3.6',
  'v7-by-3.6',
  'v8-by-3.6',
  'v9-by-3.6',
  'v10-drafts',
  'v10-boomerang',
  'v12-boomerang',
  'v12-trash',
  'v12-busy-delete',
  'v13-cafe',
  'v14-by-3.6',
  'v15-by-3.6',
  'v16-one',
  'v17-archived',
  'v19-boomerang',
  'v19-expunged',
] as const;
export type FixtureMailbox = (typeof MAILBOXES)[number];
/** Those with CRCs. */
export const WITH_CRC = MAILBOXES.filter((name) => /^v1[2-9]/.test(name));

export function fixturePath(mailbox: FixtureMailbox, file: string): string {
  return fileURLToPath(new URL(`../../../fixtures/mailbox/${mailbox}/${file}`, import.meta.url));
}

export function fixtureFile(mailbox: FixtureMailbox, file: string): Buffer {
  return readFileSync(fixturePath(mailbox, file));
}

export function hasFixture(mailbox: FixtureMailbox, file: string): boolean {
  return existsSync(fixturePath(mailbox, file));
}

export function fixtureIndex(mailbox: FixtureMailbox): IndexView {
  return readIndex(fixtureFile(mailbox, 'cyrus.index'), `${mailbox}/cyrus.index`);
}

export function fixtureHeader(mailbox: FixtureMailbox): MailboxHeader {
  return readMailboxHeader(fixtureFile(mailbox, 'cyrus.header'), `${mailbox}/cyrus.header`);
}
