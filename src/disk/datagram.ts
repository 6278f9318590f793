/** One message to a datagram socket of this machine, which Node has no call for. */
import { endianness } from 'node:os';
import { native } from './native.js';

const AF_UNIX = 1;
/** Of struct sockaddr_un: sun_family (u16), sun_path. */
const FAMILY_BYTES = 2;
const LONGEST_PATH = 108;
const TOO_LONG = 36; // ENAMETOOLONG

/** @param path `@` in front is the abstract namespace. @returns 0, or errno; undefined where native calls are off */
export function sendDatagram(path: string, text: string): number | undefined {
  const calls = native();
  if (!calls) return undefined;
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > LONGEST_PATH) return TOO_LONG;
  const address = Buffer.alloc(FAMILY_BYTES + name.length);
  new DataView(address.buffer, address.byteOffset).setUint16(0, AF_UNIX, endianness() === 'LE');
  name.copy(address, FAMILY_BYTES);
  return calls.sendDatagram(address, Buffer.from(text));
}
