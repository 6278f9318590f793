import type { AllowedDifference } from './state-diff.js';

/** Of `quotaRoots.corrected` in `cutover/1`. */
export interface Correction {
  readonly root: string;
  readonly resource: string;
  readonly recorded: number;
  readonly actual: number;
}

/**
 * Usage that the old server had wrong is summed anew, so that `quota -f` finds nothing: each figure as cutover said.
 * @param separator of the target's names
 */
export function correctedUsage(
  { root, resource, recorded, actual }: Correction,
  separator: '/' | '.' = '/',
): AllowedDifference {
  const shown = (n: number) => Math.floor(resource === 'STORAGE' ? n / 1024 : n);
  const external = separator === '/' ? root.replaceAll('.', '/').replaceAll('^', '.') : root;
  const name = external.replace(/[/.^$*+?()[\]{}|\\]/g, '\\$&');
  return {
    path: / > quota$/,
    from: new RegExp(`${name} \\(.*\\b${resource} ${shown(recorded)} `),
    to: new RegExp(`(?:${name}|INBOX) \\(.*\\b${resource} ${shown(actual)} `),
    why: `usage that the old server had recorded wrong: ${root}`,
  };
}
