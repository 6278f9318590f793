import { createHash } from 'node:crypto';
import { ImapClient, type Reply, responseCode } from './imap-client.js';
import { isNil, itemsOf, quote, type Token, textOf } from './imap-tokens.js';
import { SieveClient } from './sieve-client.js';

/**
 * What an IMAP server shows, as JSON: the oracle for a migrated spool. The administrator lists every
 * mailbox, each user what he sees. The shape is that of the `state.json` of the bundled spools
 * (fixtures/spools/README.md), which real servers of all versions were recorded with.
 */
export interface ImapState {
  readonly admin: Dump;
  readonly users: Readonly<Record<string, Dump>>;
}

export interface Dump {
  readonly mailboxes: Readonly<Record<string, MailboxState>>;
  readonly subscriptions: readonly string[];
  readonly server_metadata?: Readonly<Record<string, string>>;
  readonly namespace: string;
  sieve?: Readonly<Record<string, { readonly active: boolean; readonly sha256: string }>>;
}

export interface MailboxState {
  readonly attributes: readonly string[];
  readonly acl?: Readonly<Record<string, string>>;
  /** `ROOT (RESOURCE used limit …)` */
  readonly quota?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  /** Why EXAMINE was refused; then none of the following. */
  readonly error?: string;
  readonly uidvalidity?: number | null;
  readonly uidnext?: number | null;
  readonly highestmodseq?: number | null;
  readonly exists?: number;
  readonly keywords?: readonly string[];
  readonly mailboxid?: string;
  readonly messages?: readonly MessageState[];
}

export interface MessageState {
  readonly uid: number;
  /** Without \Recent. */
  readonly flags: readonly string[];
  readonly internaldate: string | null;
  readonly size: number | null;
  /** Of BODY.PEEK[]; null: an index record without its file. */
  readonly sha256: string | null;
  readonly modseq?: number | null;
  readonly emailid?: string | null;
  annotations?: Readonly<Record<string, string>>;
}

export interface RecordOptions {
  readonly imapPort: number;
  /** Absent: no scripts are recorded. A ManageSieve login *writes*: 3.6 makes the user's `#sieve` mailbox. */
  readonly sievePort?: number | undefined;
  readonly admin: string;
  readonly password: string;
  readonly users: readonly string[];
}

export async function recordImapState(options: RecordOptions): Promise<ImapState> {
  const admin = await dump(options.imapPort, (c) => c.login(options.admin, options.password));
  const users: Record<string, Dump> = {};
  for (const user of options.users) {
    users[user] = await dump(options.imapPort, (c) => c.authenticatePlain(user, options.admin, options.password));
  }
  if (options.sievePort !== undefined) {
    // last, because of what it writes
    for (const user of options.users) users[user]!.sieve = await scripts(options.sievePort, user, options);
  }
  return { admin, users };
}

async function dump(port: number, login: (client: ImapClient) => Promise<void>): Promise<Dump> {
  const client = await ImapClient.connect(port);
  try {
    await login(client);
    const mailboxes: Record<string, MailboxState> = {};
    for (const { name, attributes } of await client.list()) {
      const acl = await readAcl(client, name);
      const quota = await readQuota(client, name);
      const examined = await examine(client, name);
      mailboxes[name] = {
        ...examined,
        attributes,
        ...(acl && { acl }),
        ...(quota && { quota }),
        ...(client.capabilities.has('METADATA') && { metadata: await readMetadata(client, name) }),
      };
    }
    const subscriptions = (await client.lsub()).map((row) => row.name).sort();
    const serverMetadata = client.capabilities.has('METADATA') && { server_metadata: await readMetadata(client, '') };
    const namespace = (await client.ok('NAMESPACE')).untagged.find((u) => u.name === 'NAMESPACE')?.text ?? '';
    return { mailboxes, subscriptions, ...serverMetadata, namespace };
  } finally {
    await client.logout();
  }
}

type Examined = Omit<MailboxState, 'attributes' | 'acl' | 'quota' | 'metadata'>;

async function examine(client: ImapClient, name: string): Promise<Examined> {
  const reply = await client.command(`EXAMINE ${quote(name)}`);
  if (reply.status !== 'OK') return { error: reply.text };
  const number = (code: string) => {
    const text = responseCode(reply, code);
    return text === undefined ? null : Number(text);
  };
  const last = (what: string) => reply.untagged.filter((u) => u.name === what).at(-1);
  const exists = last('EXISTS')?.number ?? 0;
  const mailboxid = responseCode(reply, 'MAILBOXID')?.replace(/^\(|\)$/g, '');
  const box = {
    uidvalidity: number('UIDVALIDITY'),
    uidnext: number('UIDNEXT'),
    highestmodseq: number('HIGHESTMODSEQ'),
    exists,
    keywords: itemsOf(last('FLAGS')?.tokens[0])
      .map((t) => textOf(t))
      .sort(),
    ...(mailboxid !== undefined && { mailboxid }),
    messages: exists > 0 ? await readMessages(client) : [],
  };
  await client.close();
  return box;
}

