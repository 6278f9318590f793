/** The account of the source in words: what it all is, and that it is all. */
import { formatBytes } from '../base/units.js';
import { type Account, LIVE_CLASSES } from '../model/account.js';
import { table } from './text.js';

const WORDS: Readonly<Record<string, string>> = {
  mailbox: 'live mailboxes',
  'user-file': 'user files',
  'quota-root': 'quota roots',
  sieve: 'scripts',
  search: 'search databases',
  server: "the server's own",
};

/** `accounted for: 1962 files, 8 MiB = live mailboxes 1200 + user files 40 + … + stale-copy 80 + …`, then a line for each root. */
export function accountText(account: Account): string {
  const { files, bytes, directories, classes, roots, unaccounted } = account;
  const live = new Set<string>(LIVE_CLASSES);
  const terms = classes
    .filter((c) => c.files > 0)
    .map((c) => `${live.has(c.class) ? (WORDS[c.class] ?? c.class) : c.class} ${c.files} (${formatBytes(c.bytes)})`);
  return [
    `Accounted for: ${files} files, ${bytes} bytes, in ${directories} directories`,
    `  = ${terms.join(' + ')}`,
    ...(unaccounted === 0 ? [] : [`  ${unaccounted} files came or went meanwhile`]),
    table(
      ['root', 'kind', 'directories', 'files', 'bytes'],
      roots.map((root) => [root.path, root.kind, root.directories, root.files, root.bytes]),
    ),
  ].join('\n');
}
