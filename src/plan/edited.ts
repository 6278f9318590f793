/**
 * Placements that a person wrote, row by row: each is checked before any is taken. Pure.
 *
 * Wrong is a row with a name or partition that is not there, one that was there already, one that a rule of the job file
 * contradicts. What has no row stays as it is; so does what the row leaves as it is.
 */
import type { Problem } from '../model/problem.js';
import type { DetailedPlan } from './plan.js';

export interface EditedRow {
  readonly line: number;
  readonly name: string;
  /** Partition of the source, where a user lies on several and each is placed by itself; `''`: all. */
  readonly from: string;
  readonly partition: string;
}

export interface Edits {
  /** By key, what is to lie elsewhere. */
  readonly edited: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

export function checkEdits(
  rows: readonly EditedRow[],
  { details: { collected, decision }, disks }: Pick<DetailedPlan, 'details' | 'disks'>,
  file: string,
): Edits {
  const { keys, nameOf, rules, rule } = collected;
  const partitions = disks.partitions.map(({ name }) => name);
  const byName = new Map<string, number[]>();
  const wanted = new Set(rows.map(({ name }) => name));
  for (let u = 0; u < keys.length; u++) {
    const name = nameOf(u);
    if (!wanted.has(name)) continue;
    const others = byName.get(name);
    if (others) others.push(u);
    else byName.set(name, [u]);
  }
  const problems: Problem[] = [];
  const edited = new Map<string, string>();
  const seen = new Map<number, number>();
  for (const { line, name, from, partition: text } of rows) {
    const wrong = (code: string, message: string, advice: string) => {
      problems.push({
        code,
        message,
        advice,
        mailbox: name,
        path: `${file}:${line}`,
      });
    };
    const units = (byName.get(name) ?? []).filter(
      (u) => from === '' || sourceOf(keys[u]!) === '' || sourceOf(keys[u]!) === from,
    );
    if (units.length === 0) {
      wrong(
        'csv-unknown-user',
        `there is no ${name === '' ? 'name' : name}`,
        'Take the names that `cyrsync plan --csv` writes, or take the row out.',
      );
      continue;
    }
    const partition = text.trim().toLowerCase();
    const p = partitions.indexOf(partition);
    if (p < 0) {
      wrong(
        'csv-unknown-partition',
        `the target has no partition "${partition}"`,
        `Give one of ${partitions.join(', ')}.`,
      );
      continue;
    }
    const twice = units.find((u) => seen.has(u));
    if (twice !== undefined) {
      wrong('csv-duplicate', `line ${seen.get(twice)} is about it already`, 'Leave one of the two.');
      continue;
    }
    for (const u of units) {
      seen.set(u, line);
      if (decision.loads.assignment[u] === p) continue;
      const ruled = rules[rule[u]!]!;
      if (ruled.kind === 'followed' || ruled.partitions.includes(partition)) edited.set(keys[u]!, partition);
      else
        wrong(
          'csv-against-rule',
          ruled.kind === 'free' ? `partition ${partition} is excluded` : `${ruled.text} in the job file says otherwise`,
          'Correct the row, or [placement] in the job file, which comes first.',
        );
    }
  }
  return { edited, problems };
}

/** Partition of the source that a key is about; `''` where it is about all. */
export function sourceOf(key: string): string {
  return key.split('\t')[1] ?? '';
}
