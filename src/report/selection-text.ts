/** Who comes along and who does not, for people. */
import { formatBytes, plural } from '../base/units.js';
import type { SelectionSummary, UnitCounts } from '../model/selection-summary.js';
import { table } from './text.js';

/** So many are listed one by one; --json has all. */
const SHOWN = 40;

/** Empty where everybody comes. */
export function selectionText(summary: SelectionSummary): string {
  const { chosen, staying, stayingTotal, notChosen, final, doubts } = summary;
  if (stayingTotal.mailboxes + notChosen.mailboxes + final.mailboxes + doubts.length === 0) return '';
  const parts = [
    `Come along: ${countsText(chosen)}`,
    ...(final.mailboxes > 0 ? [`Were cut over in earlier waves: ${countsText(final)}`] : []),
    ...(notChosen.mailboxes > 0 ? [`Not chosen by \`only\`: ${countsText(notChosen)}`] : []),
  ];
  if (staying.length > 0)
    parts.push(
      `Left out: ${countsText(stayingTotal)}, ${plural(stayingTotal.messages, 'message')}, ${formatBytes(stayingTotal.bytes)}`,
      table(
        ['who', 'mailboxes', 'messages', 'size', 'why'],
        staying
          .slice(0, SHOWN)
          .map((s) => [s.who, s.mailboxes, s.messages, formatBytes(s.bytes), s.evidence[0] ?? 'no sign of use at all']),
      ),
      ...(staying.length > SHOWN ? [`… and ${staying.length - SHOWN} more, all of them with --json`] : []),
    );
  if (doubts.length > 0)
    parts.push(
      `Come along though no newer sign of use was seen:\n${table(
        ['who', 'why'],
        doubts.slice(0, SHOWN).map((d) => [d.who, d.why]),
      )}`,
    );
  return parts.join('\n');
}

function countsText({ users, shared, mailboxes }: UnitCounts): string {
  const trees = shared > 0 ? `, ${plural(shared, 'shared tree')}` : '';
  return `${plural(users, 'user')}${trees}, ${plural(mailboxes, 'mailbox', 'mailboxes')}`;
}
