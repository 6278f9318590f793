/** Names on disk are bytes, carried as latin1 strings; the file system calls take them as they are. */

import { realpathSync } from 'node:fs';

/** What `node:fs` takes: the string itself where it is ASCII (quicker), else its bytes. */
export function osPath(bytes: string): string | Buffer {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1');
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** The byte form of a path that came from the command line or a text file in UTF-8. */
export function bytesOfText(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** Joins byte paths with single slashes; `''` and `'.'` parts count for nothing. */
export function joinPath(...parts: string[]): string {
  let out = '';
  for (const part of parts) {
    if (part === '' || part === '.') continue;
    out =
      out === ''
        ? part
        : `${out.endsWith('/') ? out.slice(0, -1) : out}/${part.startsWith('/') ? part.slice(1) : part}`;
  }
  return out;
}

/** The error code of a failed system call (`ENOENT`), or undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** True for what says "there is no such file here": the file or a directory above it is missing. */
export function isMissing(error: unknown): boolean {
  const code = errnoOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** What `act` gives, or undefined where its file, or a directory above it, is missing. */
export function ifThere<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The path without symbolic links, as the kernel names it; the path itself where nothing is there. */
export function withoutLinks(path: string): string {
  return ifThere(() => realpathSync(osPath(path), { encoding: 'latin1' as BufferEncoding }) as string) ?? path;
}
