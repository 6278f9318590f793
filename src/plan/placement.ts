/** Where a mailbox lies on the target once its partition is known, and which policy a job has that names none. Pure. */
import type { CyrusConf } from '../cyrus/conf/cyrus-conf.js';
import { type MailboxPlace, placeOf } from '../cyrus/layout/mailbox-place.js';
import { isAtLeast } from '../cyrus/version.js';
import type { Job, Layout } from '../job/job.js';
import type { SourceMailbox } from '../model/mailbox.js';
import type { Policy } from './rules.js';

/** The policy of a job. */
export function policyOf({ options, source, target }: Pick<Job, 'options' | 'source' | 'target'>): Policy {
  return options.placement.policy ?? defaultPolicy(source.conf, target.conf);
}

/** The policy of a job that names none: partitions of the same names stay, others are balanced. */
export function defaultPolicy(source: CyrusConf, target: CyrusConf): Policy {
  return [...source.partitions.keys()].every((name) => target.partitions.has(name)) ? 'keep' : 'balance';
}

/** Whether the target keeps this mailbox by name. */
function isLegacyOnTarget(mailbox: Pick<SourceMailbox, 'place'>, layout: Layout, target: CyrusConf): boolean {
  if (!isAtLeast(target.version, '3.6')) return true;
  return layout === 'keep' ? mailbox.place.legacy : layout === 'name';
}

/** The place of a mailbox on the target. */
export function targetPlace(
  mailbox: Pick<SourceMailbox, 'name' | 'uniqueid' | 'place'>,
  partition: string,
  layout: Layout,
  target: CyrusConf,
): MailboxPlace {
  const legacy = isLegacyOnTarget(mailbox, layout, target);
  const place = placeOf(target, { name: mailbox.name, uniqueid: mailbox.uniqueid, partition, legacy });
  if (!place) throw new RangeError(`no partition ${partition}`);
  return place;
}
