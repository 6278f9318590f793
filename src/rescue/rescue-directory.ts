/** Where the copies go: beside the target's spool, never inside anything that a Cyrus tool walks. */
import { ConfigError, CyrsyncError } from '../base/errors.js';
import type { Owner } from '../disk/file-owner.js';
import { bytesOfText, errnoOf } from '../disk/os-path.js';
import { TargetTrees } from '../disk/trees.js';
import type { Job, Side } from '../job/job.js';

/** As the target's server names it. @throws ConfigError where it lies in a server's own directories */
export function rescueDirectory(job: Job): string {
  const { conf } = job.target;
  const given = job.options.migrate.rescue_directory;
  const partition = conf.partitions.get(conf.defaultPartition ?? '') ?? [...conf.partitions.values()][0]!;
  const path = (given === undefined ? `${partition.data}-rescued` : bytesOfText(given)).replace(/(?<=.)\/+$/, '');
  const real = job.target.real(path);
  for (const side of [job.source, job.target]) {
    const inside = rootsOf(side).find((root) => `${real}/`.startsWith(`${side.real(root)}/`));
    if (inside === undefined) continue;
    throw new ConfigError(
      `${path} is no place for rescued messages`,
      `it lies in ${inside}, which a Cyrus server calls its own`,
      'Name another directory as rescue_directory below [migrate] in the job file.',
    );
  }
  return path;
}

function rootsOf({ conf }: Side): string[] {
  const partitions = [...conf.partitions.values()].flatMap(({ data, archive, meta, metaPartition, search }) => [
    data,
    archive,
    metaPartition,
    ...Object.values(meta),
    ...search,
  ]);
  return [conf.configDirectory, conf.sieveDir, ...partitions].filter(
    (path) => path !== undefined && path !== '',
  ) as string[];
}

/** Opens it, making it where it is not there; what is above it must be. */
export function openRescueTrees(job: Job, path: string, owner: Owner): TargetTrees {
  const trees = new TargetTrees(job.target, owner);
  const cut = path.lastIndexOf('/');
  try {
    trees
      .root(path.slice(0, cut) || '/')
      .makeDir(path.slice(cut + 1))
      .close();
    trees.root(path);
    return trees;
  } catch (error) {
    trees.close();
    if (errnoOf(error) === undefined) throw error;
    throw new CyrsyncError(
      `${path} can not be made`,
      (error as Error).message,
      'Make it, or name another as rescue_directory below [migrate] in the job file; or let rescue = "off" there.',
      { code: 'rescue-directory', cause: error },
    );
  }
}
