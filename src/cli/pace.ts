/** The options of passes beside a live server: how much of the machine they may take. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { formatBytes, parseBytes } from '../base/units.js';
import { type IoClass, setIoClass, setNice } from '../disk/priority.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { Pace } from '../sync/pass-context.js';

export interface PaceOptions {
  readonly bwlimit?: number;
  readonly iops?: number;
  readonly maxLoad?: number;
  readonly ioClass?: IoClass;
  readonly nice?: number;
  readonly workers?: number;
}

export function addPaceOptions(command: Command): Command {
  return command
    .option('--bwlimit <rate>', 'read at most so much a second from the source: 20M, 512K', toRate)
    .option('--iops <n>', 'copy at most so many message files a second', toNumber(1))
    .option('--max-load <n>', 'begin no mailbox while the load average of the last minute is above it', toNumber(0.01))
    .addOption(new Option('--io-class <class>', 'give way to others on the disk').choices(['idle', 'low']))
    .option('--nice <n>', 'give way to others on the processor: 1 to 19', toNumber(1, 19, true))
    .option('--workers <n>', 'mailboxes copied at the same time', toNumber(1, 64, true));
}

/** What the command line says, else the job file. Priorities are set at once. */
export function paceOf(options: PaceOptions, job: Job, problems: ProblemList): Pace {
  const { run } = job.options;
  const ioClass = options.ioClass ?? run.io_class;
  const nice = options.nice ?? run.nice;
  if (nice !== undefined) setNice(nice);
  if (ioClass !== undefined && !setIoClass(ioClass))
    problems.add({
      code: 'io-class-not-set',
      message: `the disk's class "${ioClass}" can not be set on this machine`,
      advice: 'Start cyrsync under ionice(1) instead.',
    });
  return {
    bytesPerSec: options.bwlimit ?? run.bwlimit,
    filesPerSec: options.iops ?? run.iops,
    maxLoad: options.maxLoad ?? run.max_load,
    workers: options.workers ?? run.workers,
  };
}

/** `at most 20 MiB and 100 files a second`; empty where there is no limit. */
export function paceText({ bytesPerSec, filesPerSec, maxLoad }: Pace): string {
  const rates = [
    ...(bytesPerSec === undefined ? [] : [formatBytes(bytesPerSec)]),
    ...(filesPerSec === undefined ? [] : [`${filesPerSec} files`]),
  ];
  return [
    ...(rates.length > 0 ? [`at most ${rates.join(' and ')} a second`] : []),
    ...(maxLoad === undefined ? [] : [`no mailbox begun at a load above ${maxLoad}`]),
  ].join(', ');
}

function toRate(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined || bytes < 1) throw new InvalidArgumentError('It takes bytes a second such as 20M or 512K.');
  return bytes;
}

function toNumber(least: number, most = Number.POSITIVE_INFINITY, whole = false): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (text === '' || !(number >= least && number <= most) || (whole && !Number.isInteger(number)))
      throw new InvalidArgumentError(
        `It takes a ${whole ? 'whole ' : ''}number ${most === Number.POSITIVE_INFINITY ? `from ${least}` : `from ${least} to ${most}`}.`,
      );
    return number;
  };
}
