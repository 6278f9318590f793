import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { ConfigError, CyrsyncError, FormatError } from '../base/errors.js';
import { Exit } from '../base/exit.js';
import { readDatabase, writeDatabase } from '../cyrus/db/database.js';
import { CYRUS_VERSIONS, type CyrusVersion, parseCyrusVersion } from '../cyrus/version.js';
import { bytesOfText } from '../disk/os-path.js';
import { readQuietly } from '../disk/read-quietly.js';
import { entriesOf } from '../inventory/read-mailboxes-db.js';
import { type CommonOptions, commonCommand, run } from './run.js';

export function dbCommand(): Command {
  return new Command('db')
    .summary('Cyrus databases, on their own')
    .exitOverride()
    .addCommand(
      commonCommand('dump', 'key, TAB, value of every entry, bytes as they are')
        .argument('<file>')
        .option('--of <version>', 'the Cyrus that wrote it: before 2.5 a flat file escapes nothing', '3.6')
        .action(async (file: string, options: CommonOptions & { of: string }) => {
          await run('db-dump/1', options, () => {
            const entries = open(file, options.of);
            const raw = Buffer.from(entries.map(({ key, value }) => `${key}\t${value}\n`).join(''), 'latin1');
            return options.json ? { body: { entries }, text: '' } : { body: {}, text: '', raw };
          });
        }),
    )
    .addCommand(
      commonCommand('convert', 'write all entries in another backend')
        .argument('<file>')
        .argument('<new-file>')
        .requiredOption('--to <backend>', 'flat, skiplist or twoskip')
        .option('--for <version>', 'the Cyrus that will read it', '3.6')
        .option('--of <version>', 'the Cyrus that wrote it: before 2.5 a flat file escapes nothing', '3.6')
        .action(async (file: string, to: string, options: CommonOptions & { to: string; for: string; of: string }) => {
          await run('db-convert/1', options, () => {
            const version = versionOf('--for', options.for);
            if (options.to !== 'flat' && options.to !== 'skiplist' && options.to !== 'twoskip')
              throw new ConfigError(`--to ${options.to}`, 'it takes flat, skiplist or twoskip', 'Give one of these.');
            const entries = open(file, options.of);
            writeFileSync(to, writeDatabase(options.to, entries, { version, nowSec: Math.floor(Date.now() / 1000) }), {
              mode: 0o600,
              flag: 'wx',
            });
            return { body: { entries: entries.length }, text: `${entries.length} entries written to ${to}` };
          });
        }),
    )
    .addCommand(
      commonCommand('check', 'is it whole?')
        .argument('<file>')
        .action(async (file: string, options: CommonOptions) => {
          await run('db-check/1', options, () => {
            const { backend, entries, clean, notes } = readDatabase(read(file), bytesOfText(file));
            const text = `${file}: ${backend}, ${entries.length} entries, ${clean ? 'clean' : `not clean: ${notes.join('; ')}`}`;
            return {
              body: { backend, entries: entries.length, clean, notes },
              text,
              exit: clean ? Exit.done : Exit.needsPerson,
            };
          });
        }),
    );
}

function versionOf(option: string, text: string): CyrusVersion {
  const version = parseCyrusVersion(text);
  if (version) return version;
  throw new ConfigError(`${option} ${text}`, 'it is no release of Cyrus', `Give one of ${CYRUS_VERSIONS.join(', ')}.`);
}

function read(file: string): Buffer {
  try {
    return readQuietly(bytesOfText(file));
  } catch (error) {
    throw new ConfigError(
      `${file} can not be read`,
      String(error instanceof Error ? error.message : error),
      'Name a file that is there, and that you may read.',
      { cause: error },
    );
  }
}

function open(file: string, of: string) {
  const version = versionOf('--of', of);
  try {
    return entriesOf(read(file), bytesOfText(file), version);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new CyrsyncError(`${file} can not be read`, error.message, 'See `cyrsync db check`.', { cause: error });
  }
}
