/**
 * Whether the directories lie where imapd.conf says: someone may have switched hashimapspool or fulldirhash without
 * `rehash`, upgraded 2.x to 3.x with fulldirhash and dots in names, or switched to directories by uniqueid. Then live
 * mailboxes look as if they had no directory, or users as if they had read nothing. Looks at a sample.
 */
import type { CyrusConf, Hashing } from '../cyrus/conf/cyrus-conf.js';
import { userFile } from '../cyrus/layout/config-paths.js';
import { type MailboxPlace, placeOf } from '../cyrus/layout/mailbox-place.js';
import { checkName, isInbox, userOf } from '../cyrus/names/mailbox-name.js';
import { isLive, type MailboxEntry } from '../cyrus/records/mailboxes-db.js';
import { type CyrusVersion, isAtLeast } from '../cyrus/version.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Problem } from '../model/problem.js';

/** Mailboxes looked at, evenly over all: each costs a stat, and five more where nothing is. */
const SAMPLE = 1000;

interface OtherLayout {
  /** As it completes "lie only …". */
  readonly text: string;
  readonly place: (mailbox: MailboxEntry & { partition: string }) => MailboxPlace | undefined;
}

/** @returns One problem for mailboxes and one for user files, each only where something lies elsewhere. */
export function layoutContradictions(
  conf: CyrusConf,
  trees: SourceTrees,
  mailboxes: readonly MailboxEntry[],
): Problem[] {
  const live = mailboxes.filter(
    (one): one is MailboxEntry & { partition: string } =>
      isLive(one) && one.partition !== undefined && conf.partitions.has(one.partition) && !checkName(one.name),
  );
  const step = Math.max(1, Math.ceil(live.length / SAMPLE));
  const sample = live.filter((_, i) => i % step === 0);
  return [...directoriesElsewhere(conf, trees, sample, live.length), ...userFilesElsewhere(conf, trees, live)];
}

const HASHING_TEXT: Readonly<Record<Hashing, string>> = {
  none: 'without hash directories (hashimapspool: no)',
  basic: 'in hash directories of one letter (hashimapspool: yes, fulldirhash: no)',
  full: 'in those of fulldirhash (hashimapspool: yes, fulldirhash: yes)',
};

function otherLayouts(conf: CyrusConf): OtherLayout[] {
  const byName = (text: string, other: CyrusConf): OtherLayout => ({
    text,
    place: ({ name, partition }) => placeOf(other, { name, partition, legacy: true }),
  });
  const hashings = (['none', 'basic', 'full'] as const).map((spoolHashing) =>
    byName(HASHING_TEXT[spoolHashing], { ...conf, spoolHashing }),
  );
  // The hash of a name with a dot changed in 3.0 (reference 3.1).
  const version: CyrusVersion = isAtLeast(conf.version, '3.0') ? '2.5' : '3.0';
  const text = `where Cyrus ${version === '3.0' ? 'from 3.0 on' : 'up to 2.5'} hashes a name with a dot to (fulldirhash)`;
  const rehashed = byName(text, { ...conf, version, spoolHashing: 'full' });
  const byId: OtherLayout = {
    text: 'by uniqueid (uuid/…)',
    place: ({ name, uniqueid, partition }) => placeOf(conf, { name, uniqueid, partition, legacy: false }),
  };
  return [...hashings, rehashed, ...(isAtLeast(conf.version, '3.6') ? [byId] : [])];
}

function directoriesElsewhere(
  conf: CyrusConf,
  trees: SourceTrees,
  sample: readonly (MailboxEntry & { partition: string })[],
  total: number,
): Problem[] {
  const others = otherLayouts(conf);
  const found = new Map<string, { count: number; example: { at: string; instead: string; name: string } }>();
  let inPlace = 0;
  let elsewhere = 0;
  for (const mailbox of sample) {
    const legacy = !isAtLeast(conf.version, '3.6') || mailbox.legacy;
    const place = placeOf(conf, { ...mailbox, legacy });
    if (!place) continue;
    if (hasHeader(trees, place)) {
      inPlace++;
      continue;
    }
    for (const { text, place: of } of others) {
      const other = of(mailbox);
      if (!other || other.relative === place.relative || !hasHeader(trees, other)) continue;
      elsewhere++;
      const known = found.get(text);
      if (known) known.count++;
      else
        found.set(text, {
          count: 1,
          example: { at: other.meta.header, instead: place.meta.header, name: mailbox.name },
        });
      break;
    }
  }
  if (elsewhere === 0) return [];
  const evidence = [...found].map(
    ([text, { count, example }]) =>
      `${count} lie only ${text}, such as ${example.name} in ${example.at} instead of ${example.instead}`,
  );
  return [
    {
      code: 'layout-contradicts-conf',
      message: `The old server's imapd.conf says where mailboxes lie, and the disk says otherwise: of ${sample.length} looked at (${total} live), ${inPlace} lie there; ${evidence.join('; ')}.`,
      advice:
        'Set hashimapspool and fulldirhash in the old imapd.conf (or a copy of it that init reads) to what the directories show, or let the old server’s `rehash` move them. Until then these mailboxes are not migrated.',
      path: conf.file,
    },
  ];
}

function hasHeader(trees: SourceTrees, place: MailboxPlace): boolean {
  return trees.root(place.roots.meta.header)?.stat(`${place.relative}/cyrus.header`) !== undefined;
}

/** By name; those by uniqueid are not hashed. What is a copy left behind has its twin where it should be. */
function userFilesElsewhere(conf: CyrusConf, trees: SourceTrees, live: readonly MailboxEntry[]): Problem[] {
  const root = trees.root(conf.configDirectory);
  if (!root) return [];
  const inboxes = live.filter((one) => isInbox(one.name, conf) && (!isAtLeast(conf.version, '3.6') || one.legacy));
  const step = Math.max(1, Math.ceil(inboxes.length / SAMPLE));
  const sample = inboxes.filter((_, i) => i % step === 0);
  const version: CyrusVersion = isAtLeast(conf.version, '3.0') ? '2.5' : '3.0';
  const others = [
    { ...conf, configHashing: conf.configHashing === 'full' ? 'basic' : 'full' } as const,
    { ...conf, version },
  ];
  let inPlace = 0;
  const elsewhere: { at: string; instead: string }[] = [];
  for (const { name } of sample) {
    const user = userOf(name, conf);
    if (!user) continue;
    for (const suffix of ['seen', 'sub']) {
      const instead = userFile(conf, user, suffix);
      if (root.stat(instead)) {
        inPlace++;
        break;
      }
      const at = others
        .map((other) => userFile(other, user, suffix))
        .find((path) => path !== instead && root.stat(path));
      if (at === undefined) continue;
      elsewhere.push({ at, instead });
      break;
    }
  }
  const [example] = elsewhere;
  if (!example) return [];
  return [
    {
      code: 'user-files-contradict-conf',
      message: `Of ${sample.length} users looked at, ${inPlace} have seen or subscription files where imapd.conf says, and ${elsewhere.length} only elsewhere, such as ${example.at} instead of ${example.instead}.`,
      advice:
        'Set fulldirhash in the old imapd.conf (or a copy of it that init reads) to what the directories show, or let the old server’s `rehash` move them. Until then these users lose what they have read and subscribed to.',
      path: conf.configDirectory,
    },
  ];
}
