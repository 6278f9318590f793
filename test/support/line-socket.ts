import { createConnection, type Socket } from 'node:net';

/**
 * A TCP connection read line by line or by count of bytes, as the mail protocols are. Strings have one
 * character per byte (latin1), both ways. A second read before the first came back is a mistake of the caller.
 */
export class LineSocket {
  private readonly socket: Socket;
  private chunks: Buffer[] = [];
  private size = 0;
  private ended: Error | undefined;
  private wake: (() => void) | undefined;

  private constructor(socket: Socket, timeoutMs: number) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    socket.on('data', (chunk) => {
      this.chunks.push(chunk);
      this.size += chunk.length;
      this.wake?.();
    });
    const end = (error?: Error) => {
      this.ended ??= error ?? new Error('the server closed the connection');
      this.wake?.();
    };
    socket.on('error', end);
    socket.on('close', () => end());
  }

  /** @throws the system's error where nobody listens. */
  static connect(port: number, timeoutMs = 60_000): Promise<LineSocket> {
    return new Promise((resolve, reject) => {
      const socket = createConnection({ host: '127.0.0.1', port });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new LineSocket(socket, timeoutMs));
      });
    });
  }

  write(latin1: string): void {
    this.socket.write(latin1, 'latin1');
  }

  /** The next line without its CRLF. */
  async readLine(): Promise<string> {
    let from = 0;
    for (;;) {
      const all = this.joined();
      const at = all.indexOf(0x0a, from);
      if (at >= 0)
        return this.take(at + 1)
          .toString('latin1')
          .replace(/\r?\n$/, '');
      from = all.length;
      await this.more();
    }
  }

  async readBytes(count: number): Promise<string> {
    while (this.size < count) await this.more();
    return this.take(count).toString('latin1');
  }

  close(): void {
    this.socket.destroy();
  }

  private joined(): Buffer {
    if (this.chunks.length !== 1) this.chunks = [Buffer.concat(this.chunks)];
    return this.chunks[0]!;
  }

  private take(count: number): Buffer {
    const all = this.joined();
    this.chunks = [all.subarray(count)];
    this.size -= count;
    return all.subarray(0, count);
  }

  private async more(): Promise<void> {
    const before = this.size;
    if (this.ended) throw this.ended;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    this.wake = undefined;
    if (this.size === before && this.ended) throw this.ended;
  }
}
