import { itemsOf, literalLength, quote, type Token, textOf, tokenize } from './imap-tokens.js';
import { LineSocket } from './line-socket.js';

/** An untagged response: `* NAME …` or `* NUMBER NAME …`. */
export interface Untagged {
  readonly name: string;
  readonly number: number | undefined;
  /** Text after the name, literals put in where they stood. */
  readonly text: string;
  readonly tokens: readonly Token[];
}

export interface Reply {
  readonly status: 'OK' | 'NO' | 'BAD';
  readonly text: string;
  readonly untagged: readonly Untagged[];
}

/** What is sent as a literal (`{n+}`, LITERAL+). */
export interface Literal {
  readonly literal: string;
}

export interface ListRow {
  readonly attributes: readonly string[];
  readonly name: string;
}

/** The server answered NO or BAD to what had to succeed. */
export class ImapRefused extends Error {
  readonly reply: Reply;
  constructor(command: string, reply: Reply) {
    super(`${command}: ${reply.status} ${reply.text}`);
    this.reply = reply;
  }
}

/**
 * A plain IMAP client for tests: one command at a time, no TLS, names and values as bytes (latin1), in the
 * server's own separator and namespace. Methods throw `ImapRefused` on NO and BAD; `command` returns them.
 */
export class ImapClient {
  private readonly socket: LineSocket;
  private tagNumber = 0;
  capabilities: ReadonlySet<string> = new Set();

  private constructor(socket: LineSocket) {
    this.socket = socket;
  }

  static async connect(port: number): Promise<ImapClient> {
    const client = new ImapClient(await LineSocket.connect(port));
    const greeting = await client.socket.readLine();
    if (!greeting.startsWith('* OK')) throw new Error(`no IMAP greeting: ${greeting}`);
    return client;
  }

  async login(user: string, password: string): Promise<void> {
    await this.ok(`LOGIN ${quote(user)} ${quote(password)}`);
    await this.readCapabilities();
  }

  /** SASL PLAIN: logs in as `user` with the administrator's name and password. */
  async authenticatePlain(user: string, admin: string, password: string): Promise<void> {
    const secret = Buffer.from(`${user}\0${admin}\0${password}`, 'latin1').toString('base64');
    await this.ok(`AUTHENTICATE PLAIN ${secret}`);
    await this.readCapabilities();
  }

  private async readCapabilities(): Promise<void> {
    const reply = await this.ok('CAPABILITY');
    const text = reply.untagged.filter((u) => u.name === 'CAPABILITY').map((u) => u.text);
    this.capabilities = new Set(text.join(' ').split(' '));
  }

  /** Sends a command (parts are joined as they are) and reads up to its tagged answer. */
  async command(...parts: readonly (string | Literal)[]): Promise<Reply> {
    const tag = `T${++this.tagNumber}`;
    const sent = parts.map((p) => (typeof p === 'string' ? p : `{${p.literal.length}+}\r\n${p.literal}`)).join('');
    this.socket.write(`${tag} ${sent}\r\n`);
    const untagged: Untagged[] = [];
    for (;;) {
      const pieces = await this.readResponse();
      const first = pieces[0]!;
      if (first.startsWith(`${tag} `)) {
        const [, status, text] = /^(OK|NO|BAD) ?(.*)$/s.exec(first.slice(tag.length + 1)) ?? [];
        if (!status) throw new Error(`not a tagged answer: ${first}`);
        return { status: status as Reply['status'], text: text ?? '', untagged };
      }
      const found = parseUntagged(pieces);
      if (found?.name === 'BYE' && !/^LOGOUT/i.test(sent)) throw new Error(`the server said BYE ${found.text}`);
      if (found) untagged.push(found);
    }
  }

  private async readResponse(): Promise<string[]> {
    const pieces: string[] = [];
    for (;;) {
      const line = await this.socket.readLine();
      pieces.push(line);
      const count = literalLength(line);
      if (count === undefined) return pieces;
      pieces.push(await this.socket.readBytes(count));
    }
  }

  /** @throws ImapRefused unless the answer is OK. */
  async ok(...parts: readonly (string | Literal)[]): Promise<Reply> {
    const reply = await this.command(...parts);
    if (reply.status !== 'OK') throw new ImapRefused(String(parts[0]).replace(/^(AUTHENTICATE|LOGIN).*/, '$1'), reply);
    return reply;
  }

  async list(pattern = '*'): Promise<ListRow[]> {
    return listRows(await this.ok(`LIST "" ${quote(pattern)}`), 'LIST');
  }

  async lsub(pattern = '*'): Promise<ListRow[]> {
    return listRows(await this.ok(`LSUB "" ${quote(pattern)}`), 'LSUB');
  }

  select(name: string): Promise<Reply> {
    return this.ok(`SELECT ${quote(name)}`);
  }

  examine(name: string): Promise<Reply> {
    return this.ok(`EXAMINE ${quote(name)}`);
  }

