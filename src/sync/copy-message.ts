/**
 * HOT: every message of a first copy. One file from source to target: read whole, written under its own name, dated by
 * INTERNALDATE. No temporary name (25 % of the time of a small file) and no fsync: the batch's barrier makes it last,
 * and a crash before that leaves the mailbox in flight, to be checked by content.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, futimesSync, readSync, type Stats, writeSync } from 'node:fs';
import { copyOpened, linksOfOpened, openToCopy } from '../disk/copy-file.js';
import { hashDescriptor } from '../disk/hash-file.js';
import { native } from '../disk/native.js';
import { ifThere } from '../disk/os-path.js';
import type { SourceDir } from '../disk/source.js';
import type { TargetDir } from '../disk/target.js';

/** 1 MiB holds nearly every message in one read; larger ones go through it in pieces. */
const buffer = Buffer.allocUnsafeSlow(1 << 20);

interface Links {
  linkInstead(stat: Stats): boolean;
  afterCopy(stat: Stats): boolean;
}

export interface CopiedMessage {
  readonly sizeBytes: number;
  /** SHA-1 of the content, where it was asked for. */
  readonly guid: Buffer | undefined;
  readonly linked: boolean;
}

/**
 * @param linkInstead Asked for a file that has other links; true where it put a link in place of a copy.
 * @param afterCopy Told of a copied file that has other links, so that those can be links to it; true where it became one.
 * @returns undefined where the source has no such file: expunged meanwhile, or damage.
 */
export function copyMessage(
  from: SourceDir,
  to: TargetDir,
  name: string,
  internalDateSec: number,
  wantGuid: boolean,
  links: Links | undefined,
): CopiedMessage | undefined {
  const calls = native()?.file;
  if (!calls) return copyByNode(from, to, name, internalDateSec, wantGuid, links);
  const fd = openToCopy(calls, from, name);
  if (fd < 0) return undefined;
  try {
    const stat = links && linksOfOpened() > 1 ? fstatSync(fd) : undefined;
    if (stat && links?.linkInstead(stat))
      return { sizeBytes: stat.size, guid: wantGuid ? hashDescriptor(fd).guid : undefined, linked: true };
    const hash = wantGuid ? createHash('sha1') : undefined;
    const sizeBytes = copyOpened(calls, fd, to, name, internalDateSec, buffer, hash && ((piece) => hash.update(piece)));
    const linked = stat !== undefined && links!.afterCopy(stat);
    return { sizeBytes, guid: hash?.digest(), linked };
  } finally {
    calls.close(fd);
  }
}

/** The plain twin. */
function copyByNode(
  from: SourceDir,
  to: TargetDir,
  name: string,
  internalDateSec: number,
  wantGuid: boolean,
  links: Links | undefined,
): CopiedMessage | undefined {
  const input = ifThere(() => from.openMessage(name));
  if (!input) return undefined;
  const { fd, stat } = input;
  try {
    if (links && stat.nlink > 1 && links.linkInstead(stat)) {
      return { sizeBytes: stat.size, guid: wantGuid ? hashDescriptor(fd).guid : undefined, linked: true };
    }
    const output = to.create(name);
    try {
      const hash = wantGuid ? createHash('sha1') : undefined;
      let sizeBytes = 0;
      for (;;) {
        const n = readSync(fd, buffer, 0, buffer.length, null);
        if (n === 0) break;
        hash?.update(buffer.subarray(0, n));
        for (let at = 0; at < n; ) at += writeSync(output, buffer, at, n - at);
        sizeBytes += n;
        if (n < buffer.length) break; // a regular file gives less only at its end
      }
      futimesSync(output, internalDateSec, internalDateSec);
      const linked = links !== undefined && stat.nlink > 1 && links.afterCopy(stat);
      return { sizeBytes, guid: hash?.digest(), linked };
    } finally {
      closeSync(output);
    }
  } finally {
    closeSync(fd);
  }
}
