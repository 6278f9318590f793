import { readFileSync } from 'node:fs';
import { ConfigError } from '../base/errors.js';

/**
 * The numeric id of a user or group by name, in `ROOT/etc/passwd` or `ROOT/etc/group`; a number stands for itself.
 * @throws ConfigError where the name is not there.
 */
export function lookupId(name: string, root: string, file: 'passwd' | 'group'): number {
  if (/^\d+$/.test(name)) return Number(name);
  const path = `${root}/etc/${file}`;
  let text = '';
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    throw new ConfigError(`${path} can not be read`, String(error), 'Set owner and group in the job file as numbers.', {
      cause: error,
    });
  }
  for (const line of text.split('\n')) {
    const fields = line.split(':');
    if (fields[0] === name && /^\d+$/.test(fields[2] ?? '')) return Number(fields[2]);
  }
  const [what, key] = file === 'passwd' ? ['user', 'owner'] : ['group', 'group'];
  throw new ConfigError(
    `There is no ${what} "${name}" on the target`,
    `${path} does not name it`,
    `Install the new server first, or set ${key} below [target] in the job file.`,
  );
}
