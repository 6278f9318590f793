import { writeMailboxHeader } from '../cyrus/mailbox/header.js';
import type { UserFlags } from '../cyrus/mailbox/sync-crc.js';
import type { HeaderForm } from '../model/sync-task.js';

/** The target's cyrus.header: flags of the source's own in their slots, all else as mailboxes.db says. */
export function targetHeader({ form, quotaRoot, uniqueid, acl, name, types }: HeaderForm, flags: UserFlags): Buffer {
  return writeMailboxHeader({ form, quotaRoot, uniqueid, flags, acl, name, types }, form);
}
