/** What the target's own checkers say of a migrated tree. They write: run them on a copy. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { detectBackend } from '../../src/cyrus/db/detect.js';
import type { CyrusServer } from '../support/cyrus-server.js';

/** What of a cell decides about lines of tools. */
export interface CellOfTool {
  readonly source: { readonly name: string };
  readonly target: { readonly version: string };
  readonly features: { readonly indexes: 'needed' | 'all' };
}

/** A line that a tool prints also of a spool that no one migrated. */
interface Quiet {
  readonly sources?: RegExp;
  readonly targets?: RegExp;
  /** Only where the indexes keep their version. */
  readonly oldIndexes?: true;
  readonly line: RegExp;
  readonly why: string;
}

const QUIET_QUOTA: readonly Quiet[] = [
  {
    sources: /virtdomains/,
    line: /: quota root [^ ]+! --> \(none\)$|^[^ ]+!: removed$/,
    why: 'quota -f takes the root of a whole domain away, on the server that wrote the spool as well',
  },
];

const QUIET_RECONSTRUCT: readonly Quiet[] = [
  {
    sources: /^(2|3\.[0-8]-)/,
    targets: /^3\.1[02]$/,
    oldIndexes: true,
    line: /updating quota_(?:deleted|expunged)_used: 0 => \d+$/,
    why: 'indexes before version 18 have no room for these sums: 3.10.2 says it of a 3.2 spool that it upgraded in place',
  },
  {
    sources: /^(2|3\.0)/,
    oldIndexes: true,
    line: /updating (?:sync_crc_annot \d+ => \d+|quota_annot_used: 0 => \d+)$/,
    why: 'an index of version 12 has no room for these sums, one of version 13 sums annotations otherwise',
  },
];

/** The lines that may be, as one expression. */
function quietFor(rules: readonly Quiet[], { source, target, features }: CellOfTool): RegExp {
  const lines = rules
    .filter((q) => (q.sources?.test(source.name) ?? true) && (q.targets?.test(target.version) ?? true))
    .filter((q) => !q.oldIndexes || features.indexes !== 'all')
    .map((q) => q.line.source);
  return new RegExp([...lines, '(?!)'].join('|'));
}

export function consistencyOfDatabase(server: CyrusServer, backend: string): string[] {
  const file = `${server.dir}/conf/mailboxes.db`;
  const { status, stdout, stderr } = server.runTool('cyr_dbtool', [file, backend, 'consistent']);
  const findings = status === 0 && /^Yes/.test(stdout) ? [] : [`cyr_dbtool consistent: ${stdout}${stderr}`];
  const recovery = server.runTool('ctl_cyrusdb', ['-r']);
  if (recovery.status !== 0) findings.push(`ctl_cyrusdb -r: ${recovery.stdout}${recovery.stderr}`);
  return findings;
}

/** Every database that a server opens by its configured backend: those of the configdirectory, and each user's. */
export function inconsistentDatabases(server: CyrusServer): string[] {
  const conf = `${server.realDir}/conf`;
  const files = readdirSync(conf, { recursive: true, encoding: 'latin1' as BufferEncoding }).filter((path) =>
    /^(?:mailboxes|annotations|deliver)\.db$|^(?:user|domain)\/.*(?:\.|\/)(?:seen|mboxkey|conversations)(?:\.db)?$/.test(
      path,
    ),
  );
  return files.flatMap((path) => {
    const bytes = readFileSync(Buffer.from(`${conf}/${path}`, 'latin1'));
    const backend = detectBackend(bytes);
    if (backend === 'flat') return bytes.length === 0 ? [] : [`${path} is flat`];
    const { stdout, stderr } = server.runTool('cyr_dbtool', [`${server.dir}/conf/${path}`, backend, 'consistent']);
    return /^Yes/.test(stdout) ? [] : [`${path}: ${stdout}${stderr}`];
  });
}

/** A mailbox of which `where` says these two. */
interface Placed {
  readonly name: string;
  readonly to: { readonly data: string | null };
}

/**
 * What `ctl_mboxlist -v` says beyond what it says of every server: it looks for directories by name only, and for such of
 * tombstones and intermediates too. @param placed All mailboxes, with where they are
 */
