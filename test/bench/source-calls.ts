/** What a pass asks of the old server's disks: opens, stats and bytes read below the source, counted by strace. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CYRSYNC, type Lab, RSYNC, runTool, type SourceSpool, Target, type Tool } from './lab.js';
import { table } from './table.js';

interface Calls {
  opens: number;
  stats: number;
  directoriesRead: number;
  bytesRead: number;
}

export async function idleCalls(lab: Lab, source: SourceSpool): Promise<string> {
  const rows: string[][] = [];
  for (const tool of [RSYNC, CYRSYNC]) {
    const target = new Target(lab.images, lab.work, 'calls');
    try {
      target.make(source.size);
      tool.prepare?.(source, target);
      await runTool(tool, source, target);
      await runTool(tool, source, target); // the first idle pass may still have to look again
      const { opens, stats, directoriesRead, bytesRead } = countCalls(tool, source, target);
      rows.push([tool.name, String(opens), String(stats), String(directoriesRead), String(bytesRead)]);
    } finally {
      target.remove();
    }
  }
  return table(['', 'files opened', 'stats', 'directories read', 'bytes read'], rows);
}

function countCalls(tool: Tool, source: SourceSpool, target: Target): Calls {
  const out = join(target.image.mount, 'strace.out');
  const calls = 'trace=open,openat,openat2,stat,lstat,fstat,newfstatat,statx,getdents64,read,pread64,readv';
  const run = spawnSync('strace', ['-f', '-y', '-s', '0', '-e', calls, '-o', out, ...tool.argv(source, target)]);
  if (run.error) throw run.error;
  const found: Calls = { opens: 0, stats: 0, directoriesRead: 0, bytesRead: 0 };
  const below = `${source.dir}/`;
  let directory = ''; // rsync stats names relative to the directory that it has gone to
  for (const line of readFileSync(out, 'latin1').split('\n')) {
    const call = /^\d+ +(\w+)\((.*)\) += +(-?\d+)(<[^>]*>)?/.exec(line);
    if (!call) continue;
    const [, name, args, result] = call;
    if (name === 'getdents64') directory = /<([^>]*)>/.exec(args!)?.[1] ?? directory;
    if (!args!.includes(below) && !args!.includes(`${source.dir}>`)) continue;
    if (name!.startsWith('open')) found.opens++;
    else if (name!.includes('stat')) found.stats++;
    else if (name === 'getdents64') found.directoriesRead++;
    else if (Number(result) > 0) found.bytesRead += Number(result);
  }
  rmSync(out);
  return found;
}
