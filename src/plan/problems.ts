/** What a plan and a pass say of placement: a partition that would overflow, a spread that went too far, idle rules. */
import { formatBytes, plural } from '../base/units.js';
import type { Problem } from '../model/problem.js';
import type { State } from '../state/state.js';
import type { Collected } from './collect.js';
import type { Decision } from './decide.js';
import type { Disks } from './disks.js';
import type { PlacementRules } from './rules.js';

const UNEVEN = 'spread-exceeded';

export function problemsOf(
  { loads, bytesThen }: Decision,
  { disks, partitions }: Disks,
  spread: number,
  bound: number,
  limit: number,
  collected: Collected,
): Problem[] {
  const problems: Problem[] = [];
  for (const { disk, bytes, inodes } of loads.shortfalls()) {
    const on = partitions.filter((p) => Object.values(p.disk).includes(disk));
    problems.push({
      code: 'partition-overflows',
      message: `${on.length === 1 ? 'partition' : 'partitions'} ${on.map((p) => p.name).join(', ')}: what belongs there is ${[
        ...(bytes > 0 ? [formatBytes(bytes)] : []),
        ...(inodes > 0 ? [plural(inodes, 'inode')] : []),
      ].join(' and ')} more than its file system has room for${grown(loads, bytesThen, collected, partitions, on)}`,
      advice:
        loads.mostOfShare < 1 || disks.length === 1
          ? 'Free space, add a partition to the new imapd.conf, or leave users out.'
          : 'Run `cyrsync plan --rebalance`, free space, or add a partition to the new imapd.conf.',
    });
  }
  if (problems.length === 0 && spread > limit * bound) {
    const fullest = partitions.filter((_, p) => loads.shares[p]! > 0 && loads.measure(p) >= spread);
    problems.push({
      code: UNEVEN,
      message: `the fullest partition, ${fullest[0]!.name}, carries ${spread.toFixed(2)} times its share; ${bound.toFixed(2)} can be had${grown(loads, bytesThen, collected, partitions, fullest)}`,
      advice: 'Run `cyrsync plan --rebalance`: it shows what would move, and the next pass moves it on the target.',
    });
  }
  return problems;
}

/** Who grew most since he was placed there. */
function grown(
  { assignment }: Decision['loads'],
  bytesThen: Float64Array,
  { bytesOf, nameOf, keys }: Collected,
  partitions: Disks['partitions'],
  on: Disks['partitions'],
): string {
  let most = 0;
  let who = -1;
  for (let u = 0; u < keys.length; u++) {
    if (bytesThen[u]! < 0 || !on.includes(partitions[assignment[u]!]!)) continue;
    const by = bytesOf(u) - bytesThen[u]!;
    if (by > most) {
      most = by;
      who = u;
    }
  }
  if (who < 0) return '';
  return `; ${nameOf(who)} has grown by ${formatBytes(most)} since it was placed there`;
}

/** What a pass says of them: a disk that overflows each time, a spread that went too far once, until it is mended. */
export function newProblems({ problems }: { readonly problems: readonly Problem[] }, state: State): Problem[] {
  const isUneven = problems.some(({ code }) => code === UNEVEN);
  const wasSaid = state.fact('spreadSaid') !== undefined;
  if (isUneven !== wasSaid) state.setFact('spreadSaid', isUneven ? 'said' : undefined);
  return problems.filter(({ code }) => code !== UNEVEN || !wasSaid);
}

/** The rules of the job file that fit no mailbox: written wrong, or not needed any more. */
export function idleRules({ details: { rules } }: { readonly details: { readonly rules: PlacementRules } }): Problem[] {
  return rules.written
    .filter(({ uses }) => uses === 0)
    .map(({ text }) => ({
      code: 'rule-fits-nothing',
      message: `[placement] ${text} fits no mailbox`,
      advice: 'Compare the name with `cyrsync where`: internal names, dots between, ^ for a dot within, dom! in front.',
      path: text,
    }));
}
