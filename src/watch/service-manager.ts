/**
 * What systemd is told of a service with `Type=notify`: that it runs, how it stands, that it is alive.
 * @see sd_notify(3), sd_watchdog_enabled(3)
 */
import { spawn } from 'node:child_process';
import type { Log } from '../base/log.js';
import { sendDatagram } from '../disk/datagram.js';

/** The watchdog hears from us that often within its time. */
const PER_WATCHDOG = 3;
/** A line of `systemctl status`, no oftener. */
const STATUS_MS = 5000;

export class ServiceManager {
  readonly #socket: string | undefined;
  readonly #log: Log;
  readonly #watchdog: NodeJS.Timeout | undefined;
  #status = '';
  #statusMs = 0;
  #isSaid = false;

  /** @param env Of the process; where it has no NOTIFY_SOCKET, nothing is sent. */
  constructor(env: NodeJS.ProcessEnv, log: Log) {
    this.#socket = env['NOTIFY_SOCKET'];
    this.#log = log;
    const usec = Number(env['WATCHDOG_USEC']);
    const isForUs = env['WATCHDOG_PID'] === undefined || Number(env['WATCHDOG_PID']) === process.pid;
    if (this.#socket === undefined || !(usec > 0) || !isForUs) return;
    // It says that the loop turns. Copying that waits for its turn does so in other threads: PassContext.keepsThreadFree.
    this.#watchdog = setInterval(() => this.#send('WATCHDOG=1'), usec / 1000 / PER_WATCHDOG);
    this.#watchdog.unref();
  }

  /** The job is ours. The first pass may take days, which no start would wait for. */
  ready(doing: string): void {
    this.#send(`READY=1\nSTATUS=${doing}`);
  }

  status(line: string): void {
    if (line === this.#status || Date.now() - this.#statusMs < STATUS_MS) return;
    this.#status = line;
    this.#statusMs = Date.now();
    this.#send(`STATUS=${line.replaceAll('\n', ' ')}`);
  }

  stopping(): void {
    clearInterval(this.#watchdog);
    this.#send('STOPPING=1');
  }

  #send(text: string): void {
    if (this.#socket === undefined) return;
    const errno = sendDatagram(this.#socket, text);
    if (errno === 0) return;
    if (errno === undefined) this.#bySystemdNotify(text);
    else this.#say(`errno ${errno}`);
  }

  /** Without native calls; the unit then needs `NotifyAccess=all`. */
  #bySystemdNotify(text: string): void {
    const child = spawn('systemd-notify', [`--pid=${process.pid}`, ...text.split('\n')], { stdio: 'ignore' });
    child.on('error', (error) => this.#say(error.message));
  }

  #say(why: string): void {
    if (!this.#isSaid) this.#log.warn('the service manager can not be told', { why });
    this.#isSaid = true;
  }
}
