/** What the walks hand over: facts, and the message files whose content must be looked for. Types only. */
import type { Facts } from './classify.js';
import type { LiveMailbox } from './live-mailboxes.js';

/** Message files in one directory. */
export interface Candidates {
  /** Root and directory below it, as the server names them. */
  readonly root: string;
  readonly relative: string;
  readonly names: readonly string[];
}

export interface Finding {
  readonly facts: Facts;
  readonly paths: readonly string[];
  readonly areDirectories: boolean;
  readonly mailbox: string | undefined;
  readonly uniqueid: string | undefined;
  readonly files: number;
  readonly messages: number;
  readonly bytes: number;
  readonly candidates: readonly Candidates[];
  /** Whose live mailboxes may have the same content; undefined: anyone's. */
  readonly owner: string | undefined;
  readonly twin: LiveMailbox | undefined;
  /** Where its own index lies. */
  readonly index: { readonly root: string; readonly relative: string } | undefined;
}

/** A finding that is one file, or a directory without messages. */
export function plainFinding(
  facts: Facts,
  paths: readonly string[],
  rest: Partial<Omit<Finding, 'facts' | 'paths'>> = {},
): Finding {
  return {
    facts,
    paths,
    areDirectories: false,
    mailbox: undefined,
    uniqueid: undefined,
    files: 1,
    messages: 0,
    bytes: 0,
    candidates: [],
    owner: undefined,
    twin: undefined,
    index: undefined,
    ...rest,
  };
}