async function readMessages(client: ImapClient): Promise<MessageState[]> {
  const condstore = client.capabilities.has('CONDSTORE');
  const objectid = client.capabilities.has('OBJECTID');
  const items = `UID FLAGS INTERNALDATE RFC822.SIZE${condstore ? ' MODSEQ' : ''}${objectid ? ' EMAILID' : ''}`;
  const messages = new Map<number, MessageState>();
  for (const fetched of fetches(await client.ok(`UID FETCH 1:* (${items} BODY.PEEK[])`))) {
    if (!fetched.has('UID') || !fetched.has('INTERNALDATE')) continue; // an unsolicited FETCH
    const body = fetched.get('BODY[]');
    const uid = Number(textOf(fetched.get('UID')));
    messages.set(uid, {
      uid,
      flags: itemsOf(fetched.get('FLAGS'))
        .map((t) => textOf(t))
        .filter((flag) => flag !== '\\Recent')
        .sort(),
      internaldate: textOf(fetched.get('INTERNALDATE')),
      size: fetched.has('RFC822.SIZE') ? Number(textOf(fetched.get('RFC822.SIZE'))) : null,
      sha256: body === undefined || isNil(body) ? null : sha256(textOf(body)),
      ...(condstore && { modseq: onlyNumber(fetched.get('MODSEQ')) }),
      ...(objectid && { emailid: fetched.has('EMAILID') ? textOf(itemsOf(fetched.get('EMAILID'))[0]) : null }),
    });
  }
  if (client.capabilities.has('ANNOTATE-EXPERIMENT-1')) await readAnnotations(client, messages);
  return [...messages.values()].sort((a, b) => a.uid - b.uid);
}

async function readAnnotations(client: ImapClient, messages: ReadonlyMap<number, MessageState>): Promise<void> {
  const reply = await client.command(
    'UID FETCH 1:* (ANNOTATION (("/comment" "/altsubject") ("value.priv" "value.shared")))',
  );
  if (reply.status !== 'OK') return;
  for (const fetched of fetches(reply)) {
    const found: Record<string, string> = {};
    for (const [entry, attributes] of pairs(itemsOf(fetched.get('ANNOTATION')))) {
      for (const [attribute, value] of pairs(itemsOf(attributes))) {
        if (!isNil(value)) found[`${textOf(entry)} ${textOf(attribute)}`] = asSent(value);
      }
    }
    const message = messages.get(Number(textOf(fetched.get('UID'))));
    if (message && Object.keys(found).length > 0) message.annotations = found;
  }
}

/** Recorded states keep the quotes of annotation values, and only the length of literals. */
function asSent(token: Token): string {
  if (token.kind === 'quoted') return `"${token.raw}"`;
  return token.kind === 'literal' ? `{${token.value.length}}` : textOf(token);
}

async function readAcl(client: ImapClient, name: string): Promise<Record<string, string> | undefined> {
  const reply = await client.command(`GETACL ${quote(name)}`);
  const tokens = reply.untagged.find((u) => u.name === 'ACL')?.tokens;
  if (reply.status !== 'OK' || !tokens) return undefined;
  return Object.fromEntries(
    pairs(tokens.slice(1)).map(([who, rights]) => [textOf(who), [...textOf(rights)].sort().join('')]),
  );
}

async function readQuota(client: ImapClient, name: string): Promise<string[] | undefined> {
  const reply = await client.command(`GETQUOTAROOT ${quote(name)}`);
  if (reply.status !== 'OK') return undefined;
  return reply.untagged
    .filter((u) => u.name === 'QUOTA')
    .map((u) => u.text)
    .sort();
}

async function readMetadata(client: ImapClient, name: string): Promise<Record<string, string>> {
  const reply = await client.command(`GETMETADATA (DEPTH infinity) ${quote(name)} (/shared /private)`);
  if (reply.status !== 'OK') return { error: reply.status };
  const found: Record<string, string> = {};
  for (const response of reply.untagged.filter((u) => u.name === 'METADATA')) {
    for (const [entry, value] of pairs(itemsOf(response.tokens[1]))) {
      if (!isNil(value)) found[textOf(entry)] = textOf(value);
    }
  }
  return found;
}

async function scripts(port: number, user: string, options: RecordOptions): Promise<NonNullable<Dump['sieve']>> {
  const client = await SieveClient.connect(port, user, options.admin, options.password);
  const found: Record<string, { active: boolean; sha256: string }> = {};
  for (const { name, active } of await client.listScripts()) {
    found[name] = { active, sha256: sha256(await client.getScript(name)) };
  }
  client.close();
  return found;
}

function fetches(reply: Reply): Map<string, Token>[] {
  return reply.untagged
    .filter((u) => u.name === 'FETCH')
    .map((u) => new Map(pairs(itemsOf(u.tokens[0])).map(([key, value]) => [textOf(key).toUpperCase(), value])));
}

function pairs(tokens: readonly Token[]): [Token, Token][] {
  const out: [Token, Token][] = [];
  for (let i = 0; i + 1 < tokens.length; i += 2) out.push([tokens[i]!, tokens[i + 1]!]);
  return out;
}

function onlyNumber(list: Token | undefined): number | null {
  const text = textOf(itemsOf(list)[0]);
  return text === '' ? null : Number(text);
}

function sha256(latin1: string): string {
  return createHash('sha256').update(latin1, 'latin1').digest('hex');
}
