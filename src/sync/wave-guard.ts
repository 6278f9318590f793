/** What a pass of a wave must not do: write where the target's server, or another's mailbox, already is. */
import { FormatError, RefusedError } from '../base/errors.js';
import type { MailboxPlace } from '../cyrus/layout/mailbox-place.js';
import { readMailboxHeader } from '../cyrus/mailbox/header.js';
import { inboxOf, userFromUserid } from '../cyrus/names/mailbox-name.js';
import { SourceTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import { neededEntries } from '../inventory/read-mailboxes-db.js';
import type { Wave } from '../inventory/wave.js';
import type { Job } from '../job/job.js';
import { runningServer } from '../job/running-server.js';
import type { State } from '../state/state.js';

/** @throws RefusedError */
export function requireWaveReady(job: Job, { serving }: Wave, { mailboxes, selection }: Inventory): void {
  if (mailboxes.length === 0)
    throw new RefusedError(
      selection.hasFinal ? 'The cutover of all these users is final' : 'Nobody is chosen',
      'no mailbox of the old server is left that [select] in the job file chooses and no earlier wave has taken',
      'Name more users in `only`; what was cut over is live on the target and is not touched again.',
      { code: 'final' },
    );
  const now = serving.ours.size > 0 ? runningServer(job.target) : [];
  if (now.length > 0)
    throw new RefusedError(
      'The new server runs',
      `its mailboxes.db has ${serving.ours.size} mailboxes of this wave since a cutover that was not final; ${now[0]}`,
      'Stop it, and run cutover again: it goes on where the last one ended.',
      { code: 'new-server-runs' },
    );
}

/** @throws RefusedError where the files of another mailbox lie in the directory of one that is to be made */
export function requireFreePlaces(
  job: Job,
  created: Iterable<{ uniqueid: string; name: string; place: MailboxPlace }>,
): void {
  const trees = new SourceTrees(job.target);
  try {
    for (const { uniqueid, name, place } of created) {
      const path = `${place.meta.header}/cyrus.header`;
      const bytes = trees.root(place.roots.meta.header)?.read(`${place.relative}/cyrus.header`);
      if (!bytes || idOf(bytes, path) === uniqueid) continue;
      throw new RefusedError(
        "The target holds another's mail",
        `${path} is there already and is another mailbox's, where ${name} is to come`,
        'Take that directory away if it is a leftover of the new server, or leave the user out.',
        { code: 'target-not-ours' },
      );
    }
  } finally {
    trees.close();
  }
}

function idOf(header: Buffer, path: string): string | undefined {
  try {
    return readMailboxHeader(header, path).uniqueid;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/**
 * Remembers who was denied a service when the user was first seen: what came later is how the administrator keeps the
 * wave's users out of the old server, and does not go along.
 */
export function rememberDenials(job: Job, state: State, source: SourceTrees, { mailboxes }: Inventory): void {
  const { conf } = job.source;
  const denied = new Map(
    neededEntries(source, conf, 'userdeny', 'user_deny.db').map(({ key, value }) => [
      inboxOf(userFromUserid(key, conf)) as string,
      value,
    ]),
  );
  const units = new Set(mailboxes.filter(({ user }) => user).map(({ unit }) => unit));
  const known = state.units.denied();
  state.units.saveDenied([...units].filter((unit) => !known.has(unit)).map((unit) => [unit, denied.get(unit) ?? '']));
}
