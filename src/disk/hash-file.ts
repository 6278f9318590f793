/** SHA-1 of a file's content: what Cyrus calls a message's GUID. */
import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { ifThere } from './os-path.js';

export interface HashedFile {
  readonly guid: Buffer;
  readonly sizeBytes: number;
}

/** 1 MiB holds nearly every message in one read. */
const buffer = Buffer.allocUnsafeSlow(1 << 20);

/** Of what the descriptor has from here to its end. */
export function hashDescriptor(fd: number): HashedFile {
  const hash = createHash('sha1');
  let sizeBytes = 0;
  for (;;) {
    const n = readSync(fd, buffer, 0, buffer.length, null);
    if (n === 0) return { guid: hash.digest(), sizeBytes };
    hash.update(buffer.subarray(0, n));
    sizeBytes += n;
  }
}

/** Of the file that `open` opens, which is closed again; undefined where there is none. */
export function hashFile(open: () => number): HashedFile | undefined {
  const fd = ifThere(open);
  if (fd === undefined) return undefined;
  try {
    return hashDescriptor(fd);
  } finally {
    closeSync(fd);
  }
}
