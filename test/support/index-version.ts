import type { CyrusVersion } from '../../src/cyrus/version.js';

/**
 * The minor version of cyrus.index that each release line writes into a new mailbox, and the highest that it reads.
 * @see cyrus-imapd imap/mailbox.h MAILBOX_MINOR_VERSION of each release
 */
export const INDEX_VERSION: Readonly<Record<CyrusVersion, number>> = {
  '2.2': 6,
  '2.3': 10,
  '2.4': 12,
  '2.5': 13,
  '3.0': 13,
  '3.2': 16,
  '3.4': 17,
  '3.6': 17,
  '3.8': 17,
  '3.10': 19,
  '3.12': 19,
};
