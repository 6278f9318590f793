import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CyrusSetup, cyrusConf, type Ports, SERVER_NAME, writeCyrusTree } from './cyrus-conf.js';
import { ImapClient } from './imap-client.js';
import { type ImapState, recordImapState } from './imap-state.js';
import { deliver } from './lmtp-client.js';
import { SieveClient } from './sieve-client.js';
import { ensureSyslogSink, syslogOf } from './syslog-sink.js';

const BIN = '/usr/lib/cyrus/bin';
const ADMIN = 'cyrus';

/** Masters that run, so that none outlives a test process that was killed by an exception. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

let made = 0;

/**
 * A real Cyrus of the installed version over a directory of its own, on free ports of 127.0.0.1. Needs
 * root; master, services and tools run as user cyrus.
 */
export class CyrusServer {
  readonly setup: CyrusSetup;
  /** As the server names it; `realDir` as this machine does. */
  readonly dir: string;
  readonly realDir: string;
  readonly confFile: string;
  readonly password: string;
  private readonly prefix: string;
  private master: ChildProcess | undefined;
  private takenPorts: Ports | undefined;

  private constructor(setup: CyrusSetup) {
    this.setup = setup;
    this.dir = setup.dir;
    this.realDir = (setup.root ?? '') + setup.dir;
    this.prefix = `cyrsync${process.pid}x${++made}`;
    // its own, so that another test's server on a port that we thought ours is told apart
    this.password = `secret-${this.prefix}`;
    this.confFile = writeCyrusTree(setup, this.prefix);
  }

  /** Makes directories, imapd.conf and the administrator's account; starts nothing. */
  static create(setup: CyrusSetup): CyrusServer {
    const server = new CyrusServer(setup);
    server.addUser(ADMIN, server.password);
    server.ownAll();
    return server;
  }

  get ports(): Ports {
    if (!this.takenPorts) throw new Error('the server was not started');
    return this.takenPorts;
  }

  get isRunning(): boolean {
    return this.master !== undefined;
  }

  /** An account in the server's sasldb; not needed for those that the administrator logs in as. */
  addUser(name: string, password: string): void {
    const db = join(this.dir, 'sasldb2');
    const [command, args] = this.within('saslpasswd2', ['-p', '-c', '-f', db, '-u', SERVER_NAME, name]);
    execFileSync(command, args, { input: password });
    execFileSync(...this.within('chown', ['cyrus:mail', db]));
    chmodSync(join(this.realDir, 'sasldb2'), 0o640);
  }

  /** Gives the whole tree to cyrus:mail, symbolic links too. */
  ownAll(): void {
    execFileSync(...this.within('chown', ['-Rh', 'cyrus:mail', this.dir]));
  }

  /** A command as it is run where the server is installed. */
  within(command: string, args: readonly string[]): [command: string, args: string[]] {
    const { root } = this.setup;
    return root === undefined ? [command, [...args]] : ['chroot', [root, command, ...args]];
  }

  /** Rewrites options of the imapd.conf; the running server sees them after its next start. */
  setOption(key: string, value: string): void {
    const file = join(this.realDir, 'imapd.conf');
    const lines = readFileSync(file, 'latin1')
      .split('\n')
      .filter((line) => !line.startsWith(`${key}:`));
    writeFileSync(file, [...lines.filter((line) => line !== ''), `${key}: ${value}`, ''].join('\n'), 'latin1');
  }

  /** Starts it and waits until it serves. @throws with the log where it doesn't. */
  async start(): Promise<void> {
    if (this.master) throw new Error('already running');
    ensureSyslogSink();
    for (let attempt = 1; ; attempt++) {
      const ports = await freePorts();
      this.takenPorts = ports;
      writeFileSync(join(this.realDir, 'cyrus.conf'), cyrusConf(this.confFile, ports));
      this.master = this.spawnMaster();
      const failure = await this.waitUntilReady();
      if (failure === undefined) return;
      await this.stop();
      if (attempt === 3) throw new Error(`Cyrus does not serve: ${failure}\n${this.log()}`);
    }
  }

  private spawnMaster(): ChildProcess {
    const log = openSync(join(this.realDir, 'master.log'), 'a');
    const files = ['-C', this.confFile, '-M', join(this.dir, 'cyrus.conf'), '-p', join(this.dir, 'run/master.pid')];
    const [command, args] = this.within(join(BIN, 'master'), ['-D', ...files]);
    const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  }

