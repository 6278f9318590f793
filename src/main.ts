#!/usr/bin/env node
/** Starts the command line; turns what was thrown into a message and an exit code. */
import { Command, CommanderError } from 'commander';
import { EXIT_MEANINGS, Exit } from './base/exit.js';
import { cutoverCommand } from './cli/cutover.js';
import { dbCommand } from './cli/db.js';
import { demoCommand } from './cli/demo.js';
import { initCommand } from './cli/init.js';
import { leftoversCommand } from './cli/leftovers.js';
import { planCommand } from './cli/plan.js';
import { presyncCommand } from './cli/presync.js';
import { reopenCommand } from './cli/reopen.js';
import { VERSION } from './cli/run.js';
import { statusCommand } from './cli/status.js';
import { surveyCommand } from './cli/survey.js';
import { verifyCommand } from './cli/verify.js';
import { whereCommand } from './cli/where.js';
import { printDocument } from './report/document.js';

const program = new Command('cyrsync')
  .description('Migrates a Cyrus IMAP spool: incremental passes from a live server, then a cutover of minutes.')
  .version(VERSION)
  .exitOverride()
  .addHelpText(
    'after',
    `\nExit codes:\n${EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`).join('\n')}`,
  );
for (const command of [
  initCommand,
  surveyCommand,
  planCommand,
  whereCommand,
  presyncCommand,
  cutoverCommand,
  reopenCommand,
  verifyCommand,
  leftoversCommand,
  statusCommand,
  dbCommand,
  demoCommand,
]) {
  program.addCommand(command());
}
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
