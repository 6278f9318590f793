/** The manifest beside the rescued messages: one document for programs, one text for people. */
import { toUserid } from '../cyrus/names/mailbox-name.js';
import { ownerKey } from './collect.js';
import type { ManifestEntry, RescueItem } from './rescue-item.js';

export interface Manifest {
  readonly cyrsync: string;
  readonly schema: 'rescued/1';
  readonly writtenAt: string;
  readonly messages: readonly ManifestEntry[];
}

/** `user.ben/SHA1.eml`: one directory for each owner, `unowned` for what nobody's INBOX takes. */
export function fileOf(item: RescueItem): string {
  const owner = ownerKey(item.user);
  return `${owner === '' ? 'unowned' : safeName(owner)}/${item.guid}.eml`;
}

/** Names are bytes of whoever made the mailbox: here only what no shell and no file system minds. */
function safeName(name: string): string {
  const safe = name.replace(/[^A-Za-z0-9.^!@_-]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return safe.slice(0, 200);
}

export interface Places {
  /** Directory of the manifest, as the target's server names it. */
  readonly directory: string;
  /** imapd.conf of the target. */
  readonly confFile: string;
  /** Where the user's INBOX keeps its messages on the target; undefined for nobody. */
  inboxDirectory(item: RescueItem): string | undefined;
  external(item: RescueItem): string | undefined;
}

export function copiedEntry(item: RescueItem, places: Places): ManifestEntry {
  const file = fileOf(item);
  const path = quote(`${places.directory}/${file}`);
  const inbox = places.inboxDirectory(item);
  const external = places.external(item);
  const conf = quote(places.confFile);
  return {
    ...commonEntry(item),
    file,
    inMailbox: null,
    bringBack: {
      deliver:
        item.user === undefined
          ? `deliver -C ${conf} USER < ${path}`
          : `deliver -C ${conf} ${quote(toUserid(item.user))} < ${path}`,
      reconstruct:
        inbox === undefined || external === undefined
          ? `install -p -o cyrus -g mail -m 600 ${path} "$(mbpath MAILBOX)"/NEXTUID. && reconstruct -C ${conf} MAILBOX`
          : `install -p -o cyrus -g mail -m 600 ${path} ${quote(inbox)}/NEXTUID. && reconstruct -C ${conf} ${quote(external)}`,
    },
  };
}

export function servedEntry(item: RescueItem, name: string, uid: number): ManifestEntry {
  return { ...commonEntry(item), file: null, inMailbox: { name, uid }, bringBack: null };
}

function commonEntry(item: RescueItem) {
  return {
    mailbox: item.mailbox ?? null,
    user: item.user === undefined ? null : toUserid(item.user),
    guid: item.guid,
    bytes: item.bytes,
    date: new Date(item.dateSec * 1000).toISOString(),
    from: item.from.map(({ root, relative }) => `${root}/${relative}`),
    class: item.class,
    why: item.why,
  };
}

/** What an earlier run rescued stays, whatever became of it on the source; what this run knows of it is newer. */
export function mergeEntries(before: readonly ManifestEntry[], now: readonly ManifestEntry[]): ManifestEntry[] {
  const key = ({ user, guid, file }: ManifestEntry) => `${user}\0${guid}\0${file === null}`;
  const all = new Map(before.filter(({ file }) => file !== null).map((entry) => [key(entry), entry]));
  for (const entry of now) all.set(key(entry), entry);
  return [...all.values()];
}

/** @returns nothing for what is no manifest: it is written anew. */
export function readManifest(bytes: Buffer | undefined): readonly ManifestEntry[] {
  if (!bytes) return [];
  try {
    const value = JSON.parse(bytes.toString('utf8')) as Partial<Manifest>;
    return value.schema === 'rescued/1' && Array.isArray(value.messages) ? value.messages : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

export function manifestText(entries: readonly ManifestEntry[]): string {
  const copies = entries.filter(({ file }) => file !== null);
  const served = entries.filter(({ file }) => file === null);
  const lines = (e: ManifestEntry) => [
    e.file ?? `${e.inMailbox!.name}, UID ${e.inMailbox!.uid}`,
    `    of ${e.mailbox ?? 'no known mailbox'}${e.user === null ? '' : `, user ${e.user}`}; ${e.date}; ${e.bytes} bytes; SHA-1 ${e.guid}`,
    ...e.from.map((path) => `    found at ${path} (${e.class})`),
    `    ${e.why}`,
    ...(e.bringBack === null ? [] : [`    back by: ${e.bringBack.deliver}`, `    or by:   ${e.bringBack.reconstruct}`]),
  ];
  return `${[
    'Messages that cyrsync found on the old server outside of every live mailbox, and nowhere else.',
    'Each file is the message as it was, byte for byte; MANIFEST.json says the same for programs.',
    '',
    'To bring one back:',
    '  deliver       puts it into the INBOX, dated now (the new server must run);',
    '  IMAP APPEND   with its own date, by any mail program or:',
    '                curl --url imap://HOST/INBOX --user USER -T FILE',
    '  reconstruct   keeps the date: copy it into the mailbox directory as NEXTUID. (the UIDNEXT that IMAP STATUS says, a',
    '                dot after it), owned by cyrus, then run reconstruct on the mailbox.',
    'Nothing here is needed by the new server: delete what nobody wants.',
    '',
    ...copies.flatMap(lines),
    ...(served.length === 0 ? [] : ['', 'Back already:', ...served.flatMap(lines)]),
  ]
    // Bytes of names stay as they are; what a terminal would act on does not.
    .map((line) => line.replace(/[\x00-\x1f\x7f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`))
    .join('\n')}\n`;
}

function quote(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./^-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
