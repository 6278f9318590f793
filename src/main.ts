/** Starts the command line; turns what was thrown into a message and an exit code. */
import { Command, CommanderError } from 'commander';
import { EXIT_MEANINGS, Exit } from './base/exit.js';
import { VERSION } from './base/version.js';
import { printDocument } from './report/document.js';

// Stats that are asked for early wait for a disk on Node's threads for files (stat-sweep.ts), which are made at the first
// use: 8 at a time took half as long as 4, 16 no less.
process.env['UV_THREADPOOL_SIZE'] ??= '8';

/** Loaded when asked for: the modules of all commands take longer to load than an idle pass over 3,000 mailboxes. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import('./cli/init.js')).initCommand(),
  survey: async () => (await import('./cli/survey.js')).surveyCommand(),
  plan: async () => (await import('./cli/plan.js')).planCommand(),
  where: async () => (await import('./cli/where.js')).whereCommand(),
  presync: async () => (await import('./cli/presync.js')).presyncCommand(),
  watch: async () => (await import('./cli/watch.js')).watchCommand(),
  cutover: async () => (await import('./cli/cutover.js')).cutoverCommand(),
  reopen: async () => (await import('./cli/reopen.js')).reopenCommand(),
  verify: async () => (await import('./cli/verify.js')).verifyCommand(),
  leftovers: async () => (await import('./cli/leftovers.js')).leftoversCommand(),
  status: async () => (await import('./cli/status.js')).statusCommand(),
  report: async () => (await import('./cli/report.js')).reportCommand(),
  db: async () => (await import('./cli/db.js')).dbCommand(),
  demo: async () => (await import('./cli/demo.js')).demoCommand(),
};

async function main(): Promise<void> {
  const program = new Command('cyrsync')
    .description('Migrates a Cyrus IMAP spool: incremental passes from a live server, then a cutover of minutes.')
    .version(VERSION)
    .exitOverride()
    .addHelpText(
      'after',
      `\nExit codes:\n${EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`).join('\n')}`,
    );
  // A first word that is a command needs no other; anything else may be help, a slip of the pen, `help presync`.
  const first = process.argv[2] ?? '';
  for (const name of Object.hasOwn(COMMANDS, first) ? [first] : Object.keys(COMMANDS))
    program.addCommand(await COMMANDS[name]!());
  const json = process.argv.includes('--json');
  if (json)
    for (const command of [program, ...program.commands, ...program.commands.flatMap((c) => c.commands)])
      command.configureOutput({ writeErr: () => {} });

  const startedAt = new Date().toISOString();
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const asked = error.exitCode === 0; // --help, --version
    process.exitCode = asked ? Exit.done : Exit.usage;
    if (json && !asked) {
      const problem = { code: 'usage', message: error.message.replace(/^error: /, ''), advice: 'See cyrsync --help.' };
      process.stdout.write(
        printDocument(
          {
            cyrsync: VERSION,
            schema: 'error/1',
            job: null,
            startedAt,
            finishedAt: new Date().toISOString(),
            seconds: 0,
            exit: Exit.usage,
            problems: [problem],
          },
          {},
        ),
      );
    }
  }
}

// A log on a full disk, a reader that has gone: no reason to end a pass. Whoever writes a result looks whether it went out.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

// What is thrown here ends the process with its stack.
void main();
