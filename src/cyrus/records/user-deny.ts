/** user_deny.db: services that a user may not use. Keys are userids. */

import { FormatError } from '../../base/errors.js';

export interface UserDeny {
  /** Services as a wildmat list: `*`, `imap,pop3`. */
  services: string;
  /** Told to the user; version 2 of the record only. */
  message?: string | undefined;
}

/**
 * Reads `VERSION TAB SERVICES [TAB MESSAGE]`.
 * @throws FormatError
 * @see cyrus-imapd 3.6.1 imap/userdeny_db.c parse_record
 */
export function parseUserDeny(value: string, file: string): UserDeny {
  const match = /^([12])\t([^\t]*)(?:\t(.*))?$/s.exec(value);
  if (!match) throw new FormatError(file, 0, '1|2 TAB SERVICES [TAB MESSAGE]', JSON.stringify(value.slice(0, 40)));
  const [, version, services = '', message] = match;
  return version === '2' ? { services, message } : { services };
}

/** The version 2 record, which 2.4 and later write. */
export function printUserDeny({ services, message }: UserDeny): string {
  return message === undefined ? `2\t${services}` : `2\t${services}\t${message}`;
}
