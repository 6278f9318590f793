import { literalLength, quote } from './imap-tokens.js';
import { LineSocket } from './line-socket.js';

interface SieveReply {
  readonly status: 'OK' | 'NO' | 'BYE';
  readonly line: string;
  /** Lines before the last one, and literals. */
  readonly data: readonly string[];
}

/** ManageSieve (RFC 5804), as one user, logged in by the administrator. */
export class SieveClient {
  private readonly socket: LineSocket;

  private constructor(socket: LineSocket) {
    this.socket = socket;
  }

  static async connect(port: number, user: string, admin: string, password: string): Promise<SieveClient> {
    const client = new SieveClient(await LineSocket.connect(port));
    await client.reply();
    const secret = Buffer.from(`${user}\0${admin}\0${password}`, 'latin1').toString('base64');
    await client.ok(`AUTHENTICATE "PLAIN" "${secret}"`);
    return client;
  }

  async listScripts(): Promise<{ name: string; active: boolean }[]> {
    const { data } = await this.ok('LISTSCRIPTS');
    return data.flatMap((line) => {
      const match = /^"((?:\\.|[^"\\])*)"( ACTIVE)?/.exec(line);
      return match ? [{ name: match[1]!.replace(/\\(.)/g, '$1'), active: match[2] !== undefined }] : [];
    });
  }

  async getScript(name: string): Promise<string> {
    return (await this.ok(`GETSCRIPT ${quote(name)}`)).data[0] ?? '';
  }

  async putScript(name: string, text: string): Promise<void> {
    await this.ok(`PUTSCRIPT ${quote(name)} {${text.length}+}\r\n${text}`);
  }

  async setActive(name: string): Promise<void> {
    await this.ok(`SETACTIVE ${quote(name)}`);
  }

  close(): void {
    this.socket.write('LOGOUT\r\n');
    this.socket.close();
  }

  private async ok(command: string): Promise<SieveReply> {
    this.socket.write(`${command}\r\n`);
    const reply = await this.reply();
    if (reply.status !== 'OK') throw new Error(`ManageSieve ${command.split(' ')[0]}: ${reply.line}`);
    return reply;
  }

  private async reply(): Promise<SieveReply> {
    const data: string[] = [];
    for (;;) {
      const line = await this.socket.readLine();
      const count = literalLength(line);
      if (count !== undefined && !/^(OK|NO|BYE)\b/.test(line)) {
        data.push(await this.socket.readBytes(count));
        continue;
      }
      const status = /^(OK|NO|BYE)\b/.exec(line)?.[1];
      if (status) {
        if (count !== undefined) await this.socket.readBytes(count).then(() => this.socket.readLine());
        return { status: status as SieveReply['status'], line, data };
      }
      data.push(line);
    }
  }
}