  /** Ready is: the administrator can log in. @returns why not, after 30 s or when master ended */
  private async waitUntilReady(): Promise<string | undefined> {
    let last = 'no answer';
    for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) {
      if (this.master?.exitCode !== null || this.master.signalCode !== null) return 'master ended';
      try {
        await (await this.admin()).logout();
        return undefined;
      } catch (error) {
        last = String(error);
      }
    }
    return last;
  }

  /** Lets children finish (SIGQUIT), and comes back when master and all of them are gone. */
  async stop(): Promise<void> {
    const master = this.master;
    if (!master?.pid) return;
    const group = -master.pid;
    const gone = () => master.exitCode !== null || master.signalCode !== null;
    master.kill('SIGQUIT');
    for (const end = Date.now() + 10_000; !gone() && Date.now() < end; ) await sleep(20);
    if (!gone()) master.kill('SIGTERM');
    for (const end = Date.now() + 5_000; (!gone() || groupAlive(group)) && Date.now() < end; ) await sleep(20);
    if (groupAlive(group)) process.kill(group, 'SIGKILL');
    while (!gone()) await sleep(20);
    this.master = undefined;
  }

  /**
   * What a Cyrus tool prints, with this server's imapd.conf, as user cyrus.
   * @throws where it does not exit with 0, unless `any` exit will do.
   */
  tool(name: string, args: readonly string[] = [], expectExit: 0 | 'any' = 0): string {
    const run = this.runTool(name, args);
    if (expectExit !== 'any' && run.status !== expectExit) {
      throw new Error(`${name} ${args.join(' ')}: exit ${run.status}\n${run.stdout}${run.stderr}`);
    }
    return run.stdout;
  }

  runTool(name: string, args: readonly string[] = []): { status: number | null; stdout: string; stderr: string } {
    const as = ['--reuid=cyrus', '--regid=mail', '--init-groups', '--', join(BIN, name), '-C', this.confFile];
    const [command, all] = this.within('setpriv', [...as, ...args]);
    return spawnSync(command, all, { encoding: 'latin1', maxBuffer: 1 << 28, timeout: 300_000 });
  }

  /** A connection of the administrator. */
  async admin(): Promise<ImapClient> {
    const client = await ImapClient.connect(this.ports.imap);
    await client.login(ADMIN, this.password);
    return client;
  }

  /** A connection of any user, logged in by the administrator. */
  async login(user: string): Promise<ImapClient> {
    const client = await ImapClient.connect(this.ports.imap);
    await client.authenticatePlain(user, ADMIN, this.password);
    return client;
  }

  /** Does something with a user's connection (the administrator's for `cyrus`), and ends it. */
  async as<T>(user: string, act: (client: ImapClient) => Promise<T>): Promise<T> {
    const client = user === ADMIN ? await this.admin() : await this.login(user);
    try {
      return await act(client);
    } finally {
      await client.logout();
    }
  }

  deliver(recipients: readonly string[], message: string): Promise<void> {
    return deliver(this.ports.lmtp, recipients, message);
  }

  sieve(user: string): Promise<SieveClient> {
    return SieveClient.connect(this.ports.sieve, user, ADMIN, this.password);
  }

  /** What IMAP shows the administrator and these users; with `sieve` their scripts too (which may write). */
  imapState(users: readonly string[], options: { sieve?: boolean } = {}): Promise<ImapState> {
    return recordImapState({
      imapPort: this.ports.imap,
      sievePort: options.sieve ? this.ports.sieve : undefined,
      admin: ADMIN,
      password: this.password,
      users,
    });
  }

  /** What master and the services logged; the last lines. */
  log(lines = 40): string {
    const file = join(this.realDir, 'master.log');
    if (!existsSync(file)) return '(never started)';
    const own = readFileSync(file, 'latin1').split('\n');
    return [...own, ...syslogOf(this.prefix)].slice(-lines).join('\n');
  }
}

/** Is any process of this group left? */
function groupAlive(group: number): boolean {
  try {
    process.kill(group, 0);
    return true;
  } catch {
    return false; // ESRCH
  }
}

/** Below the range that the kernel gives to outgoing connections, so that no client takes one meanwhile. */
async function freePorts(): Promise<Ports> {
  const [imap, lmtp, sieve] = [await freePort(), await freePort(), await freePort()];
  return new Set([imap, lmtp, sieve]).size === 3 ? { imap, lmtp, sieve } : freePorts();
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const isFree = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
