/** Sieve scripts: each user's directory, and the global ones, to where the target looks for them. */
import { globalSieveDir, sieveDir } from '../cyrus/layout/config-paths.js';
import { isInbox, userOf } from '../cyrus/names/mailbox-name.js';
import type { SourceRoot } from '../disk/source.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { ConfigWriter } from './config-writer.js';
import type { Migrated } from './migrated.js';

/** @returns how many files were copied. */
export function migrateSieve(
  job: Job,
  source: SourceRoot,
  writer: ConfigWriter,
  migrated: Migrated,
  problems: ProblemList,
): number {
  const [from, to] = [job.source.conf, job.target.conf];
  let files = 0;
  const domains = new Set<string | undefined>([undefined]);
  for (const { mailbox } of migrated.mailboxes) {
    const user = userOf(mailbox.name, from);
    if (user?.domain !== undefined) domains.add(user.domain);
    if (!user || !isInbox(mailbox.name, from)) continue;
    files += copyScripts(
      source,
      sieveDir(from, user, migrated.sourceInboxUuid(user)),
      writer,
      sieveDir(to, user, migrated.targetInboxUuid(user)),
      problems,
    );
  }
  for (const domain of domains)
    files += copyScripts(source, globalSieveDir(from, domain), writer, globalSieveDir(to, domain), problems);
  return files;
}

function copyScripts(
  source: SourceRoot,
  from: string,
  writer: ConfigWriter,
  to: string,
  problems: ProblemList,
): number {
  const dir = source.dir(from);
  if (!dir) return 0;
  let files = 0;
  try {
    const entries = dir.list();
    for (const { name, kind } of entries) {
      if (kind === 'file' && /\.(script|bc)$/.test(name)) {
        const stat = dir.stat(name);
        const bytes = dir.read(name);
        if (!bytes || !stat) continue;
        writer.write(`${to}/${name}`, bytes);
        writer.setTimes(`${to}/${name}`, Number(stat.mtimeNs / 1_000_000_000n)); // becomes "last updated"
        files++;
      } else if (kind === 'link' && name === 'defaultbc') {
        const pointsTo = source.readLink(`${from}/${name}`) ?? '';
        // Only a plain name beside it: what else a link may say must not be carried over.
        if (/^[^/]+\.bc$/.test(pointsTo) && entries.some((entry) => entry.name === pointsTo)) {
          writer.link(`${to}/${name}`, pointsTo);
          files++;
        } else {
          problems.add({
            code: 'sieve-active-broken',
            message: `defaultbc points to "${pointsTo}", which is not there`,
            advice: 'Activate a script for this user on the target.',
            path: `${source.path}/${from}/${name}`,
          });
        }
      }
    }
  } finally {
    dir.close();
  }
  return files;
}
