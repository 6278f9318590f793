/**
 * Scripts of 3.6 and later: messages of each user's `#sieve` mailbox, whose subject is the script's name and whose body
 * is its text. Their bytecode lies below sievedir as ever, by the same name.
 * @see cyrus-imapd 3.6.1 imap/sieve_db.c store_script; real spools of 3.6 and 3.10
 */
import { FormatError } from '../base/errors.js';
import { messageFileName } from '../cyrus/layout/mailbox-place.js';
import { readIndex } from '../cyrus/mailbox/index.js';
import type { User } from '../cyrus/names/mailbox-name.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Migrated, MigratedMailbox } from './migrated.js';

export interface ScriptMessage {
  readonly user: User;
  readonly name: string;
  readonly text: Buffer;
  /** Of its message, as the old server names it. */
  readonly path: string;
  /** Unix time at which it was stored. */
  readonly seconds: number;
}

export function* scriptMessages(source: SourceTrees, { mailboxes }: Migrated): Generator<ScriptMessage> {
  for (const one of mailboxes) {
    const { mailbox } = one;
    if (mailbox.entry.kind === 'f' && mailbox.user && !mailbox.deleted) yield* ofMailbox(source, one, mailbox.user);
  }
}

function* ofMailbox(source: SourceTrees, { mailbox }: MigratedMailbox, user: User): Generator<ScriptMessage> {
  const { roots, relative, data, meta } = mailbox.place;
  const bytes = source.root(roots.meta.index)?.read(`${relative}/cyrus.index`);
  if (!bytes) return;
  let index: ReturnType<typeof readIndex>;
  try {
    index = readIndex(bytes, `${meta.index}/cyrus.index`);
  } catch (error) {
    if (error instanceof FormatError) return; // a problem of the mailbox, said by the pass
    throw error;
  }
  for (let i = 0; i < index.count; i++) {
    if (index.isExpunged(i) || index.isUnlinked(i)) continue;
    const name = messageFileName(index.uid(i));
    const archive = index.isArchived(i) ? roots.archive : undefined;
    const message = source.root(archive ?? roots.data)?.read(`${relative}/${name}`);
    const script = message && parseScriptMessage(message);
    if (script) yield { user, ...script, path: `${data}/${name}`, seconds: index.internalDate(i) };
  }
}

/** Undefined for what is no script, or has a name that can be no file's. */
export function parseScriptMessage(message: Buffer): { name: string; text: Buffer } | undefined {
  const end = message.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const header = message.toString('latin1', 0, end).replace(/\r\n[ \t]+/g, ' ');
  const fieldOf = (field: string) => new RegExp(`^${field}:[ \\t]*(.*?)[ \\t]*$`, 'im').exec(header)?.[1];
  const name = fieldOf('Subject');
  if (name === undefined || !/^application\/sieve\b/i.test(fieldOf('Content-Type') ?? '')) return undefined;
  if (!/^[^/\0=][^/\0]*$/.test(name) || name.includes('=?') || name.startsWith('.')) return undefined;
  const length = Number(fieldOf('Content-Length') ?? Number.NaN);
  const text = message.subarray(end + 4);
  return { name, text: Number.isInteger(length) && length <= text.length ? text.subarray(0, length) : text };
}
