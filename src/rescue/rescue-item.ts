/** A message to be rescued: one content for one owner, wherever on the source it lies. Types only. */
import type { InternalName, User } from '../cyrus/names/mailbox-name.js';
import type { LeftoverClass } from '../model/leftover-class.js';

export interface RescueItem {
  /** The user who gets it back; undefined: nobody's, or one who has no INBOX any more. */
  readonly user: User | undefined;
  /** Internal name of the mailbox that it was in, as far as that is known. */
  readonly mailbox: string | undefined;
  /** SHA-1 of the content. */
  readonly guid: string;
  readonly bytes: number;
  /** Paths on the source, as the server names them; all have this content. */
  readonly from: readonly { readonly root: string; readonly relative: string }[];
  /** INTERNALDATE where an index tells it, else the time of the file. Unix time. */
  readonly dateSec: number;
  /** System flags that an index has of it. */
  readonly flags: number;
  readonly class: LeftoverClass;
  readonly why: string;
}

/** One rescued message in the manifest. Names and paths are bytes, as in all documents of cyrsync. */
export interface ManifestEntry {
  /** Below the directory of the manifest; null where it is in a mailbox. */
  readonly file: string | null;
  readonly inMailbox: { readonly name: string; readonly uid: number } | null;
  readonly mailbox: string | null;
  readonly user: string | null;
  readonly guid: string;
  readonly bytes: number;
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly from: readonly string[];
  readonly class: LeftoverClass;
  readonly why: string;
  /** Shell commands; the first needs the new server running, the second it does not. Null where it is back already. */
  readonly bringBack: { readonly deliver: string; readonly reconstruct: string } | null;
}

/** What became of it, in the document of the command. */
export interface RescueResult {
  readonly mode: 'copy' | 'mailbox' | 'off';
  /** Of the target, where the copies and the manifest are; null where nothing was written. */
  readonly directory: string | null;
  readonly messages: number;
  readonly bytes: number;
  /** Written in this run; the others were there. */
  readonly written: number;
  readonly mailboxes: readonly { readonly name: InternalName; readonly external: string; readonly messages: number }[];
  readonly entries: readonly ManifestEntry[];
}
