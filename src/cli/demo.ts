import type { Command } from 'commander';
import { runDemo } from '../demo/demo.js';
import { type CommonOptions, commonCommand, run } from './run.js';

export function demoCommand(): Command {
  return commonCommand('demo', 'the whole of a migration on a bundled spool, nothing set up')
    .option('--keep <dir>', 'work in this directory')
    .action(async (options: CommonOptions & { keep?: string }) => {
      await run('demo/1', options, () => {
        const show = !options.json && !options.quiet;
        const dir = runDemo(options.keep, (text) => show && process.stdout.write(`${text}\n`));
        return { body: { directory: dir }, text: '' };
      });
    });
}
