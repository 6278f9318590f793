import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Correction, correctedUsage } from '../support/corrected-usage.js';
import type { CyrsyncDocument } from '../support/cyrsync.js';
import type { CyrusSetup } from '../support/cyrus-conf.js';
import { CyrusServer } from '../support/cyrus-server.js';
import { Job } from '../support/job.js';
import { keptOptions } from '../support/spool.js';
import { type AllowedDifference, describeDiff, diffStates, rulesFor } from '../support/state-diff.js';
import { UPGRADE_DIFFERENCES } from '../support/upgrade-differences.js';
import type { Cell } from './cells.js';
import { expectedView } from './expected-view.js';
import { recordedState, unpackRecorded } from './spools.js';
import { consistencyOfDatabase, whatQuotaFinds, whatReconstructFinds } from './tool-findings.js';

export interface CellResult {
  readonly color: 'green' | 'refused' | 'red';
  /** Red: what is wrong, a line each. Refused: the reason that was given. */
  readonly reasons: readonly string[];
  /** How many differences of the view were waived, by reason. */
  readonly waived: Readonly<Record<string, number>>;
  /** Codes of the problems that cyrsync named, with their number. */
  readonly problems: Readonly<Record<string, number>>;
  readonly mailboxes: number;
  readonly seconds: number;
}

const PARTITIONS = ['n1', 'n2'];

function setupOf({ target, layout, features }: Cell, dir: string, kept: Record<string, string>): CyrusSetup {
  const { meta, archive, unixhierarchysep, virtdomains, database } = features;
  return {
    dir,
    root: target.root,
    // a target by uniqueid hashes all else as the feature says: quota and user files; take the fullest
    hash: layout === 'uuid' ? 'full' : layout,
    partitions: PARTITIONS,
    meta: meta === 'all' ? true : meta === 'some' ? ['n2'] : [],
    ...(meta === 'some' && { metaFiles: 'header index cache' }),
    ...(archive === 'on' && { archiveAfter: '1d' }),
    options: {
      ...kept,
      unixhierarchysep,
      ...(kept.virtdomains === undefined || kept.virtdomains === 'off' ? { virtdomains } : {}),
      mboxlist_db: database,
    },
  };
}

/** Migrates a spool into a fresh server of the cell's kind, has that serve it, and compares. `keep`: leaves the directories. */
export async function runCell(cell: Cell, keep = false): Promise<CellResult> {
  const started = performance.now();
  const scratch = mkdtempSync(join(tmpdir(), 'cm-'));
  await chmod(scratch, 0o755);
  const dir = `${scratch}/new`;
  const real = (cell.target.root ?? '') + scratch;
  mkdirSync(real, { recursive: true, mode: 0o755 });
  let server: CyrusServer | undefined;
  try {
    const spool = unpackRecorded(cell.source, join(scratch, 'old'));
    server = CyrusServer.create(setupOf(cell, dir, keptOptions(spool)));
    const job = new Job({
      dir: scratch,
      from: spool.confFile,
      fromRoot: spool.root,
      to: server.confFile,
      toRoot: cell.target.root,
      layout: cell.layout === 'uuid' ? 'uuid' : 'name',
      upgradeIndexes: cell.features.indexes,
    });
    const verdict = await judge(cell, job, server);
    return { ...verdict, seconds: Math.round((performance.now() - started) / 100) / 10 };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return {
      ...{ color: 'red', reasons: [`${text.slice(0, 4000)}\n${server?.log(15) ?? ''}`], waived: {}, problems: {} },
      ...{ mailboxes: 0, seconds: Math.round((performance.now() - started) / 100) / 10 },
    };
  } finally {
    await server?.stop();
    if (keep) console.log(`kept: ${scratch}, ${real}`);
    else for (const d of [scratch, real]) rmSync(d, { recursive: true, force: true });
  }
}

