import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import { formatBytes } from '../base/units.js';
import { SourceTrees } from '../disk/trees.js';
import { takeInventory } from '../inventory/inventory.js';
import { ProblemList } from '../model/problem.js';
import { table } from '../report/text.js';
import { LEFTOVER_CLASSES, type Leftover } from '../survey/leftover.js';
import { filesOf } from '../survey/leftover-files.js';
import { findLeftovers } from '../survey/leftovers.js';
import { type CommonOptions, commonCommand, runOnJob } from './run.js';

interface LeftoversOptions extends CommonOptions {
  readonly class?: string[];
  readonly verdict?: string[];
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
    .option(
      '--print0',
      'real paths of files, NUL between them, for xargs -0; of verdict skip unless --verdict says otherwise',
    )
    .option('--empty-directories', 'real paths of empty directories, NUL between them, for rmdir')
    .option('--no-prove', 'do not read stale messages to see whether they are elsewhere')
    .argument('[explain]', '"explain"')
    .argument('[path]', 'the path to explain')
    .action(async (verb: string | undefined, path: string | undefined, options: LeftoversOptions) => {
      await runOnJob('leftovers/1', options, (job, state) => {
        checkWords(options, verb, path);
        const source = new SourceTrees(job.source);
        try {
          const inventory = takeInventory(job, state, source, new ProblemList()); // standing problems are survey's to show
          const all = findLeftovers(job, state, source, inventory, { prove: options.prove }).leftovers;
          const verdicts = options.verdict ?? (options.print0 ? ['skip'] : VERDICTS);
          const leftovers = all.filter(
            (l) =>
              (options.class?.includes(l.class) ?? true) &&
              verdicts.includes(l.verdict) &&
              (verb === undefined || isAbout(l, path!)),
          );
          if (options.print0 || options.emptyDirectories) {
            const paths = options.emptyDirectories
              ? leftovers.filter((l) => l.class === 'empty-directory').flatMap((l) => l.paths)
              : [...filesOf(job, source, leftovers, all)];
            return {
              body: {},
              text: '',
              raw: Buffer.from(paths.map((p) => `${job.source.real(p)}\0`).join(''), 'latin1'),
            };
          }
          if (verb !== undefined) {
            const text =
              leftovers.length === 0
                ? `${path} is no leftover: it belongs to a live mailbox, a user or the server, or is not there.`
                : leftovers.map(explanation).join('\n\n');
            return { body: { leftovers }, text };
          }
          const rows = leftovers.map((l) => [
            l.class,
            l.verdict,
            l.mailbox ?? '',
            l.messages,
            formatBytes(l.bytes),
            l.paths[0] ?? '',
            l.evidence[0],
          ]);
          return {
            body: { leftovers },
            text:
              rows.length === 0
                ? 'No leftovers.'
                : table(['class', 'verdict', 'mailbox', 'messages', 'size', 'path', 'evidence'], rows),
          };
        } finally {
          source.close();
        }
      });
    });
}

function checkWords(
  { class: classes, verdict }: LeftoversOptions,
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
  if (verb !== undefined && (verb !== 'explain' || path === undefined))
    throw new ConfigError(
      `leftovers ${verb}`,
      'the only word it takes is "explain", with a path',
      'Give: leftovers explain PATH.',
    );
}

function isAbout(leftover: Leftover, path: string): boolean {
  const wanted = path.replace(/\/+$/, '');
  return leftover.paths.some((p) => p === wanted || wanted.startsWith(`${p}/`));
}

function explanation(l: Leftover): string {
  return [
    `${l.class}, verdict ${l.verdict}`,
    ...l.paths.map((p) => `  ${p}`),
    `  ${l.files} files, ${l.messages} messages, ${formatBytes(l.bytes)}${l.mailbox === null ? '' : `, once ${l.mailbox}`}`,
    ...l.evidence.map((e) => `  - ${e}`),
    ...l.onlyHere.map((m) => `  nowhere else: ${m.path} (${m.bytes} bytes, ${m.guid})`),
  ].join('\n');
}
