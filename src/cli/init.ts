import { closeSync, openSync, writeSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { ConfigError, CyrsyncError } from '../base/errors.js';
import { compareConfs } from '../cyrus/conf/compare-confs.js';
import { unsupportedOptions } from '../cyrus/conf/unsupported-options.js';
import { CYRUS_VERSIONS, type CyrusVersion, parseCyrusVersion } from '../cyrus/version.js';
import { errnoOf } from '../disk/os-path.js';
import { SourceTrees } from '../disk/trees.js';
import { layoutContradictions } from '../inventory/layout-evidence.js';
import { entriesOf, readMailboxesDb } from '../inventory/read-mailboxes-db.js';
import { installedVersion, type VersionEvidence, versionOfSource } from '../job/detect-version.js';
import { defaultLayout, loadSide, refuseOverlaps, type Side } from '../job/job.js';
import { lookupId } from '../job/passwd.js';
import type { Problem } from '../model/problem.js';
import { defaultPolicy } from '../plan/placement.js';
import { table } from '../report/text.js';
import { type CommonOptions, commonCommand, run } from './run.js';

interface InitOptions extends CommonOptions {
  readonly from: string;
  readonly fromRoot?: string;
  readonly fromVersion?: string;
  readonly to: string;
  readonly toRoot?: string;
  readonly toVersion?: string;
  readonly force?: boolean;
}

export function initCommand(): Command {
  return commonCommand('init', 'read both configurations, find out the versions, write the job file')
    .requiredOption('--from <imapd.conf>', "the old server's configuration")
    .option('--from-root <dir>', 'put in front of every path of the old server')
    .option('--from-version <v>', 'its release, where it is not to be found out')
    .requiredOption('--to <imapd.conf>', "the new server's configuration")
    .option('--to-root <dir>', 'put in front of every path of the new server')
    .option('--to-version <v>', 'its release, where it is not installed here')
    .option('--force', 'overwrite a job file')
    .action(async (options: InitOptions) => {
      const file = resolve(options.job ?? './cyrsync.toml');
      await run(
        'init/1',
        options,
        (env) => {
          const fromRoot = options.fromRoot === undefined ? '' : resolve(options.fromRoot);
          const toRoot = options.toRoot === undefined ? '' : resolve(options.toRoot);
          const source = sourceVersion(options, fromRoot);
          const target = targetVersion(options, toRoot);
          const from = loadSide(options.from, fromRoot, source.version);
          const to = loadSide(options.to, toRoot, target.version);
          refuseOverlaps(to.conf);
          const layout = defaultLayout(source.version, target.version);
          const policy = defaultPolicy(from.conf, to.conf);
          const differences = compareConfs(from.conf, to.conf);
          writeJobFile(
            file,
            jobText(
              confInJob(file, options.from, fromRoot),
              confInJob(file, options.to, toRoot),
              fromRoot,
              toRoot,
              source,
              target,
              layout,
              policy,
              from,
            ),
            options.force === true,
          );
          const notes = [...from.conf.issues, ...to.conf.issues].map(
            (issue) => `${issue.file} line ${issue.line}: ${issue.message}`,
          );
          try {
            lookupId(to.conf.cyrusUser, toRoot, 'passwd');
            lookupId(to.conf.cyrusGroup, toRoot, 'group');
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
            notes.push(`${error.message}: ${error.next}`);
          }
          const unsupported = unsupportedOptions(from.conf, to.conf);
          for (const problem of layoutProblems(from, notes)) env.problems.add(problem);
          const side = ({ conf }: Side, { version, evidence }: VersionEvidence) => ({
            cyrus: version,
            evidence,
            hashing: conf.spoolHashing,
            unixHierarchySep: conf.unixHierarchySep,
            virtdomains: conf.virtDomains,
            partitions: [...conf.partitions.values()].map(({ name, data, archive, metaPartition }) => ({
              name,
              path: data,
              archive: archive ?? null,
              meta: metaPartition ?? null,
            })),
          });
          const body = {
            jobFile: file,
            source: side(from, source),
            target: side(to, target),
            layout,
            policy,
            differences,
            unsupported,
            notes,
          };
          const text = [
            `Source: Cyrus ${source.version} (${source.evidence}), hashing ${from.conf.spoolHashing}, partitions ${[...from.conf.partitions.keys()].join(', ')}`,
            `Target: Cyrus ${target.version} (${target.evidence}), hashing ${to.conf.spoolHashing}, partitions ${[...to.conf.partitions.keys()].join(', ')}`,
            `Layout: ${layout === 'keep' ? 'mailboxes stay as they are, by name or by uniqueid' : 'by name, in the hashing of the new server'}; placement: ${policy}`,
            ...(differences.length > 0
              ? [
                  `The two configurations differ in what users see or what gets lost:\n${table(
                    ['option', 'old', 'new', 'effect'],
                    differences.map((d) => [d.option, d.source, d.target, d.effect]),
                  )}`,
                ]
              : []),
            ...(unsupported.length > 0
              ? [
                  `Set, and not carried over by cyrsync alone:\n${table(
                    ['side', 'option', 'value', 'effect'],
                    unsupported.map((u) => [u.side, u.option, u.value, u.effect]),
                  )}`,
                ]
              : []),
            ...notes.map((note) => `Note: ${note}`),
            `Wrote ${file}. Next: cyrsync survey --job ${file}`,
          ].join('\n');
          return { body, text };
        },
        file,
      );
    });
}

/** What is seen of the old server's directories; where its mailboxes.db can't be read yet that is a note. */
function layoutProblems(from: Side, notes: string[]): Problem[] {
  const trees = new SourceTrees(from);
  try {
    const { mailboxes } = readMailboxesDb({ source: from, options: { source: {} } }, trees);
    return layoutContradictions(from.conf, trees, mailboxes);
  } catch (error) {
    if (!(error instanceof CyrsyncError)) throw error;
    notes.push(`Whether the directories lie where imapd.conf says was not looked at: ${error.message} (${error.why}).`);
    return [];
  } finally {
    trees.close();
  }
}

function given(text: string | undefined, option: string): CyrusVersion | undefined {
  if (text === undefined) return undefined;
  const version = parseCyrusVersion(text);
  if (!version)
    throw new ConfigError(
      `${option} ${text}`,
      'it is no release of Cyrus',
      `Give one of ${CYRUS_VERSIONS.join(', ')}.`,
    );
  return version;
}

function sourceVersion(options: InitOptions, root: string): VersionEvidence {
  const version = given(options.fromVersion, '--from-version');
  if (version) return { version, evidence: 'given with --from-version' };
  const found = versionOfSource(
    (v) => loadSide(options.from, root, v).conf,
    loadSide(options.from, root, '3.6').real,
    (bytes, path) => entriesOf(bytes, path, '3.6'),
  );
  if (found) return found;
  throw new ConfigError(
    "The old server's release could not be found out",
    'neither its mailboxes.db nor its indexes could be read',
    'Look whether --from-root is right and mounted, or give --from-version.',
    { code: 'source-version-unknown' },
  );
}

function targetVersion(options: InitOptions, root: string): VersionEvidence {
  const version = given(options.toVersion, '--to-version');
  if (version) return { version, evidence: 'given with --to-version' };
  const found = installedVersion(root);
  if (found) return found;
  throw new ConfigError(
    'No Cyrus is installed on the target',
    'neither a package nor a binary was found',
    'Install it, or give --to-version.',
    { code: 'target-version-unknown' },
  );
}

function writeJobFile(file: string, text: string, force: boolean): void {
  let fd: number;
  try {
    fd = openSync(file, force ? 'w' : 'wx', 0o600);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST')
      throw new ConfigError(
        `${file} can not be written`,
        String(error instanceof Error ? error.message : error),
        'Name another file with --job.',
        { cause: error },
      );
    throw new ConfigError(
      `${file} is there already`,
      'a job file holds choices that people made',
      'Name another with --job, or give --force.',
      { code: 'job-exists', cause: error },
    );
  }
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

const quote = (text: string) => JSON.stringify(text);

/**
 * An imapd.conf as the job file names it, wherever that is used from: a relative path of the command line is made the
 * server's own, or, where it lies outside of the server's root, one that starts at the job file.
 */
function confInJob(file: string, path: string, root: string): string {
  if (path.startsWith('/')) return path;
  const real = resolve(path);
  if (root === '' || root === '/') return real;
  return real.startsWith(`${root}/`) ? real.slice(root.length) : relative(dirname(file), real);
}

function jobText(
  fromConf: string,
  toConf: string,
  fromRoot: string,
  toRoot: string,
  source: VersionEvidence,
  target: VersionEvidence,
  layout: string,
  policy: string,
  from: Side,
): string {
  return `# A migration by cyrsync, written by "cyrsync init". Edit what is wrong; all paths are as the servers name them.

[source]
imapd_conf = ${quote(fromConf)}
root = ${quote(fromRoot)}                # put in front of every path of the old server
version = ${quote(source.version)}             # ${source.evidence}
# mailboxes_dump = "mailboxes.txt"  # output of "ctl_mboxlist -d", in place of mailboxes.db

[target]
imapd_conf = ${quote(toConf)}
root = ${quote(toRoot)}
version = ${quote(target.version)}             # ${target.evidence}
# owner = "cyrus"                   # of all files; without it imapd.conf's cyrus_user, else "cyrus"
# group = "mail"
layout = ${quote(layout)}             # "name": directories by name, in the new server's hashing; "uuid"; "keep": as they are

[placement]
policy = ${quote(policy)}             # "balance": by size over the new partitions; "keep": same names; "map"
# unit = "user"                     # what stays together: a user's tree, or "mailbox": each by itself
# exclude = ["old1"]                # partitions to which nothing new goes unless a rule below names them
# shared = "p1"                     # mailboxes that are nobody's; lists of partitions are balanced over, here and below
# reserve = "2%"                    # left free on each file system: a share, or a size as "50 GiB"
# wanted_spread = 1.02              # what \`cyrsync plan --rebalance\` comes down to: fullest partition against the mean
# spread_limit = 1.2                # reported from here on
# growth_days = 30                  # how long the mail may grow as it did before a partition is full
# [placement.map]                   # old = new
${[...from.conf.partitions.keys()].map((name) => `# ${name} = ${quote(name)}`).join('\n')}
# [placement.pins]                  # internal name or glob, for it and all below it
# "user.ceo" = "fast"
# "user.*.Archive" = ["slow1", "slow2"]
# [placement.domains]
# "one.example" = "p2"

[migrate]
deleted = "migrate"                 # the DELETED hierarchy: "migrate" or "leave"
upgrade_indexes = "needed"          # "needed": those of 2.2 and 2.3; "all": to the new server's own version; "never"
rescue = "copy"                     # messages only leftovers have: "copy" beside the new spool, "mailbox" user.NAME.Recovered, "off"
# rescue_directory = "/srv/rescued" # where copies and manifest go; default: the default partition's path and "-rescued"

[select]                            # who comes along; patterns: anna, test*, anna@one.example, @one.example, shared:lists, list:FILE
# only = ["list:wave1.txt"]          # these alone, into a server that may serve others by now; more of them later
# leave_out = ["test*", "@old.example"]
# unused_days = 730                 # or unused_since = "2023-01-01": users without a sign of use since then stay
# unused_by = ["append", "seen", "login", "change"]  # signs that count; without "append" spam keeps nobody

# [[leftovers]]                     # what \`cyrsync leftovers\` shows and you know better; the first rule that fits
# glob = "/var/spool/imap/old-*/**"  # or path, class, mailbox
# action = "skip"                   # "skip", "rescue", "migrate-as-live" (with path and mailbox)

# [run]                             # of passes beside a live server; a cutover takes what it can get
# bwlimit = "20M"                   # read from the source a second
# iops = 200                        # message files copied a second
# max_load = 4                      # begin no mailbox while the load average is above it
# io_class = "idle"                 # or "low": give way to others on the disk; nice = 10: on the processor
# workers = 2                       # mailboxes copied at the same time

# [watch]                           # of \`cyrsync watch\`; seconds
# quiet_time = 3                    # a mailbox is copied when nothing new happened to it for so long
# max_delay = 60                    # or once it has waited so long
# at_most_every = 15                # from one copy of a mailbox to its next
# sweep_percent = 2                 # of one processor, for looking at every mailbox again and again
# sweep_most = 300                  # from one such look to the next, whatever it takes
# hints = "auto"                    # or of ["sweep", "chokidar", "log", "fanotify"]: where it hears of changes sooner
# busiest = 500                     # mailboxes that chokidar watches, where the others do not do

[guard]                             # a pass that would remove more than both of these refuses
mailboxes = 20
mailboxes_percent = 10
messages_percent = 10               # more than this: removals of messages are held back
`;
}
