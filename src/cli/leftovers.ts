import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import { formatBytes } from '../base/units.js';
import { inboxOf, userFromUserid } from '../cyrus/names/mailbox-name.js';
import { bytesOfText } from '../disk/os-path.js';
import { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import { LEFTOVER_CLASSES, type LeftoverClass } from '../model/leftover-class.js';
import { ProblemList } from '../model/problem.js';
import { accountText } from '../report/account-text.js';
import { verdictText } from '../report/leftovers-text.js';
import { table } from '../report/text.js';
import { liveReason, reasoning } from '../survey/explain.js';
import type { Leftover, LeftoverDetail, LeftoversResult } from '../survey/leftover.js';
import { filesOf } from '../survey/leftover-files.js';
import { findLeftovers } from '../survey/leftovers.js';
import { lookAtSource } from './look-at-source.js';
import { type CommonOptions, commonCommand, runOnJob } from './run.js';

interface LeftoversOptions extends CommonOptions {
  readonly class?: string[];
  readonly verdict?: string[];
  readonly user?: string[];
  readonly partition?: string[];
  readonly print0?: boolean;
  readonly emptyDirectories?: boolean;
  readonly prove: boolean;
}

const VERDICTS = ['skip', 'rescue', 'person', 'migrate'];
const collect = (value: string, before: string[] = []) => [...before, value];

export function leftoversCommand(): Command {
  return commonCommand('leftovers', 'what is not migrated, and why')
    .option('--class <c>', 'only of this class; may be given again', collect)
    .option('--verdict <v>', 'only of this verdict; may be given again', collect)
    .option('--user <id>', 'only what is or was this user’s; may be given again', collect)
    .option('--partition <p>', 'only what lies on this partition; may be given again', collect)
    .option(
      '--print0',
      'real paths of files, NUL between them, for xargs -0; of verdict skip unless --verdict says otherwise',
    )
    .option('--empty-directories', 'real paths of empty directories, NUL between them, for rmdir')
    .option('--no-prove', 'do not read stale messages to see whether they are elsewhere')
    .argument('[explain]', '"explain"')
    .argument('[path]', 'the path to explain')
    .action(async (verb: string | undefined, path: string | undefined, options: LeftoversOptions) => {
      await runOnJob('leftovers/1', options, async (job, state, env) => {
        checkWords(job, options, verb, path);
        const source = new SourceTrees(job.source);
        try {
          const standing = new ProblemList(); // survey's to show, but for what makes the answer another one
          const inventory = await lookAtSource(job, state, source, standing, env);
          for (const problem of standing.all) if (problem.code === 'partition-empty') env.problems.add(problem);
          const find = (keep: (leftover: Leftover, detail: LeftoverDetail) => boolean, account: boolean) =>
            findLeftovers(job, state, source, inventory, { prove: options.prove, account, keep });
          if (verb !== undefined) return explain(find, pathOnServer(job, bytesOfText(path!)));
          const account = !options.print0 && !options.emptyDirectories;
          const result = find(filterOf(job, options), account);
          const { leftovers } = result;
          if (!account) {
            const paths = options.emptyDirectories
              ? leftovers.flatMap((l) => l.paths)
              : [...filesOf(job, source, leftovers, result.files)];
            const raw = Buffer.from(paths.map((p) => `${job.source.real(p)}\0`).join(''), 'latin1');
            return { body: {}, text: '', raw };
          }
          const totals = totalsOf(leftovers, result.details);
          return {
            body: { leftovers, totals, accounted: result.account },
            text: leftoversText(leftovers, totals, result, job.options.migrate.rescue),
          };
        } finally {
          source.close();
        }
      });
    });
}

function checkWords(
  job: Job,
  { class: classes, verdict, partition }: LeftoversOptions,
  verb: string | undefined,
  path: string | undefined,
): void {
  const bad = [
    ...(classes ?? []).filter((c) => !(LEFTOVER_CLASSES as readonly string[]).includes(c)),
    ...(verdict ?? []).filter((v) => !VERDICTS.includes(v)),
  ];
  if (bad.length > 0)
    throw new ConfigError(
      `There is no class or verdict ${bad.join(', ')}`,
      `classes are ${LEFTOVER_CLASSES.join(', ')}; verdicts ${VERDICTS.join(', ')}`,
      'Give one of these.',
    );
  const { partitions } = job.source.conf;
  const unknown = (partition ?? []).filter((p) => !partitions.has(p));
  if (unknown.length > 0)
    throw new ConfigError(
      `The source has no partition ${unknown.join(', ')}`,
      `its imapd.conf has ${[...partitions.keys()].join(', ')}`,
      'Give one of these.',
    );
  if (verb !== undefined && (verb !== 'explain' || path === undefined))
    throw new ConfigError(
      `leftovers ${verb}`,
      'the only word it takes is "explain", with a path',
      'Give: leftovers explain PATH.',
    );
}

function filterOf(
  job: Job,
  { class: classes, verdict, user, partition, print0, emptyDirectories }: LeftoversOptions,
): (leftover: Leftover, detail: LeftoverDetail) => boolean {
  const verdicts = verdict ?? (print0 ? ['skip'] : VERDICTS);
  const users = user?.map(bytesOfText);
  const owners = users?.map((id) => inboxOf(userFromUserid(id, job.source.conf)) as string);
  return (l, { finding }) => {
    const { facts, owner } = finding;
    return (
      (classes?.includes(l.class) ?? true) &&
      (!emptyDirectories || l.class === 'empty-directory') &&
      verdicts.includes(l.verdict) &&
      (partition?.includes(finding.partition ?? '') ?? true) &&
      (!owners || owners.includes(owner ?? '') || (facts.kind === 'user-file' && users!.includes(facts.of)))
    );
  };
}

function totalsOf(leftovers: readonly Leftover[], details: LeftoversResult['details']) {
  const totals = new Map<
    LeftoverClass,
    { class: string; directories: number; files: number; messages: number; bytes: number; onlyHere: number }
  >();
  for (const l of leftovers) {
    const none = { class: l.class, directories: 0, files: 0, messages: 0, bytes: 0, onlyHere: 0 };
    const total = totals.get(l.class) ?? none;
    totals.set(l.class, total);
    for (const part of details.get(l)!.finding.parts) total.directories += part.directories;
    total.files += l.files;
    total.messages += l.messages;
    total.bytes += l.bytes;
    total.onlyHere += l.onlyHere.length;
  }
  return LEFTOVER_CLASSES.flatMap((name) => totals.get(name) ?? []);
}

function leftoversText(
  leftovers: readonly Leftover[],
  totals: ReturnType<typeof totalsOf>,
  result: LeftoversResult,
  mode: string,
): string {
  const { account } = result;
  if (leftovers.length === 0) return `No leftovers.\n\n${accountText(account)}`;
  const rows = leftovers.map((l) => [
    l.class,
    `${l.paths[0] ?? ''}${l.paths.length > 1 ? ` (+${l.paths.length - 1})` : ''}`,
    l.mailbox ?? '',
    l.messages,
    formatBytes(l.bytes),
    l.verdict,
    // The last says what its messages proved, the first what it is.
    l.messages > 0 && l.verdict !== 'migrate' ? l.evidence.at(-1)! : l.evidence[0],
  ]);
  const todo = verdictText(result, mode);
  const sums = totals.map((t) => [t.class, t.directories, t.files, t.messages, formatBytes(t.bytes), t.onlyHere]);
  return [
    table(['class', 'path', 'mailbox', 'messages', 'size', 'verdict', 'evidence'], rows),
    table(['class', 'directories', 'files', 'messages', 'size', 'only here'], sums),
    ...(todo.length === 0 ? [] : [todo.join('\n')]),
    accountText(account),
  ].join('\n\n');
}

/** What the administrator gave may have the prefix, and slashes at its end. */
function pathOnServer({ source: { prefix } }: Job, given: string): string {
  const path = given.replace(/(?<=.)\/+$/, '');
  return prefix !== '' && path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path;
}

function explain(
  find: (keep: (leftover: Leftover, detail: LeftoverDetail) => boolean, account: boolean) => LeftoversResult,
  at: string,
) {
  // A file directly in a leftover directory; an empty one stands for its whole tree.
  const parent = at.slice(0, Math.max(0, at.lastIndexOf('/')));
  const isIt = (l: Leftover) => l.paths.includes(at);
  const isBelow = (l: Leftover) =>
    l.paths.some((p) => p === parent || (l.class === 'empty-directory' && at.startsWith(`${p}/`)));
  const result = find((l) => isIt(l) || isBelow(l), false);
  const exact = result.leftovers.filter(isIt);
  const leftovers = exact.length > 0 ? exact : result.leftovers;
  if (leftovers.length === 0) {
    const reason = liveReason(result.live, at);
    return { body: { leftovers, steps: [], reason }, text: `${at} is no leftover: ${reason}.` };
  }
  const steps = leftovers.map((l) => reasoning(result.details.get(l)!.finding.facts));
  const text = leftovers.map((l, i) => explanation(l, result.details.get(l)!, steps[i]!)).join('\n\n');
  return { body: { leftovers, steps: steps.flat() }, text };
}

function explanation(l: Leftover, { rule }: LeftoverDetail, steps: ReturnType<typeof reasoning>): string {
  return [
    `${l.class}, verdict ${l.verdict}`,
    ...l.paths.map((p) => `  ${p}`),
    `  ${l.files} files, ${l.messages} messages, ${formatBytes(l.bytes)}${l.mailbox === null ? '' : `, once ${l.mailbox}`}`,
    'Rules, in their order:',
    ...steps.map((s, i) => `  ${i + 1}. ${s.class}: ${s.asks}\n       ${s.fits ? 'YES' : 'no'}: ${s.saw}`),
    'Evidence:',
    ...l.evidence.map((e) => `  - ${e}`),
    ...l.onlyHere.map((m) => `  nowhere else: ${m.path} (${m.bytes} bytes, ${m.guid})`),
    rule === undefined ? 'No rule of the job file fits it.' : `Rule ${rule} of the job file decided.`,
  ].join('\n');
}
