import { RefusedError } from '../base/errors.js';
import type { State } from '../state/state.js';

/** @param because What speaks against it since then. @throws RefusedError where the cutover is final */
export function requireNotFinal(state: State, because: string): void {
  const final = state.fact('final');
  if (final === undefined) return;
  throw new RefusedError(
    'The cutover is final',
    `since ${final} ${because}`,
    'If it is to be taken back, run `cyrsync reopen`.',
    { code: 'final' },
  );
}
