/** A plan for people: partitions before and after, who is largest, what moves, and why something lies where it does. */
import { formatBytes, formatCount, plural } from '../base/units.js';
import type { Explanation, PartitionSum, PlannedMoves, TargetPartitionSum, UnitSum } from '../model/placement-view.js';
import { type Barred, barTable, type Cell, type Terminal } from './bars.js';
import { escapeText, table } from './text.js';

interface ShownPlan {
  readonly layout: string;
  readonly policy: string;
  /** Lines for the beginning: who is left out. */
  readonly head: readonly string[];
  readonly before: readonly PartitionSum[];
  readonly after: readonly TargetPartitionSum[];
  readonly spread: number;
  readonly lowerBound: number;
  readonly largest: readonly UnitSum[];
  readonly planned: PlannedMoves;
  readonly growth: { readonly bytesPerDay: number; readonly days: number } | undefined;
  readonly notes: readonly string[];
}

export function planText(plan: ShownPlan, terminal: Terminal): string {
  const { layout, policy, head, before, after, spread, lowerBound, largest, planned, growth, notes } = plan;
  return [
    `Layout: ${layout}; placement: ${policy}`,
    ...head,
    `Before\n${sumsText(before, terminal)}`,
    `After\n${sumsText(after, terminal)}`,
    ...apartText(after),
    spreadText(spread, lowerBound),
    `Largest\n${table(
      ['user', 'partition', 'size', 'files'],
      largest.map((u) => [u.unit, u.partition, formatBytes(u.bytes), u.files]),
    )}`,
    movesText(planned),
    ...(growth === undefined
      ? []
      : [
          `The source grew by ${formatBytes(Math.round(growth.bytesPerDay))} a day in the last ${plural(Math.round(growth.days), 'day')}.`,
        ]),
    ...notes.map((note) => `Note: ${note}`),
  ].join('\n\n');
}

function sumsText(sums: readonly (PartitionSum | TargetPartitionSum)[], terminal: Terminal): string {
  const most = (of: (sum: PartitionSum) => number) => Math.max(1, ...sums.map(of));
  const users = most((s) => s.users);
  const files = most((s) => s.files);
  const bytes = most((s) => s.bytes);
  const isAfter = sums.some((sum) => 'share' in sum);
  const head = ['partition', 'mailboxes', 'users', 'files', 'size', 'disk'];
  return barTable(
    isAfter ? [...head, 'of its share'] : head,
    sums.map((s): Cell[] => [
      s.name,
      { right: formatCount(s.mailboxes) },
      { text: formatCount(s.users), part: s.users / users },
      { text: formatCount(s.files), part: s.files / files },
      { text: formatBytes(s.bytes), part: s.bytes / bytes },
      filled(s.fileSystemFill),
      ...('share' in s ? [{ right: s.share > 0 ? percent(s.measure) : '-' }] : []),
    ]),
    terminal,
    [2, 3],
  );
}

/** How full a disk is, by colour too. */
function filled(part: number): Barred {
  return { text: percent(part), part, color: part >= 0.95 ? 'red' : part >= 0.85 ? 'yellow' : 'green' };
}

function percent(part: number): string {
  return `${(100 * part).toFixed(part < 0.1 ? 1 : 0)} %`;
}

function apartText(after: readonly TargetPartitionSum[]): string[] {
  const rows = after.flatMap((sum) => sum.apart.map((a) => [sum.name, a.kind, a.path, percent(a.fileSystemFill)]));
  return rows.length === 0 ? [] : [`On disks of their own\n${table(['partition', 'what', 'path', 'disk'], rows)}`];
}

function spreadText(spread: number, lowerBound: number): string {
  return `Spread: the fullest partition carries ${spread.toFixed(3)} times its share; no placement comes below ${lowerBound.toFixed(3)}.`;
}

function movesText({ mailboxes, bytes, bytesCopied, ways }: PlannedMoves): string {
  if (mailboxes === 0) return 'Nothing that lies on the target moves.';
  const how = bytesCopied === 0 ? 'all by rename' : `${formatBytes(bytesCopied)} of it copied to another file system`;
  return [
    `The next pass moves ${plural(mailboxes, 'mailbox', 'mailboxes')} on the target, ${formatBytes(bytes)}, ${how}; nothing is read from the source again.`,
    table(
      ['from', 'to', 'mailboxes', 'size'],
      ways.map((way) => [way.from, way.to, way.mailboxes, formatBytes(way.bytes)]),
    ),
  ].join('\n');
}

export function explanationText(e: Explanation): string {
  const line = (what: string, text: string) => `  ${what.padEnd(6)}${escapeText(text)}`;
  const size = `${formatBytes(e.bytes)} in ${plural(e.files, 'file')} of ${plural(e.mailboxes, 'mailbox', 'mailboxes')}`;
  const then =
    e.bytesWhenPlaced === null || e.bytesWhenPlaced === e.bytes
      ? ''
      : `; ${formatBytes(e.bytesWhenPlaced)} when it was placed`;
  return [
    `${escapeText(e.name)} goes to partition ${e.partition}: ${escapeText(e.reason)}`,
    ...(e.unit === e.name ? [] : [line('with', e.unit)]),
    line('size', `${size}, number ${formatCount(e.rank)} of ${formatCount(e.units)} by size${then}`),
    line('was on', ` ${e.sourcePartitions.join(', ')}`),
    ...(e.from === null ? [] : [line('from', e.from)]),
    ...(e.to === null ? [] : [line('to', e.to)]),
    ...e.moves.map((m) =>
      line(
        'moves',
        ` ${plural(m.mailboxes, 'mailbox', 'mailboxes')} (${formatBytes(m.bytes)}) from ${m.from} with the next pass, on the target`,
      ),
    ),
    '',
    table(
      ['partition', 'carries of its share', 'with it', 'room', ''],
      e.partitions.map((p) => [
        p.name,
        percent(p.without),
        percent(p.with),
        p.fits ? 'yes' : 'no',
        p.name === e.partition ? 'chosen' : p.allowed ? '' : p.because,
      ]),
    ),
  ].join('\n');
}
