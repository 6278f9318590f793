/**
 * What the walks hand over: facts, and the message files whose content must be looked for. Types only. A finding is put
 * away as JSON until its turn comes, so it holds no objects.
 */
import type { Facts } from './classify.js';

/** Message files in one directory. */
export interface Candidates {
  /** Root and directory below it, as the server names them. */
  readonly root: string;
  readonly relative: string;
  /** Undefined: all that are named as messages are. */
  readonly names?: readonly string[] | undefined;
}

/** One path of a finding, and what stands behind it: itself, or the files directly in it. */
export interface Part {
  readonly path: string;
  /** Regular files; a link has none. */
  readonly files: number;
  /** Message files among them. */
  readonly messages: number;
  readonly bytes: number;
  /** 0 for a file, 1 for a directory, more for an empty one that stands for its whole tree. */
  readonly directories: number;
}

export interface Finding {
  readonly facts: Facts;
  readonly parts: readonly Part[];
  readonly mailbox: string | undefined;
  readonly uniqueid: string | undefined;
  readonly partition: string | undefined;
  readonly candidates: readonly Candidates[];
  /** Whose live mailboxes may have the same content; undefined: anyone's. */
  readonly owner: string | undefined;
  /** Number of the live mailbox with the same uniqueid. */
  readonly twin: number | undefined;
  /** Where its own index lies. */
  readonly index: { readonly root: string; readonly relative: string } | undefined;
  /** Changes with any of its directories and its index; undefined where a change may not show. */
  readonly print: string | undefined;
}

/** A finding that is one file, or directories without messages. */
export function plainFinding(
  facts: Facts,
  parts: readonly Part[],
  rest: Partial<Omit<Finding, 'facts' | 'parts'>> = {},
): Finding {
  return {
    facts,
    parts,
    mailbox: undefined,
    uniqueid: undefined,
    partition: undefined,
    candidates: [],
    owner: undefined,
    twin: undefined,
    index: undefined,
    print: undefined,
    ...rest,
  };
}

/** One regular file. */
export function filePart(path: string, bytes: number, messages = 0): Part {
  return { path, files: 1, messages, bytes, directories: 0 };
}

/** A link, a socket: what `find -type f` does not see. */
export function otherPart(path: string): Part {
  return { path, files: 0, messages: 0, bytes: 0, directories: 0 };
}

/** The uniqueid that a place with mail claims, where no live mailbox has it: of two such nothing says which is the mailbox. */
export function claimOf({ facts, uniqueid }: Finding): string | undefined {
  return facts.kind === 'place' && !facts.twin && facts.messages > 0 ? uniqueid : undefined;
}
