/** What each part of taking the inventory is given, and what it says of a file that it can't read. */
import { FormatError } from '../base/errors.js';
import type { InternalName } from '../cyrus/names/mailbox-name.js';
import { errnoOf } from '../disk/os-path.js';
import type { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { Problem, ProblemList } from '../model/problem.js';
import type { State } from '../state/state.js';
import type { MailboxListing } from './listed-mailbox.js';

export interface Scan {
  readonly job: Job;
  readonly state: State;
  readonly trees: SourceTrees;
  readonly problems: ProblemList;
  readonly listing: MailboxListing;
}

/** Mailboxes between two places to stop: on a disk that seeks for each, a fraction of a second. */
export const SLICE = 4;

/** @throws what is neither a damaged file nor an errno */
export function readProblem(error: unknown, name: InternalName, path: string): Problem {
  if (errnoOf(error) === 'ELOOP') {
    return {
      code: 'link-refused',
      message: 'a symbolic link stands in its path',
      advice: 'Put the directory where the link is, or make the place it points to a partition.',
      mailbox: name,
      path,
    };
  }
  if (error instanceof FormatError || errnoOf(error) !== undefined) {
    return {
      code: 'mailbox-unreadable',
      message: (error as Error).message,
      advice: 'Run reconstruct for it on the old server; what the target has of it is kept.',
      mailbox: name,
      path,
    };
  }
  throw error;
}