async function judge(cell: Cell, job: Job, server: CyrusServer): Promise<Omit<CellResult, 'seconds'>> {
  const reasons: string[] = [];
  const problems: Record<string, number> = {};
  const none = { waived: {}, problems, mailboxes: 0 };
  const note = (document: CyrsyncDocument) => {
    for (const { code } of document.problems) problems[code] = (problems[code] ?? 0) + 1;
    return document;
  };

  await job.init();
  const first = note(await job.run('presync', [], { exit: [0, 3, 4] }));
  if (first.exit === 4) {
    const reason = first.problems.map((p) => p.message).join('; ');
    return { ...none, color: cell.refusalIsDue ? 'refused' : 'red', reasons: [reason] };
  }
  const { messages, mailboxes } = note(await job.run('presync', [], { exit: [0, 3] })) as unknown as Figures;
  const idle = messages.copied + messages.removed + messages.linked + mailboxes.created + mailboxes.moved;
  if (idle + mailboxes.removed + mailboxes.failed + mailboxes.deferred > 0) {
    reasons.push(`the second presync did something: ${JSON.stringify({ messages, mailboxes })}`);
  }
  const cutover = note(await job.cutover({ exit: [0, 3] }));
  for (const { check, detail } of (cutover.checks as Check[]).filter((c) => !c.ok)) {
    reasons.push(`own check "${check}": ${detail}`);
  }
  const { mismatches } = (await job.run('verify', [], { exit: [0, 1, 3] })) as unknown as { mismatches: unknown[] };
  if (mismatches.length > 0) reasons.push(`verify: ${JSON.stringify(mismatches.slice(0, 3))}`);
  const where = (await job.run('where')) as unknown as Where;

  reasons.push(...toolFindings(cell, server, new Set(where.mailboxes.map((m) => m.name))));

  await server.start();
  const recorded = recordedState(cell.source);
  const withSieve = Object.values(recorded.users).some((user) => user.sieve !== undefined);
  const served = await server.imapState(Object.keys(recorded.users), { sieve: withSieve });
  const separator = cell.features.unixhierarchysep === 'yes' ? '/' : '.';
  const corrected = (cutover.quotaRoots as { corrected: Correction[] }).corrected;
  const allowed: AllowedDifference[] = [
    ...rulesFor(cell.source.name, UPGRADE_DIFFERENCES, cell.target.version),
    ...corrected.map((c) => correctedUsage(c, separator)),
  ];
  const diff = diffStates(expectedView(recorded, cell), served, allowed);
  if (diff.differences.length > 0) reasons.push(`IMAP shows something else:\n${describeDiff(diff, 25)}`);
  reasons.push(...misplaced(where, server));
  return {
    color: reasons.length > 0 ? 'red' : 'green',
    reasons,
    waived: diff.waived,
    problems,
    mailboxes: where.mailboxes.length,
  };
}

/** The target's own checkers, on a copy in its place: they write. */
function toolFindings(cell: Cell, server: CyrusServer, mailboxes: ReadonlySet<string>): string[] {
  const kept = `${server.realDir}.kept`;
  execFileSync('cp', ['-a', server.realDir, kept]);
  const findings = [
    ...consistencyOfDatabase(server, cell.features.database),
    ...whatQuotaFinds(server, cell),
    ...whatReconstructFinds(server, cell, mailboxes),
  ];
  rmSync(server.realDir, { recursive: true });
  execFileSync('mv', [kept, server.realDir]);
  return findings;
}

/** Mailboxes whose directory mbpath of the target names otherwise than `where`. */
function misplaced({ mailboxes }: Where, server: CyrusServer): string[] {
  const wanted = mailboxes.filter(({ to }) => to.data !== null);
  if (wanted.length === 0) return ['where names no mailbox'];
  const utf7 = server.runTool('mbpath', ['-h']).stderr.includes('-7') ? ['-7', '-D'] : [];
  const ask = (names: readonly string[]) =>
    server
      .runTool('mbpath', [...utf7, '--', ...names])
      .stdout.replace(/\n$/, '')
      .split('\n');
  // one line each, but none for a name that it doesn't know: then each by itself
  let answers = ask(wanted.map((m) => m.external));
  if (answers.length !== wanted.length) answers = wanted.map((m) => ask([m.external]).join(' '));
  const bare = (path: string) => path.replace(/\/$/, '');
  const odd = wanted.flatMap(({ external, to }, i) =>
    bare(answers[i]!) === bare(to.data!) ? [] : [`${external}: where ${to.data}, mbpath ${answers[i]}`],
  );
  return odd.length > 0 ? [`${odd.length} places: ${odd.slice(0, 5).join('; ')}`] : [];
}

interface Figures {
  readonly mailboxes: Readonly<Record<'created' | 'moved' | 'removed' | 'failed' | 'deferred', number>>;
  readonly messages: Readonly<Record<'copied' | 'removed' | 'linked', number>>;
}
interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}
interface Where {
  readonly mailboxes: readonly {
    readonly name: string;
    readonly external: string;
    readonly to: { readonly data: string | null };
  }[];
}