  /** Adds a message; returns its UID (UIDPLUS) and its mailbox's UIDVALIDITY, or zeros without UIDPLUS. */
  async append(
    name: string,
    message: string,
    options: AppendOptions = {},
  ): Promise<{ uidvalidity: number; uid: number }> {
    const flags = options.flags ? `(${options.flags.join(' ')}) ` : '';
    const date = options.internalDate ? `${quote(options.internalDate)} ` : '';
    const reply = await this.ok(`APPEND ${quote(name)} ${flags}${date}`, { literal: message });
    const match = /\[APPENDUID (\d+) (\d+)\]/.exec(reply.text);
    return { uidvalidity: Number(match?.[1] ?? 0), uid: Number(match?.[2] ?? 0) };
  }

  /** Changes flags in the selected mailbox. @param change `+FLAGS`, `-FLAGS` or `FLAGS` */
  store(uids: string, change: string, flags: readonly string[]): Promise<Reply> {
    return this.ok(`UID STORE ${uids} ${change}.SILENT (${flags.join(' ')})`);
  }

  expunge(): Promise<Reply> {
    return this.ok('EXPUNGE');
  }

  copy(uids: string, to: string): Promise<Reply> {
    return this.ok(`UID COPY ${uids} ${quote(to)}`);
  }

  close(): Promise<Reply> {
    return this.ok('CLOSE');
  }

  create(name: string, partition?: string): Promise<Reply> {
    return this.ok(`CREATE ${quote(name)}${partition ? ` ${partition}` : ''}`);
  }

  /** With a partition and `from` equal to `to` the mailbox moves there. */
  rename(from: string, to: string, partition?: string): Promise<Reply> {
    return this.ok(`RENAME ${quote(from)} ${quote(to)}${partition ? ` ${partition}` : ''}`);
  }

  delete(name: string): Promise<Reply> {
    return this.ok(`DELETE ${quote(name)}`);
  }

  subscribe(name: string): Promise<Reply> {
    return this.ok(`SUBSCRIBE ${quote(name)}`);
  }

  unsubscribe(name: string): Promise<Reply> {
    return this.ok(`UNSUBSCRIBE ${quote(name)}`);
  }

  setAcl(name: string, who: string, rights: string): Promise<Reply> {
    return this.ok(`SETACL ${quote(name)} ${quote(who)} ${quote(rights)}`);
  }

  /** @param limits `STORAGE 1000` (units of 1024 bytes), `MESSAGE 100` */
  setQuota(root: string, limits: string): Promise<Reply> {
    return this.ok(`SETQUOTA ${quote(root)} (${limits})`);
  }

  setMetadata(name: string, entry: string, value: string): Promise<Reply> {
    return this.ok(`SETMETADATA ${quote(name)} (${entry} `, { literal: value }, ')');
  }

  async uidSearch(criteria: string): Promise<number[]> {
    const reply = await this.ok(`UID SEARCH ${criteria}`);
    return reply.untagged
      .filter((u) => u.name === 'SEARCH')
      .flatMap((u) => u.tokens.map((t) => Number(textOf(t))))
      .filter((n) => n > 0);
  }

  async logout(): Promise<void> {
    await this.command('LOGOUT').catch(() => undefined); // the server may close first
    this.socket.close();
  }

  /** Ends the connection without a word, as a client that crashed. */
  drop(): void {
    this.socket.close();
  }
}

export interface AppendOptions {
  readonly flags?: readonly string[] | undefined;
  /** `23-Jan-2016 00:52:52 +0000` */
  readonly internalDate?: string | undefined;
}

/** The text of a response code of the untagged OKs, `UIDVALIDITY` say; the last one wins. */
export function responseCode(reply: Reply, code: string): string | undefined {
  let found: string | undefined;
  for (const u of reply.untagged) {
    const match = u.name === 'OK' ? /^\[([A-Z-]+) ([^\]]*)\]/.exec(u.text) : null;
    if (match?.[1] === code) found = match[2]!;
  }
  return found;
}

function parseUntagged(pieces: readonly string[]): Untagged | undefined {
  const match = /^\* (?:(\d+) )?([A-Za-z0-9-]+) ?/.exec(pieces[0]!);
  if (!match) return undefined; // a continuation request
  const rest = [pieces[0]!.slice(match[0].length), ...pieces.slice(1)];
  const name = match[2]!.toUpperCase();
  const text = rest.map((p, i) => (i % 2 === 0 && i < rest.length - 1 ? p.replace(/\{\d+\+?\}$/, '') : p)).join('');
  const isText = name === 'OK' || name === 'NO' || name === 'BAD' || name === 'BYE' || name === 'PREAUTH';
  return {
    name,
    number: match[1] === undefined ? undefined : Number(match[1]),
    text,
    tokens: isText ? [] : tokenize(rest),
  };
}

function listRows(reply: Reply, name: string): ListRow[] {
  return reply.untagged
    .filter((u) => u.name === name)
    .map((u) => ({
      attributes: itemsOf(u.tokens[0])
        .map((t) => textOf(t))
        .sort(),
      name: textOf(u.tokens[2]),
    }));
}
