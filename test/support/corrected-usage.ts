import type { AllowedDifference } from './state-diff.js';

/** Of `cutover/1`. */
export interface Correction {
  readonly root: string;
  readonly resource: string;
  readonly recorded: number;
  readonly actual: number;
}

/** Usage that the old server had wrong is summed anew, so that `quota -f` finds nothing: each figure as cutover said. */
export function correctedUsage({ root, resource, recorded, actual }: Correction): AllowedDifference {
  const shown = (n: number) => Math.floor(resource === 'STORAGE' ? n / 1024 : n);
  const name = root.replaceAll('.', '/').replaceAll('^', '.').replace(/[/.]/g, '\\$&');
  return {
    path: / > quota$/,
    from: new RegExp(`${name} \\(.*\\b${resource} ${shown(recorded)} `),
    to: new RegExp(`(?:${name}|INBOX) \\(.*\\b${resource} ${shown(actual)} `),
    why: `usage that the old server had recorded wrong: ${root}`,
  };
}
