/**
 * The fingerprint of a mailbox: what must be looked at to know that nothing in it changed.
 * @see reference cyrus-mailbox-files.md 9.2
 */
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { changedNs, type FileStat, fingerprintOf, statPath } from '../disk/file-stat.js';

export interface MailboxPrint {
  readonly header: string;
  /** Of all files looked at; `-` for one that is not there. */
  readonly all: string;
  /** Nanoseconds since 1970 of the latest change of any of them. */
  readonly newestNs: bigint;
  readonly hasIndex: boolean;
  readonly hasHeader: boolean;
}

/** @param real Puts the root's prefix in front of a path. @param hasExpunge Whether this source keeps cyrus.expunge. */
export function mailboxPrint(
  place: Pick<MailboxPlace, 'meta'>,
  real: (path: string) => string,
  hasExpunge: boolean,
): MailboxPrint {
  let newestNs = 0n;
  const look = (dir: string, name: string): FileStat | undefined => {
    const stat = statPath(`${real(dir)}/${name}`);
    if (stat) {
      const changed = changedNs(stat);
      if (changed > newestNs) newestNs = changed;
    }
    return stat;
  };
  const { meta } = place; // made anew each time
  const header = look(meta.header, 'cyrus.header');
  const index = look(meta.index, 'cyrus.index');
  // cyrus.expunge is 2.3's alone, cyrus.annotations 2.5's and later.
  const third = hasExpunge ? look(meta.expunge, 'cyrus.expunge') : look(meta.annotations, 'cyrus.annotations');
  const headerPrint = fingerprintOf(header);
  return {
    header: headerPrint,
    all: `${headerPrint} ${fingerprintOf(index)} ${fingerprintOf(third)}`,
    newestNs,
    hasIndex: index !== undefined,
    hasHeader: header !== undefined,
  };
}

/** Younger than this, a file may have been written again within the tick that its times show (reference 9.2). */
const RACY_NS = 1_100_000_000n;

/** True where another write could hide behind the same times. */
export function isRacy(print: MailboxPrint, nowMs: number): boolean {
  return BigInt(nowMs) * 1_000_000n - print.newestNs < RACY_NS;
}
