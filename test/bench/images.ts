/**
 * File systems of the bench: ext4 in a file, mounted through a loop device that does not cache (direct I/O), so that
 * unmounting is what makes a side cold, and only that side. A target is made anew for each run: on ext4 a tree that was
 * removed and is made again within minutes takes 5-10 times as long (inodes are reused).
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const mounted = new Set<Image>();
process.on('exit', () => {
  for (const image of [...mounted]) image.unmount();
});

export class Image {
  readonly file: string;
  readonly mount: string;

  constructor(file: string, mount: string) {
    this.file = file;
    this.mount = mount;
  }

  get exists(): boolean {
    return existsSync(this.file);
  }

  /** @param inodes At least so many; the default of mkfs is one for 16 KiB. */
  make(sizeBytes: number, inodes: number): void {
    this.unmount();
    mkdirSync(dirname(this.file), { recursive: true });
    rmSync(this.file, { force: true });
    writeFileSync(this.file, '');
    truncateSync(this.file, sizeBytes);
    // No background work of ext4's own within a measured run.
    const lazy = 'lazy_itable_init=0,lazy_journal_init=0';
    execFileSync('mkfs.ext4', ['-q', '-F', '-E', lazy, '-N', String(inodes), this.file]);
    this.mountNow();
  }

  mountNow(): void {
    mkdirSync(this.mount, { recursive: true });
    if (readFileSync('/proc/mounts', 'utf8').includes(` ${this.mount} `))
      throw new Error(`${this.mount} is mounted: another bench runs with this --work, or one died; umount it`);
    const onTmpfs = this.file.startsWith('/dev/shm/');
    const device = execFileSync('losetup', ['-f', '--show', ...(onTmpfs ? [] : ['--direct-io=on']), this.file])
      .toString()
      .trim();
    try {
      execFileSync('mount', ['-t', 'ext4', device, this.mount]);
    } finally {
      execFileSync('losetup', ['-d', device]); // it goes with the mount
    }
    mounted.add(this);
  }

  unmount(): void {
    if (!mounted.delete(this)) return;
    execFileSync('umount', [this.mount]);
  }

  /** What the page cache has of it is gone after this. */
  makeCold(): void {
    this.unmount();
    this.mountNow();
  }

  remove(): void {
    this.unmount();
    rmSync(this.file, { force: true });
  }
}
