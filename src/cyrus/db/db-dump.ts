import { FormatError } from '../../base/errors.js';
import { type DbEntry, sortEntries } from './entry.js';

/**
 * Reads the text that Berkeley DB's `db_dump` (bytes as hex) and `db_dump -p` (printable as they are) write, by key
 * in raw order. A dump of several databases (`db_dump` of a file that holds some) gives all their entries.
 * @throws FormatError for a dump that is cut off (no DATA=END), has a key without value, or is none.
 * @see Berkeley DB 5.3 db_dump "Output": `VERSION=3`, `format=…`, …, `HEADER=END`, key and value lines, `DATA=END`
 */
export function parseDbDump(text: Buffer, file: string): DbEntry[] {
  const entries: DbEntry[] = [];
  let place: 'outside' | 'header' | 'data' = 'outside';
  let decode = decodeHex;
  let key: string | undefined;
  for (const { line, at } of linesOf(text)) {
    if (place === 'outside') {
      if (!line.startsWith('VERSION=')) throw new FormatError(file, at, 'VERSION=3 of a db_dump', quote(line));
      place = 'header';
    } else if (place === 'header') {
      if (line === 'HEADER=END') place = 'data';
      else if (line === 'format=print') decode = decodePrintable;
      else if (line === 'format=bytevalue') decode = decodeHex;
      else if (!line.includes('=')) throw new FormatError(file, at, 'NAME=VALUE or HEADER=END', quote(line));
    } else if (line === 'DATA=END') {
      if (key !== undefined) throw new FormatError(file, at, 'a value for the last key', 'the end of the data');
      place = 'outside';
    } else {
      const bytes = line.startsWith(' ') ? decode(line.slice(1)) : undefined;
      if (bytes === undefined) throw new FormatError(file, at, 'a blank and encoded bytes', quote(line));
      if (key === undefined) key = bytes;
      else {
        entries.push({ key, value: bytes });
        key = undefined;
      }
    }
  }
  if (place !== 'outside' || text.length === 0)
    throw new FormatError(file, text.length, 'DATA=END', 'the end of the file');
  return sortEntries(entries);
}

function* linesOf(text: Buffer): Generator<{ line: string; at: number }> {
  for (let at = 0; at < text.length; ) {
    const lf = text.indexOf(0x0a, at);
    const end = lf < 0 ? text.length : lf;
    yield { line: text.toString('latin1', at, end), at };
    at = end + 1;
  }
}

function decodeHex(digits: string): string | undefined {
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits)) return undefined;
  return Buffer.from(digits, 'hex').toString('latin1');
}

/** `\\` is a backslash, `\0a` a byte in hex; all else stands for itself. */
function decodePrintable(text: string): string | undefined {
  if (/\\(?!\\|[0-9a-fA-F]{2})/.test(text.replaceAll('\\\\', ''))) return undefined;
  return text.replace(/\\(\\|[0-9a-fA-F]{2})/g, (_, code: string) =>
    code === '\\' ? code : String.fromCharCode(Number.parseInt(code, 16)),
  );
}

function quote(line: string): string {
  return JSON.stringify(line.slice(0, 40));
}
