import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import type { CyrusSetup } from './cyrus-conf.js';
import { CyrusServer } from './cyrus-server.js';
import { Job } from './job.js';
import { type SpoolName, type UnpackedSpool, unpackSpool } from './spool.js';

/** Why no real Cyrus can be started here, and what to do. */
function whatIsMissing(): string | undefined {
  const needed = [
    '/usr/lib/cyrus/bin/master',
    '/usr/lib/cyrus/bin/imapd',
    '/usr/lib/cyrus/bin/sync_client',
    '/usr/sbin/saslpasswd2',
  ];
  const reasons = [
    ...(needed.every((file) => existsSync(file))
      ? []
      : ['needs cyrus-imapd cyrus-admin cyrus-replication sasl2-bin: install these packages']),
    ...(process.getuid?.() === 0 ? [] : ['needs root']),
  ];
  return reasons.length > 0 ? reasons.join('; ') : undefined;
}

const missing = whatIsMissing();
// the reporter doesn't name skipped tests
if (missing && !process.env.CI) console.warn(`live tests are skipped: ${missing}`);

/**
 * A test with real Cyrus servers, told as the administrator's story. Where Cyrus is not installed it fails
 * in CI (a green run without the judge says nothing), elsewhere it is a skip that says what to install.
 */
export function liveTest(name: string, story: (live: Live) => Promise<void>, timeoutMs = 600_000): void {
  if (missing && process.env.CI) {
    test(name, () => {
      throw new Error(missing);
    });
  } else if (missing) {
    test.skip(`${name} (${missing})`);
  } else {
    test(
      name,
      async () => {
        const live = await Live.open();
        try {
          await story(live);
        } catch (error) {
          throw live.withLogs(error);
        } finally {
          await live.close();
        }
      },
      timeoutMs,
    );
  }
}

/** A scratch directory and what runs in it. Everything is stopped and removed at the end of the story. */
export class Live {
  readonly dir: string;
  private readonly servers = new Map<string, CyrusServer>();

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async open(): Promise<Live> {
    const dir = mkdtempSync(join(tmpdir(), 'cyrsync-'));
    await chmod(dir, 0o755); // cyrus has to get through
    return new Live(dir);
  }

  /** Makes a server in the scratch directory, without starting it. */
  server(name: string, setup: Omit<CyrusSetup, 'dir'> = {}): CyrusServer {
    const server = CyrusServer.create({ ...setup, dir: join(this.dir, name) });
    this.servers.set(name, server);
    return server;
  }

  /** Unpacks a bundled spool as a source. */
  unpack(name: SpoolName): Promise<UnpackedSpool> {
    return unpackSpool(name, join(this.dir, 'old-root'));
  }

  /** From a stopped spool, or from a server of this story. */
  job(from: UnpackedSpool | CyrusServer, to: CyrusServer): Job {
    const source = from instanceof CyrusServer ? { from: from.confFile } : { from: from.confFile, fromRoot: from.root };
    return new Job({ dir: this.dir, ...source, to: to.confFile });
  }

  /** The error, with what the servers logged last. */
  withLogs(error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    const logs = [...this.servers].map(([name, server]) => `--- log of ${name}\n${server.log(25)}`);
    error.message += `\n${logs.join('\n')}`;
    return error;
  }

  async close(): Promise<void> {
    for (const server of this.servers.values()) await server.stop();
    if (!process.env.CYRSYNC_KEEP) rmSync(this.dir, { recursive: true, force: true });
  }
}
