/** The log on stderr: one event a line with fields, everything from outside escaped. */

export type LogLevel = 'quiet' | 'normal' | 'verbose';
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

export interface Log {
  /** What a person should see even in a quiet run. */
  warn(event: string, fields?: LogFields): void;
  /** The course of the run. */
  info(event: string, fields?: LogFields): void;
  /** Each decision, with `--verbose`. */
  debug(event: string, fields?: LogFields): void;
}

/** Makes a field's value safe for a terminal and readable back: quoted where it has blanks or quotes. */
export function escapeField(value: string): string {
  const safe = value.replace(/[\x00-\x1f\x7f-\x9f\\]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return /[\s"=]/.test(safe) || safe === '' ? `"${safe.replaceAll('"', '\\"')}"` : safe;
}

function format(event: string, fields: LogFields | undefined): string {
  const parts = [event];
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value !== undefined) parts.push(`${key}=${escapeField(String(value))}`);
  }
  return `${parts.join(' ')}\n`;
}

export function createLog(level: LogLevel, write: (text: string) => void): Log {
  return {
    warn: (event, fields) => write(format(event, fields)),
    info: (event, fields) => level !== 'quiet' && write(format(event, fields)),
    debug: (event, fields) => level === 'verbose' && write(format(event, fields)),
  };
}

/** A log that says nothing, for tests and for callers that need none. */
export const silentLog: Log = { warn: () => {}, info: () => {}, debug: () => {} };
