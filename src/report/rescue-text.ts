/** What was rescued, for people. */
import { formatBytes, plural } from '../base/units.js';
import { table } from './text.js';

interface Rescued {
  readonly mode: 'copy' | 'mailbox' | 'off';
  readonly directory: string | null;
  readonly messages: number;
  readonly bytes: number;
  readonly written: number;
  readonly mailboxes: readonly { readonly external: string; readonly messages: number }[];
  readonly entries: readonly {
    readonly file: string | null;
    readonly inMailbox: { readonly name: string; readonly uid: number } | null;
    readonly mailbox: string | null;
    readonly date: string;
    readonly bytes: number;
    readonly from: readonly string[];
  }[];
}

/** So many are listed one by one; the manifest has all. */
const SHOWN = 40;

export function rescueText({ mode, directory, messages, bytes, written, mailboxes, entries }: Rescued): string {
  if (messages === 0) return 'No message exists only in leftovers.';
  const what = `${plural(messages, 'message')} (${formatBytes(bytes)}) that ${messages === 1 ? 'exists' : 'exist'} only in leftovers`;
  if (directory === null) return `${what} would be rescued (${mode}).`;
  const where =
    mode === 'mailbox'
      ? `are served in ${mailboxes.map((m) => `${m.external} (${m.messages})`).join(', ')}`
      : `are copied to ${directory}`;
  return [
    `${what}: ${where}, ${written} in this run; ${directory}/README.txt says where each came from and how to bring it back.`,
    table(
      ['was in', 'date', 'size', 'now', 'found at'],
      entries
        .slice(0, SHOWN)
        .map((e) => [
          e.mailbox ?? '',
          e.date.slice(0, 10),
          formatBytes(e.bytes),
          e.file ?? `${e.inMailbox?.name} UID ${e.inMailbox?.uid}`,
          e.from[0] ?? '',
        ]),
    ),
    ...(entries.length > SHOWN ? [`… and ${entries.length - SHOWN} more`] : []),
  ].join('\n');
}
