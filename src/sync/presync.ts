/**
 * A presync, as cheap as may be: where the list of the last pass shows that nothing changed, three stats a mailbox and
 * no more; where some mailboxes changed and nothing else, these; else the whole pass.
 */
import { partitionRoots } from '../cyrus/conf/partitions.js';
import { databaseDirectories } from '../cyrus/layout/config-paths.js';
import { isDirectory, readDirectoryIsEmpty } from '../disk/empty.js';
import { SourceTrees } from '../disk/trees.js';
import type { Job } from '../job/job.js';
import type { State } from '../state/state.js';
import { Batches } from './batches.js';
import { clearAnchors } from './links.js';
import { type PartialTodo, type PartialWork, partialTask, partialWork, wordsOfPrint } from './partial-pass.js';
import { type PassOptions, type PassResult, runPass } from './pass.js';
import type { PassContext } from './pass-context.js';
import { noFigures, type PassFigures } from './pass-figures.js';
import { asPass, missingRoots, openTargets, type PassSession, rootsWithMail } from './pass-session.js';
import { type Swept, sweepByList } from './sweep-list.js';
import { requireTargetReads } from './target-version.js';

export async function runPresync(
  job: Job,
  state: State,
  options: PassOptions,
  context: PassContext,
): Promise<PassResult | { readonly figures: PassFigures }> {
  const quick = options.full || options.checksum ? undefined : await quickPass(job, state, options, context);
  return quick ? { figures: quick } : runPass(job, state, options, context);
}

/** What of a pass is refused or checked at its beginning counts here too; the whole pass then says it. */
async function quickPass(
  job: Job,
  state: State,
  options: PassOptions,
  context: PassContext,
): Promise<PassFigures | undefined> {
  const startedAt = new Date();
  const source = new SourceTrees(job.source);
  try {
    requireTargetReads(job);
    if (missingRoots(job, source).length > 0) return undefined;
    const { conf, real } = job.target;
    if (![...partitionRoots(conf), ...databaseDirectories(conf)].every((path) => isDirectory(real(path))))
      return undefined;
    const held = rootsWithMail(state).map((path) => source.root(path));
    if (held.some((root) => root === undefined || readDirectoryIsEmpty(root))) return undefined;
    const swept = sweepByList(job, state, source);
    const work = swept && partialWork(job, state, source, swept);
    if (!work) return undefined;
    for (const problem of swept.problems) context.problems.add(problem);
    const figures = noFigures();
    figures.mailboxes.total = swept.total;
    figures.mailboxes.failed = swept.failed;
    figures.mailboxes.unchanged = swept.total - swept.failed - work.todos.length;
    if (work.todos.length > 0) {
      await asPass(job, state, options.kind, async (session) => {
        await copyChanged(job, state, swept, work, figures, context, session);
        return { figures };
      });
      context.stop.throwIfInterrupted();
    } else {
      figures.complete = true;
      state.recordIdlePass(options.kind, startedAt, figures);
    }
    return figures;
  } finally {
    source.close();
  }
}

async function copyChanged(
  job: Job,
  state: State,
  swept: Swept,
  { todos, seen }: PartialWork,
  figures: PassFigures,
  context: PassContext,
  { target, pool }: PassSession,
): Promise<void> {
  state.sweep.strike(todos.map(({ position }) => position));
  state.mailboxes.keepsSweep = true;
  try {
    state.mailboxes.sight(seen);
    openTargets(job, target, false);
    const news: { position: number; words: Buffer }[] = [];
    const batches = new Batches<PartialTodo>(state, target, pool, context, figures, {
      taskOf: ({ id }) => partialTask(job, state.mailboxes.get(id)!, swept.third === 'expunge'),
      onDone: ({ position }, { print }) => {
        if (print !== null) news.push({ position, words: wordsOfPrint(print) });
      },
    });
    await batches.run(todos);
    state.sweep.renew(news);
  } finally {
    state.mailboxes.keepsSweep = false;
  }
  if (!context.stop.stopped) for (const root of target.opened) clearAnchors(root);
  figures.complete = !context.stop.stopped;
}
