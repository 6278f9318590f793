/** One run of the planner alone, in a process of its own: `plan-run.mjs USERS PARTITIONS SEED`. Prints JSON. */
import { balance } from '../../src/plan/balance.js';
import type { Loads } from '../../src/plan/loads.js';
import { lowerBound } from '../../src/plan/lower-bound.js';
import { movedBytes, rebalance } from '../../src/plan/rebalance.js';
import type { PlacementTask } from '../../src/plan/units.js';
import { randoms } from '../support/randoms.js';

const [users = 1_000_000, partitions = 8, seed = 1] = process.argv.slice(2).map(Number);

const random = randoms(seed);
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** Mail as it is: sizes over five orders of magnitude, many small messages or few large ones. */
function makeTask(): PlacementTask {
  const bytes = new Float64Array(users);
  const files = new Float64Array(users);
  const diskBytes = new Float64Array(users);
  const inodes = new Float64Array(users);
  const keys: string[] = [];
  for (let u = 0; u < users; u++) {
    keys.push(`user.u${String(u).padStart(8, '0')}`);
    files[u] = Math.ceil(Math.exp(6 + 1.6 * normal()));
    bytes[u] = Math.ceil(files[u]! * Math.exp(10 + 0.9 * normal()));
    diskBytes[u] = bytes[u]! + files[u]! * 3000;
    inodes[u] = files[u]! + 40;
  }
  const total = diskBytes.reduce((a, b) => a + b, 0);
  const slot = (disk: number) => ({ disk, bytes, files, diskBytes, inodes });
  // disks of different sizes, the mail fills 60 % of them
  const sizes = Array.from({ length: partitions }, (_, p) => 1 + (p % 3));
  const all = sizes.reduce((a, b) => a + b, 0);
  return {
    keys,
    partitions: sizes.map((_, p) => ({ name: `p${p}`, slots: [slot(p)] })),
    disks: sizes.map((size) => ({ bytes: (total / 0.6) * (size / all), inodes: Number.POSITIVE_INFINITY })),
    choices: [sizes.map((_, p) => p)],
    choice: new Uint16Array(users),
    current: new Int16Array(users).fill(-1),
    lying: bytes,
  };
}

const task = makeTask();
const begun = performance.now();
const cpu = process.cpuUsage();
const plan: Loads = balance(task);
const bound = lowerBound(plan);
const seconds = (performance.now() - begun) / 1000;
const { user, system } = process.cpuUsage(cpu);
const afterPlan = process.resourceUsage().maxRSS * 1024;

// one more partition, empty: what has to move, and what is moved
const again = performance.now();
const wider: PlacementTask = {
  ...task,
  partitions: [...task.partitions, { name: 'new', slots: [{ ...task.partitions[0]!.slots[0]!, disk: partitions }] }],
  disks: [...task.disks, task.disks[0]!],
  choices: [[...task.choices[0]!, partitions]],
  current: plan.assignment,
};
const { loads: moved, aim } = rebalance(wider, 1.02, () => true);
process.stdout.write(
  `${JSON.stringify({
    users,
    partitions,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    peakRss: afterPlan,
    spread: plan.spread(),
    lowerBound: bound,
    rebalance: {
      seconds: (performance.now() - again) / 1000,
      spread: moved.spread(),
      aim,
      moved: movedBytes(wider, moved) / task.lying.reduce((a, b) => a + b, 0),
      least: 1 - aim * (1 - moved.shares[partitions]!),
    },
  })}\n`,
);
