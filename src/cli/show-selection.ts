import type { SourceTrees } from '../disk/trees.js';
import type { Inventory } from '../inventory/inventory.js';
import { selectionProblem, summariseSelection } from '../inventory/selection-summary.js';
import type { Job } from '../job/job.js';
import type { ProblemList } from '../model/problem.js';
import type { SelectionSummary } from '../model/selection-summary.js';
import { selectionText } from '../report/selection-text.js';
import type { State } from '../state/state.js';
import type { Environment } from './run.js';

/** For the document and the text; the sums of it are kept for `status`. */
export function showSelection(
  job: Job,
  state: State,
  source: SourceTrees,
  inventory: Inventory,
  { problems }: Pick<Environment, 'problems'>,
): SelectionSummary {
  const summary = summariseSelection(job, source, inventory);
  keepSelection(state, summary, problems);
  return summary;
}

export function keepSelection(state: State, summary: SelectionSummary, problems: ProblemList): void {
  for (const problem of selectionProblem(summary)) problems.add(problem);
  state.setFact('selection', JSON.stringify({ ...summary, staying: [] }));
}

/** As the last survey, plan or cutover had it, without those who stay. */
export function savedSelection(state: State): SelectionSummary | null {
  const text = state.fact('selection');
  return text === undefined ? null : (JSON.parse(text) as SelectionSummary);
}

export function selectionLines(summary: SelectionSummary | null): string[] {
  const text = summary === null ? '' : selectionText(summary);
  return text === '' ? [] : [text];
}
