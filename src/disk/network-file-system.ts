/** Whether a file system tells of what others do to it. */
import { statfsSync } from 'node:fs';
import { ifThere, osPath } from './os-path.js';

/** @see statfs(2), linux/magic.h; of each the name that people know. */
const REMOTE: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9p'],
  [0x00c36400, 'Ceph'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0x5346414f, 'AFS'],
]);

/** The kind of a file system that other machines may write to, unseen by this one's kernel; undefined for others. */
export function networkFileSystem(path: string): string | undefined {
  const type = ifThere(() => statfsSync(osPath(path)).type);
  return type === undefined ? undefined : REMOTE.get(type >>> 0);
}
