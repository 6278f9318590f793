import { createServer, type Server, type Socket } from 'node:net';

export interface SunkMail {
  readonly recipients: readonly string[];
  readonly text: string;
}

/** Takes every mail that a server sends out, and sends none on. */
export class SmtpSink {
  readonly mails: SunkMail[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<SmtpSink> {
    const server = createServer((socket) => sink.#serve(socket));
    const sink = new SmtpSink(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return sink;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  #serve(socket: Socket): void {
    let pending = '';
    let text: string[] | undefined;
    let recipients: string[] = [];
    const say = (line: string) => socket.write(`${line}\r\n`);
    socket.setEncoding('latin1');
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      const lines = (pending + String(chunk)).split('\r\n');
      pending = lines.pop()!;
      for (const line of lines) {
        if (text) {
          if (line !== '.') {
            text.push(line);
            continue;
          }
          this.mails.push({ recipients, text: text.join('\r\n') });
          text = undefined;
          recipients = [];
          say('250 taken');
        } else if (/^DATA/i.test(line)) {
          text = [];
          say('354 go on');
        } else if (/^QUIT/i.test(line)) {
          say('221 bye');
          socket.end();
        } else {
          const to = /^RCPT TO:\s*<([^>]*)>/i.exec(line)?.[1];
          if (to !== undefined) recipients.push(to);
          say('250 ok');
        }
      }
    });
    say('220 sink');
  }

  close(): void {
    this.#server.close();
  }
}
