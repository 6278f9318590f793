/** Where a mailbox lies on the source, as the state keeps it: partition and directory. Pure. */
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { type MailboxPlace, placeBelow, uniqueidOfDir } from '../cyrus/layout/mailbox-place.js';

export function sourceKey(place: Pick<MailboxPlace, 'partition' | 'relative'>): string {
  return `${place.partition} ${place.relative}`;
}

/** Undefined for a partition that imapd.conf lost. */
export function placeOfSourceKey(key: string, conf: CyrusConf): MailboxPlace | undefined {
  const cut = key.indexOf(' ');
  const roots = conf.partitions.get(key.slice(0, cut));
  const relative = key.slice(cut + 1);
  return roots && placeBelow(roots, uniqueidOfDir(relative) === undefined, relative);
}
