/** What can go wrong, by name. Every error says what failed, why, and what to do next. */

/** For the administrator: what failed, why, and what to do next, one plain sentence each. */
export class CyrsyncError extends Error {
  /** Stable kebab-case name of this kind of failure, as it stands under `problems` in JSON. */
  readonly code: string;
  readonly why: string;
  readonly next: string;

  constructor(what: string, why: string, next: string, options?: ErrorOptions & { code?: string }) {
    super(what, options);
    this.name = new.target.name;
    this.why = why;
    this.next = next;
    this.code = options?.code ?? 'failed';
  }
}

/** The command line, the job file or an imapd.conf is wrong; nothing was done (exit 2). */
export class ConfigError extends CyrsyncError {
  constructor(what: string, why: string, next: string, options?: ErrorOptions & { code?: string }) {
    super(what, why, next, { code: 'configuration', ...options });
  }
}

/** Refused for safety: nothing was written on the target (exit 4). */
export class RefusedError extends CyrsyncError {
  constructor(what: string, why: string, next: string, options?: ErrorOptions & { code?: string }) {
    super(what, why, next, { code: 'refused', ...options });
  }
}

/** Another command works on this job now (exit 75). */
export class BusyError extends CyrsyncError {
  constructor(what: string, why: string, next: string, options?: ErrorOptions & { code?: string }) {
    super(what, why, next, { code: 'job-busy', ...options });
  }
}

/** Stopped by SIGINT or SIGTERM; what is done is kept (exit 130). */
export class InterruptedError extends CyrsyncError {
  constructor() {
    super('Interrupted', 'SIGINT or SIGTERM came', 'Run the same command again: it goes on where this one stopped.', {
      code: 'interrupted',
    });
  }
}

/** Bytes that are not what their format says. Thrown by parsers only; `file` merely names the input. */
export class FormatError extends Error {
  readonly file: string;
  /** Byte offset in `file` at which reading failed. */
  readonly offset: number;
  readonly expected: string;
  readonly found: string;

  constructor(file: string, offset: number, expected: string, found: string) {
    super(`${file}: at byte ${offset} expected ${expected}, found ${found}`);
    this.name = new.target.name;
    this.file = file;
    this.offset = offset;
    this.expected = expected;
    this.found = found;
  }
}