export function whatMboxlistFinds(server: CyrusServer, placed: readonly Placed[]): string[] {
  const { status, stdout, stderr } = server.runTool('ctl_mboxlist', ['-v']);
  const elsewhere = new Set(
    placed
      .filter(
        ({ to }) => to.data !== null && (/\/uuid\//.test(to.data) || !existsSync((server.setup.root ?? '') + to.data)),
      )
      .map(({ name }) => name),
  );
  const odd = `${stdout}${stderr}`.split('\n').filter((line) => {
    const found = /^'(.*)' has a DB entry but no directory on partition '(.*)'$/.exec(line);
    return line !== '' && !(found && (found[2] === '(null)' || elsewhere.has(found[1]!)));
  });
  return report('ctl_mboxlist -v', status, odd);
}

export function whatQuotaFinds(server: CyrusServer, cell: CellOfTool): string[] {
  const { status, stdout, stderr } = server.runTool('quota', ['-f']);
  return report('quota -f', status, quotaFindings(`${stdout}${stderr}`, cell));
}

/** @param mailboxes internal names of all that were migrated */
export function whatReconstructFinds(server: CyrusServer, cell: CellOfTool, mailboxes: ReadonlySet<string>): string[] {
  const { status, stdout, stderr } = server.runTool('reconstruct', ['-n', '-r', '*']);
  return report('reconstruct -n', status, reconstructFindings(`${stdout}${stderr}`, cell, mailboxes));
}

/**
 * Of each mailbox `mbexamine -q` looks at the message files: their sizes are the index's, and so is the sum.
 * @param names Of all mailboxes, external ones: by itself it stops at the first intermediate.
 */
export function whatExamineFinds(server: CyrusServer, names: readonly string[]): string[] {
  const { status, stdout, stderr } = server.runTool('mbexamine', ['-q', ...names]);
  const correct = stdout.split('Mailbox has CORRECT total quota usage').length - 1;
  const odd = `${stdout}${stderr}`.split(/^Examining /m).filter((text) => text !== '' && !text.includes(' CORRECT '));
  return correct < names.length ? [`${correct} of ${names.length}`, ...report('mbexamine -q', status, odd)] : [];
}

function report(tool: string, status: number | null, odd: readonly string[]): string[] {
  if (status === 0 && odd.length === 0) return [];
  return [`${tool} (exit ${status}) finds ${odd.length}: ${odd.slice(0, 6).join('; ')}`];
}

/** Of what a `quota -f` printed, the lines that say that it mended something. */
export function quotaFindings(text: string, cell: CellOfTool): string[] {
  const mended = /^\S.*?: (?:\S+ usage was .*|quota root .* --> .*|removed|added.*|failed.*)$|^failed .*$/;
  const quiet = quietFor(QUIET_QUOTA, cell);
  return text.split('\n').filter((line) => mended.test(line) && !quiet.test(line));
}

/** Of what a `reconstruct -n` printed, the lines that say that it would mend something. */
export function reconstructFindings(text: string, cell: CellOfTool, mailboxes: ReadonlySet<string>): string[] {
  const quiet = quietFor(QUIET_RECONSTRUCT, cell);
  // 3.2 says it of each intermediate, which is no mailbox (3.2.6 of its own spools too)
  const isIntermediate = (line: string) => {
    const name = /^ ?(.*): Mailbox does not exist Failed to reconstruct mailbox$/.exec(line)?.[1];
    return cell.target.version === '3.2' && name !== undefined && !mailboxes.has(name);
  };
  return text.split('\n').filter((line) => FINDING.test(line) && !quiet.test(line) && !isIntermediate(line));
}

/** Texts of reconstruct itself, never of mailbox names. @see cyrus-imapd 3.6.1 imap/reconstruct.c, imap/mailbox.c */
const FINDING = new RegExp(
  [
    ' uid \\d+ (?:found|rediscovered|not found|guid mismatch|snoozed mismatch|mismatch:|record mismatch|missing)',
    ':? updating [a-z_]+:? \\d+ => ',
    'last_uid too small',
    '^Marking file as ',
    '^(?:Wrong |Missing |Invalid|mismatched |uniqueid clash|FAILED |Failed |failed |IOERROR|DBERROR|could not |Header |fatal error)',
    'header file CRC mismatch',
    ': (?:Mailbox|System|Invalid|Operation) ',
  ].join('|'),
);
