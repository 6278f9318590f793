/** Text tables of the bench, each figure beside its ratio to the first row. */
import { medianRun, type Run } from './measure.js';

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

const seconds = (value: number) => (value < 10 ? value.toFixed(3) : value.toFixed(1));

/** Medians of several tools; ratios are against the first. */
export function runTable(runs: ReadonlyMap<string, readonly Run[]>): string {
  const rows: string[][] = [];
  let first: ReturnType<typeof medianRun> | undefined;
  for (const [name, list] of runs) {
    if (list.length === 0) continue;
    const m = medianRun(list);
    first ??= m;
    const cpu = m.userSec + m.systemSec;
    rows.push([
      name,
      seconds(m.wallSec),
      (m.wallSec / first.wallSec).toFixed(3),
      seconds(m.onDiskSec),
      (m.onDiskSec / first.onDiskSec).toFixed(3),
      seconds(m.userSec),
      seconds(m.systemSec),
      (cpu / (first.userSec + first.systemSec)).toFixed(3),
      (m.maxRssKiB / 1024).toFixed(0),
      String(list.length),
    ]);
  }
  return table(['', 'wall s', 'ratio', 'on disk s', 'ratio', 'user s', 'sys s', 'cpu ratio', 'RSS MiB', 'runs'], rows);
}
