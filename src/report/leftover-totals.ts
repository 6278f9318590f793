import { formatBytes } from '../base/units.js';
import { table } from './text.js';

/** One class of what the walk of the old server found. */
export interface ClassTotal {
  readonly class: string;
  readonly directories: number;
  readonly files: number;
  /** null: nobody added them up. */
  readonly bytes: number | null;
}

/** DELETED mailboxes are among the leftovers, and yet they are migrated, unless the job file says otherwise. */
export function leftoverTotalsText(
  heading: string,
  totals: readonly ClassTotal[],
  deleted: 'migrate' | 'leave',
): string {
  const comes = (name: string) => name === 'deleted-awaiting-expire' && deleted === 'migrate';
  const rows = totals.map((l) => [
    l.class,
    l.directories,
    l.files,
    l.bytes === null ? '' : formatBytes(l.bytes),
    comes(l.class) ? 'migrated, with their users' : '',
  ]);
  return `${heading}:\n${table(['class', 'directories', 'files', 'size', ''], rows)}`;
}
